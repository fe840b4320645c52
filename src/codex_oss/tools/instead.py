"""An edit that did not land, in the next simpler form: an example of its own file.

A model that is told only that it was wrong sends the same again. One that sees its
change as a call that would have worked copies that.
"""

import re
from pathlib import Path

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.apply import read_file
from codex_oss.patch.indentation import moved
from codex_oss.patch.index import Index
from codex_oss.patch.meant import has_gap
from codex_oss.patch.nearest import start_of_nearest
from codex_oss.patch.parse import (
    AddFile,
    Chunk,
    DeleteFile,
    Hunk,
    Patch,
    ReplaceText,
    UpdateFile,
    WriteFile,
    parse,
)
from codex_oss.tools.ladder import Form
from codex_oss.tools.readable import Read

SHORT_LINES = 150
"""Longer files are not written anew for one change."""
SHOWN_BYTES = 6000
MAX_EXAMPLE = 40
"""Lines of an example's text: one that is cut would be copied as it is."""
_PATH = r"\*\*\* (?:Update|Add) File: (.+)|^\+\+\+ (?:b/)?(\S+)"


def instead(form: Form, failed: str | Patch, cwd: Path, read: Read = read_file) -> str:
    """Return what to send in ``form`` in place of an edit that failed."""
    files = _Files(cwd, read)
    hunk = _first_wrong(failed, files)
    path = hunk.path if hunk is not None else _path_in(failed)
    if form == "whole":
        return _whole(path, files)
    if isinstance(hunk, AddFile):
        whole = _short(hunk.content) and not has_gap(hunk.content)
        content = hunk.content if whole else "the whole file"
        example = _call("write_file", path=hunk.path, content=content)
        return f"Write new files with write_file instead:\n{example}"
    return _replacing(hunk, path, files)


class _Files:
    """The files of a folder, as far as they may be read."""

    def __init__(self, cwd: Path, read: Read) -> None:
        self._cwd = cwd
        self._read = read

    def lines(self, name: str) -> list[str]:
        try:
            return self._read(self._cwd / name).decode("utf-8-sig").splitlines()
        except (OSError, ValueError, PatchError):
            return []


def _replacing(hunk: Hunk | None, path: str, files: _Files) -> str:
    head = "Patches did not match twice. Use edit_file instead"
    if isinstance(hunk, UpdateFile):
        pair = _pair(files.lines(hunk.path), hunk.chunks)
        if pair is not None:
            example = _call("edit_file", path=path, old_text=pair[0], new_text=pair[1])
            return (
                f"{head}, such as:\n{example}\nold_text must be in the file once, as "
                "it stands there."
            )
    sample = _call(
        "edit_file", path=path or "PATH", old_text="the lines as they are",
        new_text="the lines as they shall be",
    )  # fmt: skip
    return f"{head}:\n{sample}"


def _whole(path: str, files: _Files) -> str:
    lines = files.lines(path) if path else []
    text = "\n".join(lines)
    example = _call("write_file", path=path or "PATH", content="the whole new file")
    if not lines:
        return f"Write the file as a whole instead:\n{example}"
    if len(lines) > SHORT_LINES or len(text.encode()) > SHOWN_BYTES:
        return (
            f"{path} has {len(lines)} lines. Read those around the change with "
            f"exec_command (sed -n '1,60p' {path}) and copy a few of them exactly."
        )
    return (
        f"Write the file as a whole instead, with your change in it:\n{example}\n"
        f"{path} is now:\n{text}"
    )


def _first_wrong(failed: str | Patch, files: _Files) -> Hunk | None:
    """Return the first hunk that is not there, or that can be shown at all."""
    if isinstance(failed, str):
        try:
            failed = parse(failed)
        except PatchError:
            return None
    shown = [hunk for hunk in failed.hunks if not isinstance(hunk, DeleteFile)]
    for hunk in shown:
        match hunk:
            case UpdateFile(path):
                if _wrong(files.lines(path), hunk.chunks) is not None:
                    return hunk
            case ReplaceText() | WriteFile():
                return hunk
            case AddFile():
                pass
    return shown[0] if shown else None


def _wrong(lines: list[str], chunks: list[Chunk]) -> Chunk | None:
    """Return the first chunk whose lines are not in the file."""
    index = Index(lines)
    wrong = (chunk for chunk in chunks if chunk.old and index.find(chunk.old) is None)
    return next(wrong, None)


def _pair(lines: list[str], chunks: list[Chunk]) -> tuple[str, str] | None:
    """Return the file's own lines that a chunk was meant for, and the new ones."""
    chunk = _wrong(lines, chunks) or next((c for c in chunks if c.old), None)
    if chunk is None:
        return None
    at = start_of_nearest(lines, chunk.old)
    there = [] if at is None else lines[at : at + len(chunk.old)]
    if len(there) < len(chunk.old):
        return None
    new = moved(chunk.new, chunk.old, there)
    pair = "\n".join(there), "\n".join(new or chunk.new)
    return pair if all(map(_short, pair)) else None


def _path_in(failed: str | Patch) -> str:
    found = re.search(_PATH, failed, re.MULTILINE) if isinstance(failed, str) else None
    return (found[1] or found[2]).strip() if found else ""


def _short(text: str) -> bool:
    return text.count("\n") < MAX_EXAMPLE


def _call(name: str, **fields: str) -> str:
    return f"{name} {msgspec.json.encode(fields).decode()}"
