"""The `apply_patch` tool: change files by a patch, whole or not at all."""

from pathlib import Path
from typing import Any, cast

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call, FunctionCall
from codex_oss.patch import foreign, heredoc
from codex_oss.patch.parse import parse
from codex_oss.ports import Output, Scope
from codex_oss.tools.edits import Edit, Edits
from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wire.responses import CustomTool, FunctionTool

NAME = "apply_patch"

_TEXT_KEYS = ("input", "patch", "content", "diff", "command", "cmd")
"""Where models put the patch: ours, then names that they know from elsewhere."""
_LAYERS = 3
"""How many layers of JSON and shell are taken off an argument."""


class ApplyPatch:
    """The tool, as a function with one argument or, ``freeform``, as plain text."""

    def __init__(
        self,
        edits: Edits,
        *,
        freeform: bool,
    ) -> None:
        self._edits = edits
        self._freeform = freeform

    @property
    def spec(self) -> FunctionTool | CustomTool:
        """Name, description and parameters, as the model gets them."""
        description = _beside(".md").rstrip()
        if self._freeform:
            grammar = {
                "type": "grammar",
                "syntax": "lark",
                "definition": _beside(".lark"),
            }
            return CustomTool(name=NAME, description=description, format=grammar)
        return FunctionTool(
            name=NAME, description=description, parameters=_PARAMETERS, strict=False
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        """Apply the patch of ``call``, however the model has wrapped it."""
        text = call.arguments if isinstance(call, FunctionCall) else call.input
        found = unwrap(text)
        cwd = scope.cwd / found.workdir if found.workdir else scope.cwd
        return await apply_text(found.patch, cwd, scope, self._edits)

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "The whole patch"}},
    "required": ["input"],
    "additionalProperties": False,
}


def _beside(suffix: str) -> str:
    return Path(__file__).with_suffix(suffix).read_text(encoding="utf-8")


# --- the argument ---------------------------------------------------------------------


def unwrap(text: str) -> heredoc.Invocation:
    """Return the patch inside ``text``: JSON of any known shape, a command, or itself.

    Raises ``ToolError`` when ``text`` is JSON that holds no patch.
    """
    workdir = None
    for _ in range(_LAYERS):
        invocation = heredoc.recognise(text)
        if invocation is not None:
            return heredoc.Invocation(invocation.patch, invocation.workdir or workdir)
        if not text.lstrip().startswith(("{", "[", '"')):
            break
        text, given = _take(_decode(text))
        workdir = given or workdir
    return heredoc.Invocation(text, workdir)


def _decode(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON as error:
        import json  # noqa: PLC0415  only for JSON with raw newlines in its strings

        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError):
            raise ToolError(f"failed to parse function arguments: {error}") from error


def _take(value: object) -> tuple[str, str | None]:
    """Return the patch text in a decoded argument, and the directory beside it."""
    if isinstance(value, str):
        return value, None
    if isinstance(value, list):
        words = cast("list[object]", value)
        if words and isinstance(words[-1], str):
            return words[-1], None
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        named = next((fields[key] for key in _TEXT_KEYS if key in fields), None)
        if isinstance(named, str | list):
            text, _ = _take(cast("object", named))
            workdir = fields.get("workdir")
            return text, workdir if isinstance(workdir, str) else None
    raise ToolError("failed to parse function arguments: missing field `input`")


# --- the work -------------------------------------------------------------------------


async def apply_text(text: str, cwd: Path, scope: Scope, edits: Edits) -> Output:
    """Apply a patch text under ``cwd`` and return what the model reads."""
    edit = Edit(
        form="patch",
        read=lambda: foreign.read(text) or parse(text),
        cwd=cwd,
        failing="apply_patch verification failed",
        source=text,
    )
    return await edits.make(edit, scope)
