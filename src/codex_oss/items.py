"""What a conversation is made of: the items of the Responses API.

Source of the shapes: OpenAI's Responses API as the Codex CLI 0.169 sends and accepts
it. Items go to the model's server, come from it, and are stored on disk in this
one form.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Unknown:
    """A JSON object of a type that this program does not know, kept byte for byte."""

    __slots__ = ("raw",)

    def __init__(self, raw: bytes) -> None:
        self.raw = Raw(raw)

    @property
    def type(self) -> str:
        """The object's own ``type``, or an empty string."""
        try:
            return msgspec.json.decode(self.raw, type=_Tag).type
        except msgspec.ValidationError:
            return ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and bytes(self.raw) == bytes(other.raw)

    def __hash__(self) -> int:
        return hash(bytes(self.raw))

    def __repr__(self) -> str:
        return f"Unknown({bytes(self.raw)!r})"


class _Tag(msgspec.Struct):
    type: str = ""


class Tagged(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=False
):
    """Base of all objects that carry their kind in ``type``."""


# --- parts of a message's content --------------------------------------------------


class InputText(Tagged, frozen=True, kw_only=True, tag="input_text"):
    """Text from the user, the developer or a tool."""

    text: str


class OutputText(Tagged, frozen=True, kw_only=True, tag="output_text"):
    """Text that the model wrote."""

    text: str
    annotations: list[Any] = []


class Refusal(Tagged, frozen=True, kw_only=True, tag="refusal"):
    """The model's words when it declines."""

    refusal: str


class InputImage(Tagged, frozen=True, kw_only=True, tag="input_image"):
    """An image: ``image_url`` is an http(s) or ``data:`` URL."""

    image_url: str
    detail: str | UnsetType = UNSET


Part = InputText | OutputText | Refusal | InputImage | Unknown


class SummaryText(Tagged, frozen=True, kw_only=True, tag="summary_text"):
    """One paragraph of a summary of the model's reasoning."""

    text: str


class ReasoningText(Tagged, frozen=True, kw_only=True, tag="reasoning_text"):
    """The model's own reasoning, as it thought it."""

    text: str


# --- items -------------------------------------------------------------------------

Role = Literal["user", "assistant", "system", "developer"]


class Message(Tagged, frozen=True, kw_only=True, tag="message"):
    """Something that was said. ``content`` keeps its order."""

    role: Role
    content: list[Part]
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    phase: str | UnsetType = UNSET


class Reasoning(Tagged, frozen=True, kw_only=True, tag="reasoning"):
    """What the model thought: a summary, the text itself, or an opaque blob."""

    summary: list[SummaryText] = []
    content: list[ReasoningText] | None | UnsetType = UNSET
    encrypted_content: str | None | UnsetType = UNSET
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class FunctionCall(Tagged, frozen=True, kw_only=True, tag="function_call"):
    """A call of a function tool. ``arguments`` is JSON text, as the model wrote it."""

    name: str
    arguments: str
    call_id: str
    namespace: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class FunctionCallOutput(Tagged, frozen=True, kw_only=True, tag="function_call_output"):
    """What a function tool answered: text, or parts when it holds images."""

    call_id: str
    output: str | list[Part]
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class CustomToolCall(Tagged, frozen=True, kw_only=True, tag="custom_tool_call"):
    """A call of a freeform tool: ``input`` is plain text, not JSON."""

    name: str
    input: str
    call_id: str
    namespace: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class CustomToolCallOutput(
    Tagged, frozen=True, kw_only=True, tag="custom_tool_call_output"
):
    """What a freeform tool answered."""

    call_id: str
    output: str | list[Part]
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class ToolSearchCall(Tagged, frozen=True, kw_only=True, tag="tool_search_call"):
    """A search of the model for tools that it was not told of.

    ``execution`` is ``client`` when the client searches. Then there is a ``call_id``.
    """

    call_id: str
    execution: str = "client"
    arguments: dict[str, Any] = {}
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class ToolSearchOutput(Tagged, frozen=True, kw_only=True, tag="tool_search_output"):
    """The tools that a search found, as JSON: they are offered from here on."""

    call_id: str
    execution: str = "client"
    tools: list[dict[str, Any]] = []
    id: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class AdditionalTools(Tagged, frozen=True, kw_only=True, tag="additional_tools"):
    """Tools, as JSON, that a client offers inside of its conversation."""

    tools: list[dict[str, Any]]
    role: str | UnsetType = UNSET
    id: str | UnsetType = UNSET


Call = FunctionCall | CustomToolCall
CallOutput = FunctionCallOutput | CustomToolCallOutput
Item = (
    Message
    | Reasoning
    | FunctionCall
    | FunctionCallOutput
    | CustomToolCall
    | CustomToolCallOutput
    | ToolSearchCall
    | ToolSearchOutput
    | AdditionalTools
    | Unknown
)

HANDOFF = "<handoff>"
"""How the message begins that stands for what was left out of a conversation."""
_NOT_TYPED = (
    HANDOFF,
    "<environment_context>",
    "# AGENTS.md instructions",
    "<skill>",
    "<turn_aborted>",
)
"""How messages of the user's begin that nobody typed: ours, and the Codex CLI's."""


def is_prompt(item: Item) -> bool:
    """Return whether a person, or who speaks for one, has said this."""
    if not isinstance(item, Message) or item.role != "user":
        return False
    return not text_of(item.content).startswith(_NOT_TYPED)


def user(text: str) -> Message:
    """Return a user's message of one text part."""
    return Message(role="user", content=[InputText(text=text)])


def text_of(content: list[Part]) -> str:
    """Return all text of ``content``, parts joined without a separator."""
    return "".join(
        part.text for part in content if isinstance(part, InputText | OutputText)
    )


def text_of_output(output: str | list[Part]) -> str:
    """Return the text of a tool's output; images are left out."""
    return output if isinstance(output, str) else text_of(output)
