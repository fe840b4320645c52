"""The `edit_file` tool: one text of a file for another."""

from pathlib import Path
from typing import Any, cast

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call
from codex_oss.patch.parse import Patch, ReplaceText
from codex_oss.ports import Output, Scope
from codex_oss.tools.edits import Edit, Edits
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.translate import repair
from codex_oss.wire.responses import FunctionTool

NAME = "edit_file"

_PROPERTIES: dict[str, dict[str, Any]] = {
    "path": {"type": "string"},
    "old_text": {"type": "string"},
    "new_text": {"type": "string"},
    "replace_all": {"type": "boolean"},
}
_REQUIRED = ("path", "old_text", "new_text")


class EditArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``edit_file``. ``edits``: several at once, as others have it."""

    path: str = ""
    old_text: str | None = None
    new_text: str | None = None
    replace_all: bool = False
    edits: list[Any] = []


def spec() -> FunctionTool:
    """Return the tool as a model is told of it."""
    return function_tool(NAME, _PROPERTIES, required=_REQUIRED)


class EditFile:
    """Replaces a text that is in a file once (``ports.Tool``)."""

    def __init__(self, edits: Edits) -> None:
        self._edits = edits

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return spec()

    async def run(self, call: Call, scope: Scope) -> Output:
        """Replace the text, or say why not and what to send."""
        patch = Patch([*hunks(arguments(call, EditArguments), self.spec)])
        edit = Edit(
            form="replace",
            read=lambda: patch,
            cwd=scope.cwd,
            failing="edit_file failed",
            source=patch,
        )
        return await self._edits.make(edit, scope)

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


def hunks(given: EditArguments, spec: FunctionTool) -> list[ReplaceText]:
    """Return the edits of a call. Raises ``ToolError`` when something is missing."""
    if given.old_text is None and given.edits:
        return [_one(each, given.path, spec) for each in given.edits]
    for key in _REQUIRED:
        if not isinstance(getattr(given, key), str) or not given.path:
            raise ToolError(f"failed to parse function arguments: missing `{key}`")
    return [_hunk(given)]


def _one(each: object, path: str, spec: FunctionTool) -> ReplaceText:
    """Return one of several edits, whatever its keys are called."""
    fields = {"path": path} | (
        cast("dict[str, Any]", each) if isinstance(each, dict) else {}
    )
    text = msgspec.json.encode(fields).decode()
    mended = repair.mend_arguments(text, spec.parameters) or text
    if lacking := repair.missing(mended, spec.parameters):
        named = ", ".join(lacking)
        raise ToolError(f"failed to parse function arguments: an edit lacks {named}")
    try:
        return _hunk(msgspec.json.decode(mended, type=EditArguments))
    except msgspec.ValidationError as error:
        raise ToolError(f"failed to parse function arguments: {error}") from error


def _hunk(given: EditArguments) -> ReplaceText:
    return ReplaceText(
        path=str(Path(given.path)),
        old=given.old_text or "",
        new=given.new_text or "",
        everywhere=given.replace_all,
    )
