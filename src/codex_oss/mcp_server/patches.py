"""The changes of an edit as Codex tells them to clients: by path, before they are made.

Source of the shapes: ``codex/event`` of ``codex mcp-server`` 0.148.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, assert_never, cast

import msgspec

from codex_oss.errors import PatchError, ToolError
from codex_oss.items import Call, FunctionCall
from codex_oss.patch import foreign
from codex_oss.patch.parse import (
    BEGIN,
    END,
    AddFile,
    DeleteFile,
    Hunk,
    ReplaceText,
    UpdateFile,
    WriteFile,
    parse,
)
from codex_oss.tools import apply_patch, edit_file, write_file
from codex_oss.tools.spec import arguments
from codex_oss.wire.json_text import NOT_JSON


def hunks_in(call: Call) -> list[Hunk]:
    """Return what a call changes, be it a patch, a command with one or another edit."""
    try:
        match call.name:
            case edit_file.NAME:
                given = arguments(call, edit_file.EditArguments)
                return [*edit_file.hunks(given, edit_file.spec())]
            case write_file.NAME:
                whole = arguments(call, write_file.WriteArguments)
                return [WriteFile(whole.path, whole.content)]
            case apply_patch.NAME if BEGIN not in _text(call):
                patch = foreign.read(apply_patch.unwrap(_text(call)).patch)
                return patch.hunks if patch else []
            case _:
                text = _patch_in(call)
                return parse(text).hunks if text else []
    except (PatchError, ToolError):
        return []


def _text(call: Call) -> str:
    return call.arguments if isinstance(call, FunctionCall) else call.input


def _patch_in(call: Call) -> str:
    """Return the patch in a call's arguments, a command's included; empty if none."""
    text = _text(call)
    try:
        decoded: object = msgspec.json.decode(text)
    except NOT_JSON:
        decoded = text
    values = [decoded]
    if isinstance(decoded, dict):
        values = list(cast("dict[str, object]", decoded).values())
    for value in values:
        if isinstance(value, str) and BEGIN in value:
            begin = value.index(BEGIN)
            end = value.find(END, begin)
            return value[begin : end + len(END)] if end >= 0 else value[begin:]
    return ""


def changes(hunks: Sequence[Hunk], cwd: str) -> dict[str, Any]:
    """Return absolute paths and what happens to each."""
    told: dict[str, Any] = {}
    for hunk in hunks:
        path = str(PurePosixPath(cwd) / hunk.path)
        match hunk:
            case AddFile(content=content) | WriteFile(content=content):
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
            case ReplaceText(old=old, new=new):
                lines = [f"-{line}" for line in old.splitlines()]
                lines += [f"+{line}" for line in new.splitlines()]
                earlier = told.get(path, {}).get("unified_diff", "")
                told[path] = {
                    "type": "update",
                    "unified_diff": earlier + "\n".join(["@@", *lines, ""]),
                    "move_path": None,
                }
            case _:
                assert_never(hunk)
    return told
