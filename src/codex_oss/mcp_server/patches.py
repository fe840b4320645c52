"""The changes of a patch as Codex tells them to clients: by path, before they are made.

Source of the shapes: ``codex/event`` of ``codex mcp-server`` 0.148.
"""

from pathlib import PurePosixPath
from typing import Any, assert_never, cast

import msgspec

from codex_oss.errors import PatchError
from codex_oss.items import Call, FunctionCall
from codex_oss.patch.parse import AddFile, DeleteFile, UpdateFile, parse

_BEGIN, _END = "*** Begin Patch", "*** End Patch"


def patch_in(call: Call) -> str:
    """Return the patch in a call's arguments, a command's included; empty if none."""
    text = call.arguments if isinstance(call, FunctionCall) else call.input
    try:
        decoded: object = msgspec.json.decode(text)
    except msgspec.DecodeError:
        decoded = text
    values = [decoded]
    if isinstance(decoded, dict):
        values = list(cast("dict[str, object]", decoded).values())
    for value in values:
        if isinstance(value, str) and _BEGIN in value:
            begin = value.index(_BEGIN)
            end = value.find(_END, begin)
            return value[begin : end + len(_END)] if end >= 0 else value[begin:]
    return ""


def changes(patch: str, cwd: str) -> dict[str, Any]:
    """Return absolute paths and what happens to each; nothing for what is no patch."""
    try:
        hunks = parse(patch).hunks
    except PatchError:
        return {}
    told: dict[str, Any] = {}
    for hunk in hunks:
        path = str(PurePosixPath(cwd) / hunk.path)
        match hunk:
            case AddFile(content=content):
                told[path] = {"type": "add", "content": content}
            case DeleteFile():
                told[path] = {"type": "delete"}
            case UpdateFile(move_to=move_to, chunks=chunks):
                lines = [line for chunk in chunks for line in ("@@", *chunk.body)]
                told[path] = {
                    "type": "update",
                    "unified_diff": "\n".join([*lines, ""]),
                    "move_path": move_to and str(PurePosixPath(cwd) / move_to),
                }
            case _:
                assert_never(hunk)
    return told
