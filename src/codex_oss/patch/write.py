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

from codex_oss.errors import PatchError
from codex_oss.patch import attributes
from codex_oss.patch.apply import Change
from codex_oss.patch.folders import NEW, TEMP, Entry, Folders


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


class _Writer:
    """What was done so far, so that it can be undone."""

    def __init__(self) -> None:
        self._token = os.urandom(4).hex()
        self._folders = Folders()
        self._undo: list[tuple[Path, Callable[[], object]]] = []
        self._temps: list[Entry] = []
        self._kept: list[Entry] = []

    def stage(self, change: Change) -> Entry | None:
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

    def commit(self, change: Change, temp: Entry | None) -> None:
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

    def _entry(self, path: Path) -> Entry:
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

    def _beside(self, entry: Entry) -> Entry:
        number = len(self._temps) + len(self._kept)
        return entry.beside(f"{self._token}-{number}".join(TEMP))

    def _put(self, temp: Entry, target: Entry) -> None:
        if target.mode() is not None:
            self._keep(target)
            temp.rename(target)
        else:
            temp.rename(target)
            self._undo.append((target.path, target.remove))

    def _keep(self, entry: Entry) -> None:
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

    def _set_aside(self, entry: Entry) -> None:
        _refuse_directory(entry)
        kept = self._beside(entry)
        entry.rename(kept)
        self._kept.append(kept)
        self._undo.append((entry.path, lambda: kept.rename(entry)))


def _refuse_directory(entry: Entry) -> None:
    """Raise if a directory took the file's place since the patch was read."""
    mode = entry.mode()
    if mode is not None and stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")


def _remove_folder(entry: Entry) -> None:
    os.rmdir(entry.name, dir_fd=entry.folder)


def _drop(entries: list[Entry]) -> None:
    for entry in entries:
        with suppress(OSError):
            entry.remove()


def _write_like(temp: Entry, content: bytes, like: Entry, target: Entry) -> None:
    """Write a new file with mode, owner, attributes of ``like``, if that exists."""
    if target.mode() is not None and not os.access(
        target.name, os.W_OK, dir_fd=target.folder
    ):
        raise PermissionError(errno.EACCES, "Permission denied")
    with open(os.open(temp.name, NEW, 0o666, dir_fd=temp.folder), "wb") as file:  # noqa: PTH123  a descriptor
        file.write(content)
        with suppress(FileNotFoundError):
            model = os.stat(like.name, dir_fd=like.folder)
            more, mode = _copy_attributes(like, file.fileno()), model.st_mode
            with suppress(PermissionError):
                os.fchown(file.fileno(), model.st_uid, model.st_gid)
            mode = attributes.mode_for(file.fileno(), more, stat.S_IMODE(mode))
            os.fchmod(file.fileno(), mode)


def _copy_attributes(like: Entry, fd: int) -> bytes:
    """Give a new file the attributes that a file has, as far as it takes them.

    Return them all.
    """
    flags, more = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC, b""
    with suppress(OSError):
        model = os.open(like.name, flags, dir_fd=like.folder)
        try:
            more = attributes.read(model)
            attributes.write(fd, more)
        finally:
            os.close(model)
    return more


def _changed(path: Path) -> PatchError:
    return PatchError(
        f"Failed to write file {path}: it has changed since the patch was read. "
        "Read it again."
    )


def _failed(doing: str, path: Path, error: OSError) -> PatchError:
    return PatchError(f"Failed to {doing} file {path}: {error.strerror or error}")
