"""Hunks to changes, then to disk: all of them or none.

``plan`` reads and computes everything; ``write`` first puts every new content into a
file beside its place, which is where a full disk or a missing permission shows, then
renames, and takes back what it did if a rename fails. A patch that does not match
writes nothing.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, assert_never

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.locate import locate
from codex_oss.patch.parse import AddFile, Chunk, DeleteFile, Hunk, Patch, UpdateFile

MAX_FILE_BYTES = 16 * 1024 * 1024
"""Larger files are data; editing them by patch would only fill the memory."""

_BOM = b"\xef\xbb\xbf"


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
                entry.added = True
            case DeleteFile():
                entry = self._entry(hunk.path, "read", missing_ok=False)
                entry.after, entry.moved_to = None, None
            case UpdateFile():
                self._update(hunk)
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
        target.after = after

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
            raise PatchError(f"Failed to {doing} {path}: {_cause(error)}") from error
        except PatchError as error:
            raise PatchError(f"Failed to {doing} {path}: {error}") from error
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
    )


def _updated(data: bytes, chunks: Sequence[Chunk], path: Path) -> bytes:
    """Return a file's bytes after ``chunks``; each line keeps its own newline."""
    bom = _BOM if data.startswith(_BOM) else b""
    data = data.removeprefix(_BOM)
    try:
        data.decode()
    except UnicodeDecodeError as error:
        at = error.start + len(bom)
        problem = f"invalid utf-8 sequence of {error.end - error.start} bytes"
        if error.reason == "unexpected end of data":
            problem = "incomplete utf-8 byte sequence"
        raise PatchError(
            f"Failed to read file to update {path}: {problem} from index {at}"
        ) from error
    # bytes.splitlines knows LF, CR and CRLF; str.splitlines knows seven more.
    kept = [line.decode() for line in data.splitlines(keepends=True)]
    lines = [line.rstrip("\r\n") for line in kept]
    newline = kept[0][len(lines[0]) :] or "\n" if kept else "\n"
    if kept and kept[-1] == lines[-1]:
        kept[-1] += newline
    for edit in reversed(locate(lines, chunks, str(path))):
        kept[edit.start : edit.stop] = [text + newline for text in edit.added]
    return bom + "".join(kept).encode()


def _cause(error: OSError) -> str:
    return f"{error.strerror or error} (os error {error.errno or 0})"


def summary(changes: Sequence[Change]) -> str:
    """Return what the model reads: names as in the patch, grouped A, M, D."""
    letters = {"add": "A", "update": "M", "move": "M", "delete": "D"}
    lines = [f"{letters[change.kind]} {change.name}\n" for change in changes]
    groups = [line for letter in "AMD" for line in lines if line[0] == letter]
    return "Success. Updated the following files:\n" + "".join(groups)


# --- write ----------------------------------------------------------------------------


def write(changes: Sequence[Change]) -> None:
    """Bring ``changes`` to disk, all or none. Raises ``PatchError``."""
    writer = _Writer()
    try:
        staged = [(change, writer.stage(change)) for change in changes]
        for change, temp in staged:
            writer.commit(change, temp)
    except BaseException as error:
        lost = writer.roll_back()
        if lost:
            where = ", ".join(lost)
            raise PatchError(f"{error}. Could not be undone: {where}") from error
        raise
    writer.clean()


class _Writer:
    """What was done so far, so that it can be undone."""

    def __init__(self) -> None:
        self._token = os.urandom(4).hex()
        self._undo: list[tuple[Path, Callable[[], object]]] = []
        self._temps: list[Path] = []
        self._kept: list[Path] = []

    def stage(self, change: Change) -> Path | None:
        """Put the new content into a file beside its place."""
        target = change.target
        if target is None or change.after is None:
            return None
        try:
            self._make_parents(target.parent)
            model = change.path if change.kind == "move" else target
            temp = self._beside(target)
            self._temps.append(temp)
            _write_like(temp, change.after, model, target)
        except OSError as error:
            raise _failed("write", target, error) from error
        return temp

    def commit(self, change: Change, temp: Path | None) -> None:
        """Take the old name away and rename the new content into place."""
        doing, path = "delete", change.removed
        try:
            # First: where case does not count, the new name may be the old one.
            if path is not None:
                self._set_aside(path)
            doing, path = "write", change.target
            if temp is not None and path is not None:
                self._put(temp, path)
        except OSError as error:
            raise _failed(doing, path or change.path, error) from error

    def clean(self) -> None:
        """Drop the old files, which only undoing needs."""
        _drop(self._kept)

    def roll_back(self) -> list[str]:
        """Bring back what was there before; return the paths where that failed."""
        _drop(self._temps)
        lost: list[str] = []
        for path, undo in reversed(self._undo):
            try:
                undo()
            except OSError:
                lost.append(str(path))
        if not lost:
            self.clean()
        return lost

    def _beside(self, path: Path) -> Path:
        number = len(self._temps) + len(self._kept)
        return path.parent / f".codex-oss-{self._token}-{number}.tmp"

    def _make_parents(self, directory: Path) -> None:
        missing: list[Path] = []
        while not directory.exists():
            missing.append(directory)
            directory = directory.parent
        for path in reversed(missing):
            path.mkdir()
            self._undo.append((path, path.rmdir))

    def _put(self, temp: Path, path: Path) -> None:
        if path.exists():
            self._keep(path)
            temp.replace(path)
        else:
            temp.replace(path)
            self._undo.append((path, path.unlink))

    def _keep(self, path: Path) -> None:
        _refuse_directory(path)
        kept = self._beside(path)
        try:
            # A second name for the old file: the path is never without a file.
            os.link(path, kept)
        except OSError:
            self._set_aside(path)
            return
        self._kept.append(kept)
        self._undo.append((path, lambda: kept.replace(path)))

    def _set_aside(self, path: Path) -> None:
        _refuse_directory(path)
        kept = self._beside(path)
        path.rename(kept)
        self._kept.append(kept)
        self._undo.append((path, lambda: kept.replace(path)))


def _refuse_directory(path: Path) -> None:
    """Raise if a directory took the file's place since the patch was read."""
    if path.is_dir() and not path.is_symlink():
        raise IsADirectoryError(errno.EISDIR, "Is a directory")


def _drop(files: list[Path]) -> None:
    for path in files:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _write_like(temp: Path, content: bytes, model: Path, target: Path) -> None:
    """Write a new file with the mode and owner of ``model``, if that exists."""
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "Permission denied")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(temp, flags, 0o666), "wb") as file:  # noqa: PTH123  a descriptor
        file.write(content)
        with suppress(FileNotFoundError):
            like = model.stat()
            with suppress(PermissionError):
                os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))


def _failed(doing: str, path: Path, error: OSError) -> PatchError:
    return PatchError(f"Failed to {doing} file {path}: {error.strerror or error}")
