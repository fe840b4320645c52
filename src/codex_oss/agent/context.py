"""What the model is told before the conversation, and each request.

The prefix is the product's speed: a server that has it cached answers at once. So
nothing here changes from request to request (no date, no id), and the history is
only ever appended to.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET

from codex_oss.items import InputImage, InputText, Item, Message, Part, user
from codex_oss.policy import Permissions
from codex_oss.wire import responses

PromptProfile = Literal["full", "lite"]
LITE_WINDOW = 16_384
"""Windows below this get the lite prompt: full costs an eighth of them."""
LITE_PARAMETERS = 5.0
"""Models of fewer billion parameters get the lite prompt: they lose long ones."""
TINY_PARAMETERS = 1.0
"""Models of fewer billion parameters are told the task and nothing else: what stands
beside it is all they see."""
DOCS_SHARE = 8
"""AGENTS.md may fill this part of a window, if it is known; a token is 4 bytes."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What every request of a session has in common."""

    model: str
    instructions: str
    tools: list[responses.Tool]
    cache_key: str
    reasoning: responses.ReasoningParams | None = None
    text: responses.TextParams | None = None
    form: responses.TextParams | None = None
    """What the final answer is held to, where that needs a request of its own."""


def formed(frame: Frame) -> Frame:
    """Return the frame of the request for the final answer in its form.

    It offers no tools: local servers do not hold an answer to a schema beside them.
    """
    if frame.form is None:
        return frame
    return msgspec.structs.replace(frame, tools=[], text=frame.form)


def hurried(frame: Frame, effort: str) -> Frame:
    """Return the frame of a request whose answer is to be thought about little."""
    summary = frame.reasoning.summary if frame.reasoning else UNSET
    reasoning = responses.ReasoningParams(effort=effort, summary=summary)
    return msgspec.structs.replace(frame, reasoning=reasoning)


def request(
    frame: Frame, history: Sequence[Item], tool_choice: str
) -> responses.Request:
    """Return the request for the history so far."""
    return responses.Request(
        model=frame.model,
        instructions=frame.instructions,
        input=list(history),
        tools=frame.tools or UNSET,
        tool_choice=tool_choice if frame.tools else UNSET,
        parallel_tool_calls=True if frame.tools else UNSET,
        reasoning=frame.reasoning or UNSET,
        text=frame.text or UNSET,
        store=False,
        stream=True,
        include=["reasoning.encrypted_content"],
        prompt_cache_key=frame.cache_key,
    )


def choose_profile(model: str, window: int | None) -> PromptProfile:
    """Return ``lite`` for models that are small by name or have a small window."""
    if window is not None and window < LITE_WINDOW:
        return "lite"
    size = billions(model)
    return "lite" if size is not None and size < LITE_PARAMETERS else "full"


def docs_budget(model: str, window: int | None, limit: int) -> int:
    """Return how many bytes of AGENTS.md the model gets; ``limit`` at most."""
    if tiny(model):
        return 0
    return limit if window is None else min(limit, window * 4 // DOCS_SHARE)


def tiny(model: str) -> bool:
    """Return whether a model is so small that only its task should be in its prompt."""
    size = billions(model)
    return size is not None and size < TINY_PARAMETERS


def billions(model: str) -> float | None:
    """Return the parameters a model's name states, in billions: ``qwen3.5:4b`` is 4.

    The largest number counts (``35b-a3b`` is 35). None when the name states none.
    """
    sizes: list[float] = []
    name = model.lower().removesuffix(".gguf")
    for word in name.replace(":", "-").replace("_", "-").split("-"):
        scale = {"b": 1.0, "m": 0.001}.get(word[-1:])
        try:
            number = float(word[:-1])
        except ValueError:
            continue
        if scale is not None:
            sizes.append(number * scale)
    return max(sizes, default=None)


def environment(cwd: str, shell: str, permissions: Permissions) -> Message:
    """Return what the model must know of the machine, as Codex phrases it."""
    asked = _approvals(permissions)
    lines = [
        "<environment_context>",
        f"  <cwd>{cwd}</cwd>",
        f"  <shell>{shell}</shell>",
        f"  <sandbox>{_sandbox(permissions)}</sandbox>",
        *([f"  <approvals>{asked}</approvals>"] if asked else []),
        "</environment_context>",
    ]
    return user("\n".join(lines))


def _sandbox(permissions: Permissions) -> str:
    network = "network on" if permissions.network else "network off"
    match permissions.mode:
        case "danger-full-access":
            return "none: commands may write anywhere and use the network"
        case "read-only":
            return f"read-only: nothing can be written, {network}"
        case "workspace-write":
            roots = ", ".join((*permissions.writable_roots, *permissions.scratch))
            return f"only these can be written: {roots}; {network}"


def _approvals(permissions: Permissions) -> str:
    """Return what a person can be asked; nothing where nobody is asked."""
    if permissions.approval == "never" or permissions.mode == "danger-full-access":
        return ""
    how = (
        'the user can let a command out of the sandbox: sandbox_permissions="require_'
        'escalated" and a justification'
    )
    if permissions.approval == "untrusted":
        return f"the user is asked before every command that does not only read; {how}"
    return how


def prompt(text: str, images: list[tuple[str, str]]) -> Message:
    """Return the user's message: images first, each with its path, then the text.

    ``images`` are pairs of path and ``data:`` URL; an empty URL stands for a file
    that could not be read.
    """
    parts: list[Part] = []
    for number, (path, url) in enumerate(images, 1):
        if not url:
            parts.append(InputText(text=f"The image at `{path}` could not be read."))
            continue
        parts += [
            InputText(text=f'<image name=[Image #{number}] path="{path}">'),
            InputImage(image_url=url, detail="high"),
            InputText(text="</image>"),
        ]
    parts.append(InputText(text=text))
    return Message(role="user", content=parts)
