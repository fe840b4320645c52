"""Hunks to changes: everything is read, matched and computed, and nothing written.

``patch.write`` brings the changes to disk.
"""

import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, assert_never

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.locate import locate
from codex_oss.patch.meant import content_meant
from codex_oss.patch.parse import (
    UPDATED,
    AddFile,
    Chunk,
    DeleteFile,
    Hunk,
    Patch,
    ReplaceText,
    UpdateFile,
    WriteFile,
)
from codex_oss.patch.replace import newline_of, replaced

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Larger files are data; editing them by patch would only fill the memory."""

_BOM = b"\xef\xbb\xbf"


class Unreadable(PatchError):
    """A file that cannot be read or is no text: no form of edit would change it."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one file.

    ``path`` and ``move_to`` are absolute; ``name`` is the file's name in the patch (a
    moved file's new one). ``target`` is the real path that is written, ``removed`` the
    directory entry that goes. ``after`` is None for a delete.
    """

    path: Path
    kind: Literal["add", "delete", "update", "move"]
    before: bytes | None
    after: bytes | None
    name: str
    move_to: Path | None = None
    target: Path | None = None
    removed: Path | None = None
    whole: bool = False
    """All that the file held was replaced, whatever it was."""
    mended: str = ""
    """What was wrong with the edit and could be put right, in words for the model."""


Read = Callable[[Path], bytes]


def read_file(path: Path) -> bytes:
    """Return a file's bytes; raises ``OSError``, or ``PatchError`` with the cause."""
    if path.exists() and not path.is_file():
        raise PatchError(f"path `{path}` is not a file")
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise PatchError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    return data


# --- plan -----------------------------------------------------------------------------


def plan(patch: Patch, cwd: Path, read: Read = read_file) -> list[Change]:
    """Return what ``patch`` does to the files under ``cwd``, one change per file.

    Raises ``PatchError`` when a file is missing, is not text or does not match.
    """
    tree = _Tree(cwd, read)
    for hunk in patch.hunks:
        tree.apply(hunk)
    changes = tree.changes()
    if not changes:
        raise PatchError("No files were modified.")
    return changes


class _Entry(msgspec.Struct):
    """A file as the hunks so far leave it."""

    path: Path
    real: Path
    name: str
    before: bytes | None
    after: bytes | None
    added: bool = False
    moved_to: "_Entry | None" = None
    whole: bool = False
    mended: str = ""


class _Tree:
    """The files that a patch touches, in memory."""

    def __init__(self, cwd: Path, read: Read) -> None:
        self._cwd = cwd
        self._read = read
        self._entries: dict[Path, _Entry] = {}

    def apply(self, hunk: Hunk) -> None:
        match hunk:
            case AddFile():
                entry = self._entry(hunk.path, "write file")
                entry.after = hunk.content.encode()
                entry.added = entry.whole = True
            case DeleteFile():
                entry = self._entry(hunk.path, "read", missing_ok=False)
                entry.after, entry.moved_to = None, None
            case UpdateFile():
                self._update(hunk)
            case ReplaceText():
                self._replace(hunk)
            case WriteFile():
                entry = self._entry(hunk.path, "write file")
                meant = content_meant(hunk.content, hunk.path)
                entry.after = _whole(entry.after, meant.new)
                entry.whole, entry.mended = True, meant.mended
            case _:
                assert_never(hunk)

    def _update(self, hunk: UpdateFile) -> None:
        entry = self._entry(hunk.path, "read file to update", missing_ok=False)
        after = _updated(entry.after or b"", hunk.chunks, self._cwd / hunk.path)
        target = entry
        if hunk.move_to is not None:
            target = self._entry(hunk.move_to, "write file")
        if target is not entry:
            entry.after, entry.moved_to = None, target
            target.whole = True
        target.after = after

    def _replace(self, hunk: ReplaceText) -> None:
        new_file = not hunk.old.strip()
        entry = self._entry(hunk.path, "read file to update", missing_ok=new_file)
        if new_file and not entry.after:
            entry.after = _whole(None, hunk.new)
            return
        bom, text = _text(entry.after or b"", self._cwd / hunk.path)
        done = replaced(text, hunk.old, hunk.new, hunk.path, everywhere=hunk.everywhere)
        entry.after = bom + done.text.encode()
        entry.mended = done.mended or entry.mended

    def _entry(self, name: str, doing: str, *, missing_ok: bool = True) -> _Entry:
        path = self._cwd / name
        try:
            real = _real(path)
            entry = self._entries.get(real)
            if entry is None:
                before = self._before(path, missing_ok=missing_ok)
                absolute = Path(os.path.normpath(path))
                entry = _Entry(absolute, real, name, before, before)
                self._entries[real] = entry
            elif entry.after is None and not missing_ok:
                raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        except OSError as error:
            raise Unreadable(f"Failed to {doing} {path}: {_cause(error)}") from error
        except PatchError as error:
            raise Unreadable(f"Failed to {doing} {path}: {error}") from error
        return entry

    def _before(self, path: Path, *, missing_ok: bool) -> bytes | None:
        try:
            return self._read(path)
        except (FileNotFoundError, NotADirectoryError):
            if missing_ok:
                return None
            raise

    def changes(self) -> list[Change]:
        moves = {
            id(source): target
            for source in self._entries.values()
            if source.after is None and (target := _destination(source)) is not None
        }
        arrived = {id(target) for target in moves.values()}
        return [
            _change(entry, moves.get(id(entry)))
            for entry in self._entries.values()
            if id(entry) not in arrived and (entry.before, entry.after) != (None, None)
        ]


def _real(path: Path) -> Path:
    if "\0" in str(path):
        raise PatchError("the path has a NUL character")
    return Path(os.path.realpath(path))


def _destination(source: _Entry) -> _Entry | None:
    """Return where a moved file ended, over all its moves; None if it was deleted."""
    target = source.moved_to if source.before is not None else None
    while target is not None and target.after is None:
        target = target.moved_to
    return target


def _change(entry: _Entry, target: _Entry | None) -> Change:
    removed = Path(os.path.realpath(entry.path.parent), entry.path.name)
    if target is not None:
        return Change(
            path=entry.path,
            kind="move",
            before=entry.before,
            after=target.after,
            name=target.name,
            move_to=target.path,
            target=target.real,
            removed=removed,
            whole=target.before is not None,
            mended=target.mended,
        )
    if entry.after is None:
        return Change(
            path=entry.path,
            kind="delete",
            before=entry.before,
            after=None,
            name=entry.name,
            removed=removed,
        )
    added = entry.added or entry.before is None
    return Change(
        path=entry.path,
        kind="add" if added else "update",
        before=entry.before,
        after=entry.after,
        name=entry.name,
        target=entry.real,
        whole=entry.whole and entry.before is not None,
        mended=entry.mended,
    )


def _updated(data: bytes, chunks: Sequence[Chunk], path: Path) -> bytes:
    """Return a file's bytes after ``chunks``; each line keeps its own newline."""
    bom, _ = _text(data, path)
    # bytes.splitlines knows LF, CR and CRLF; str.splitlines knows seven more.
    pieces = data.removeprefix(bom).splitlines(keepends=True)
    kept = [line.decode() for line in pieces]
    lines = [line.rstrip("\r\n") for line in kept]
    newline = kept[0][len(lines[0]) :] or "\n" if kept else "\n"
    if kept and kept[-1] == lines[-1]:
        kept[-1] += newline
    result: list[str] = []
    at = 0
    for edit in locate(lines, chunks, str(path)):
        result += kept[at : edit.start]
        result += [text + newline for text in edit.added]
        at = edit.stop
    return bom + "".join([*result, *kept[at:]]).encode()


def _text(data: bytes, path: Path) -> tuple[bytes, str]:
    """Return a file's byte order mark and its text."""
    bom = _BOM if data.startswith(_BOM) else b""
    try:
        return bom, data.removeprefix(bom).decode()
    except UnicodeDecodeError as error:
        at = error.start + len(bom)
        problem = f"invalid utf-8 sequence of {error.end - error.start} bytes"
        if error.reason == "unexpected end of data":
            problem = "incomplete utf-8 byte sequence"
        raise Unreadable(
            f"Failed to read file to update {path}: {problem} from index {at}"
        ) from error


def _whole(before: bytes | None, content: str) -> bytes:
    """Return ``content`` with the newlines and the mark that the file had before.

    It ends with a newline, unless the file did not.
    """
    old = before or b""
    bom = _BOM if old.startswith(_BOM) and not content.startswith("\ufeff") else b""
    if content and not content.endswith("\n") and (not old or old.endswith(b"\n")):
        content += "\n"
    if "\r\n" not in content and newline_of(old.decode("latin-1")) == "\r\n":
        content = content.replace("\n", "\r\n")
    return bom + content.encode()


def _cause(error: OSError) -> str:
    return f"{error.strerror or error} (os error {error.errno or 0})"


def summary(changes: Sequence[Change]) -> str:
    """Return what the model reads: names as in the patch, grouped A, M, D."""
    letters = {"add": "A", "update": "M", "move": "M", "delete": "D"}
    lines = [f"{letters[change.kind]} {change.name}\n" for change in changes]
    groups = [line for letter in "AMD" for line in lines if line[0] == letter]
    return f"{UPDATED}\n{''.join(groups)}"
