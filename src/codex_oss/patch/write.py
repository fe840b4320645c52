"""Changes to disk: all of them or none, and only where they were meant to go.

First every new content goes into a file beside its place, which is where a full disk
or a missing permission shows; then files are renamed, and what was done is taken back
if a rename fails.

Between reading and writing a person may have been asked, and commands may run: a
folder of a path can have become a link to somewhere else, a file another one. So every
folder is opened component by component without following links, and everything is done
relative to that descriptor; and a file must still hold what the patch was made for.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.apply import Change

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", 0)
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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
    else:
        writer.clean()
    finally:
        writer.close()


class _Entry(msgspec.Struct, frozen=True):
    """A name in an open folder; ``path`` is for people."""

    folder: int
    name: str
    path: Path

    def beside(self, name: str) -> "_Entry":
        return _Entry(self.folder, name, self.path.parent / name)

    def mode(self) -> int | None:
        """Return the mode of what is there, links not followed; None for nothing."""
        try:
            return os.lstat(self.name, dir_fd=self.folder).st_mode
        except FileNotFoundError:
            return None

    def read(self) -> bytes:
        with open(os.open(self.name, _FILE, dir_fd=self.folder), "rb") as file:  # noqa: PTH123  a descriptor
            return file.read()

    def rename(self, to: "_Entry") -> None:
        os.rename(self.name, to.name, src_dir_fd=self.folder, dst_dir_fd=to.folder)

    def link(self, to: "_Entry") -> None:
        os.link(
            *(self.name, to.name),
            src_dir_fd=self.folder,
            dst_dir_fd=to.folder,
            follow_symlinks=False,
        )

    def remove(self) -> None:
        os.unlink(self.name, dir_fd=self.folder)


class _Folders:
    """The folders of a patch, opened without following links; each once."""

    def __init__(self) -> None:
        self._open: dict[Path, int] = {}

    def entry(self, path: Path) -> _Entry:
        """Return the entry of an absolute real path. Raises ``OSError``."""
        return _Entry(self.open(path.parent), path.name, path)

    def open(self, path: Path) -> int:
        known = self._open.get(path)
        if known is not None:
            return known
        if path == path.parent:
            fd = os.open(path, _FOLDER)
        else:
            entry = self.entry(path)
            mode = entry.mode()
            if mode is not None and stat.S_ISLNK(mode):
                raise OSError(errno.ELOOP, f"{path} has become a link")
            fd = os.open(entry.name, _FOLDER, dir_fd=entry.folder)
        self._open[path] = fd
        return fd

    def make(self, path: Path) -> list[_Entry]:
        """Make a folder and those above it; return the entries that are new."""
        try:
            self.open(path)
        except FileNotFoundError:
            made = self.make(path.parent)
            entry = self.entry(path)
            os.mkdir(entry.name, dir_fd=entry.folder)
            return [*made, entry]
        return []

    def close(self) -> None:
        for fd in self._open.values():
            os.close(fd)
        self._open.clear()


class _Writer:
    """What was done so far, so that it can be undone."""

    def __init__(self) -> None:
        self._token = os.urandom(4).hex()
        self._folders = _Folders()
        self._undo: list[tuple[Path, Callable[[], object]]] = []
        self._temps: list[_Entry] = []
        self._kept: list[_Entry] = []

    def stage(self, change: Change) -> _Entry | None:
        """Check that nothing has changed; put the new content beside its place."""
        path = change.removed or change.path
        try:
            self._check(change)
            if change.target is None or change.after is None:
                return None
            path = change.target
            for entry in self._folders.make(path.parent):
                self._undo.append((entry.path, lambda made=entry: _remove_folder(made)))
            target = self._folders.entry(path)
            temp = self._beside(target)
            self._temps.append(temp)
            like = target if change.removed is None else self._entry(change.removed)
            _write_like(temp, change.after, like, target)
        except OSError as error:
            raise _failed("write", path, error) from error
        return temp

    def commit(self, change: Change, temp: _Entry | None) -> None:
        """Take the old name away and rename the new content into place."""
        doing, path = "delete", change.removed
        try:
            # First: where case does not count, the new name may be the old one.
            if path is not None:
                self._set_aside(self._entry(path))
            doing, path = "write", change.target
            if temp is not None and path is not None:
                self._put(temp, self._entry(path))
        except OSError as error:
            raise _failed(doing, path or change.path, error) from error

    def clean(self) -> None:
        """Drop the old files, which only undoing needs."""
        _drop(self._kept)

    def close(self) -> None:
        """Close all folders."""
        self._folders.close()

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

    def _entry(self, path: Path) -> _Entry:
        return self._folders.entry(path)

    def _check(self, change: Change) -> None:
        """Raise if the file is not as the patch was made for it."""
        path = change.removed or change.target
        assert path is not None
        try:
            entry = self._entry(path)
        except FileNotFoundError:  # a folder that is to be made
            entry = None
        mode = entry and entry.mode()
        if entry is None or mode is None:
            if change.before is not None:
                raise _changed(path)
        elif stat.S_ISLNK(mode):
            # What goes is the link; what it leads to was read and stays.
            if change.removed is None:
                raise _changed(path)
        elif stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory")
        elif change.before is None or entry.read() != change.before:
            raise _changed(path)

    def _beside(self, entry: _Entry) -> _Entry:
        number = len(self._temps) + len(self._kept)
        return entry.beside(f".codex-oss-{self._token}-{number}.tmp")

    def _put(self, temp: _Entry, target: _Entry) -> None:
        if target.mode() is not None:
            self._keep(target)
            temp.rename(target)
        else:
            temp.rename(target)
            self._undo.append((target.path, target.remove))

    def _keep(self, entry: _Entry) -> None:
        _refuse_directory(entry)
        kept = self._beside(entry)
        try:
            # A second name for the old file: the path is never without a file.
            entry.link(kept)
        except OSError:
            self._set_aside(entry)
            return
        self._kept.append(kept)
        self._undo.append((entry.path, lambda: kept.rename(entry)))

    def _set_aside(self, entry: _Entry) -> None:
        _refuse_directory(entry)
        kept = self._beside(entry)
        entry.rename(kept)
        self._kept.append(kept)
        self._undo.append((entry.path, lambda: kept.rename(entry)))


def _refuse_directory(entry: _Entry) -> None:
    """Raise if a directory took the file's place since the patch was read."""
    mode = entry.mode()
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")


def _remove_folder(entry: _Entry) -> None:
    os.rmdir(entry.name, dir_fd=entry.folder)


def _drop(entries: list[_Entry]) -> None:
    for entry in entries:
        with suppress(OSError):
            entry.remove()


def _write_like(temp: _Entry, content: bytes, like: _Entry, target: _Entry) -> None:
    """Write a new file with the mode and owner of ``like``, if that exists."""
    if target.mode() is not None and not os.access(
        target.name, os.W_OK, dir_fd=target.folder
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
    with open(os.open(temp.name, _NEW, 0o666, dir_fd=temp.folder), "wb") as file:  # noqa: PTH123  a descriptor
        file.write(content)
        with suppress(FileNotFoundError):
            model = os.stat(like.name, dir_fd=like.folder)
            with suppress(PermissionError):
                os.fchown(file.fileno(), model.st_uid, model.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(model.st_mode))


def _changed(path: Path) -> PatchError:
    return PatchError(
        f"Failed to write file {path}: it has changed since the patch was read. "
        "Read it again."
    )


def _failed(doing: str, path: Path, error: OSError) -> PatchError:
    return PatchError(f"Failed to {doing} file {path}: {error.strerror or error}")
