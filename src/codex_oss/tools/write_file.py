"""The `write_file` tool: a file from its first line to its last."""

import msgspec

from codex_oss.items import Call
from codex_oss.patch.parse import Patch, WriteFile
from codex_oss.ports import Output, Scope
from codex_oss.tools.edits import Edit, Edits
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.wire.responses import FunctionTool

NAME = "write_file"


class WriteArguments(msgspec.Struct, frozen=True):
    """The arguments of ``write_file``."""

    path: str
    content: str


class WriteWholeFile:
    """Writes files that are new or were read (``ports.Tool``)."""

    def __init__(self, edits: Edits) -> None:
        self._edits = edits

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        text = {"type": "string"}
        return function_tool(
            NAME, {"path": text, "content": text}, required=("path", "content")
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        """Write the file, or say why not and what to do first."""
        given = arguments(call, WriteArguments)
        patch = Patch([WriteFile(given.path, given.content)])
        edit = Edit(
            form="whole",
            read=lambda: patch,
            cwd=scope.cwd,
            failing="write_file failed",
            source=patch,
        )
        return await self._edits.make(edit, scope)

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""
