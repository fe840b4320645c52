"""Directories that hold the place of protected names that do not exist yet.

A mount needs something to be mounted on. Where a protected name is missing, an empty
directory takes its place while a command runs; it is seen outside of the sandbox too,
and must be gone afterwards. Four rules keep that safe:

- All runs that need the place share a lock on a file in our state folder, one for each
  parent directory. Removing the directory would end the protection of a command that
  still runs, so it is removed only by who gets the lock alone.
- The lock's file says what was made. Locks end with their process, however it ends;
  the next start sweeps up what was left behind.
- Where the state's disk has no room for the file, runs share a lock on the directory
  itself, and nobody removes what one of them may need. Commands can get that lock too:
  then placeholders stay until a later run, and nothing worse.
- A placeholder is known by its sticky bit. What is not empty, or has no such bit,
  belongs to somebody else and stays.
"""
# Every command passes here, and a Path costs more than the system call it makes.
# ruff: noqa: PTH101, PTH102, PTH106, PTH108, PTH116, PTH120, PTH208

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from codex_oss.errors import SandboxError

MARKED = 0o1755
"""The mode of a placeholder. Nobody sets the sticky bit on an empty directory of
such a name, and the person can work in it all the same (``git init`` while a command
runs)."""
TRIES = 10
"""How often a lock file that was removed under our hands is opened again."""

_CANNOT_EXIST = {errno.EROFS, errno.EPERM, errno.ENOENT, errno.ENOTDIR}
"""Nothing can be made there, by no command either."""


class Placeholders:
    """All placeholders of this user; ``folder`` is where their locks are."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hold(self, paths: Iterable[str]) -> "Held":
        """Make what is missing of ``paths``, and keep it until ``Held.release``.

        Paths are absolute and real, but for their last name. What exists and is no
        placeholder is left alone. Raises ``SandboxError`` when a name could be made
        by a command, but not by us.
        """
        groups: dict[str, list[str]] = {}
        for path in paths:
            if _missing(path):
                groups.setdefault(os.path.dirname(path), []).append(path)
        held = Held()
        try:
            for parent, missing in groups.items():
                held.add(
                    self._lock(parent) or _Bare(parent, self._path(parent)), missing
                )
        except BaseException:
            held.release()
            raise
        return held

    def sweep(self) -> None:
        """Remove what runs have left behind that were killed."""
        with contextlib.suppress(OSError):
            for name in os.listdir(self._folder):
                with contextlib.suppress(OSError):
                    path = f"{self._folder}/{name}"
                    _Lock(path, os.open(path, os.O_RDWR | os.O_CLOEXEC)).end()

    def _lock(self, parent: str) -> "_Lock | None":
        """Take part in the lock of a directory; None where there can be none."""
        try:
            path = self._path(parent)
            for _ in range(TRIES):
                lock = _Lock(path, _open(path))
                if lock.share():
                    return lock
        except OSError:
            return None
        return None

    def _path(self, parent: str) -> str:
        """Return the file of a directory's lock; empty if there is no directory."""
        try:
            found = os.stat(parent)
        except OSError:
            return ""
        return f"{self._folder}/{found.st_dev:x}-{found.st_ino:x}"


class Held:
    """What one run holds."""

    def __init__(self) -> None:
        self._locks: list[_Lock | _Bare] = []

    def add(self, lock: "_Lock | _Bare", paths: list[str]) -> None:
        """Make directories under a lock, which is this object's from now on."""
        self._locks.append(lock)
        for path in paths:
            lock.note(path)
            try:
                os.mkdir(path, MARKED)
            except FileExistsError:
                pass
            except OSError as error:
                _require_impossible(path, error)

    def release(self) -> None:
        """Let go; what nobody needs any more is removed."""
        locks, self._locks = self._locks, []
        for lock in locks:
            lock.end()


class _Lock:
    """An open lock file: its content is the paths of what was made, ended by NUL."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._made: set[str] = set()

    def share(self) -> bool:
        """Wait for a share; False, and closed, if the file was removed meanwhile."""
        kept = False
        try:
            # Who has it alone only removes a few empty directories: the wait is short.
            fcntl.flock(self._fd, fcntl.LOCK_SH)
            kept = self._is_there()
        finally:
            if not kept:
                os.close(self._fd)
        return kept

    def note(self, path: str) -> None:
        """Say that ``path`` is about to be made.

        A disk that is too full for the note matters only if we are killed.
        """
        self._made.add(path)
        with contextlib.suppress(OSError):
            os.write(self._fd, os.fsencode(path) + b"\0")

    def end(self) -> None:
        """Remove what was made if nobody else needs it, and close."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another run needs it, and will remove it
            os.close(self._fd)
            return
        try:
            # One that was removed meanwhile is no lock: who removed it has swept up.
            if self._is_there() and _removed(self._noted() | self._made):
                with contextlib.suppress(OSError):
                    os.unlink(self._path)
        finally:
            os.close(self._fd)

    def _is_there(self) -> bool:
        with contextlib.suppress(FileNotFoundError):
            return os.path.samestat(os.stat(self._path), os.fstat(self._fd))
        return False

    def _noted(self) -> set[str]:
        size = os.fstat(self._fd).st_size
        content = os.pread(self._fd, size, 0)
        return {os.fsdecode(path) for path in content.split(b"\0") if path}


class _Bare:
    """In the place of a ``_Lock`` that cannot be made; ``lock`` is where it would be.

    Where the directory has no locks either, a placeholder stays: nobody knows when it
    is needed no more.
    """

    def __init__(self, parent: str, lock: str) -> None:
        self._lock = lock
        self._made: set[str] = set()
        self._fd = -1
        with contextlib.suppress(OSError):
            self._fd = _guard(parent, fcntl.LOCK_SH)

    def note(self, path: str) -> None:
        """Remember that ``path`` is about to be made."""
        self._made.add(path)

    def end(self) -> None:
        """Remove what was made if nobody else needs it."""
        if self._fd < 0:
            return
        os.close(self._fd)  # our share would be in the way as any other's
        self._fd = -1
        try:
            lock = _Lock(self._lock, _open(self._lock))
        except OSError:  # still no room: nobody else has it
            _removed(self._made)
            return
        for path in self._made:
            lock.note(path)
        lock.end()


def _removed(paths: set[str]) -> bool:
    """Remove placeholders; return whether no run without a lock may need one."""
    alone = True
    for parent in {os.path.dirname(path) for path in paths}:
        guard = -1
        try:
            guard = _guard(parent, fcntl.LOCK_EX)
        except BlockingIOError:
            alone = False
            continue
        except OSError:  # gone, not readable, without locks: nobody has one
            pass
        for path in paths:
            if os.path.dirname(path) == parent:
                _remove(path)
        if guard >= 0:
            os.close(guard)
    return alone


def _guard(folder: str, how: int) -> int:
    """Return an open directory with a lock on it. Raises ``OSError``."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd


def is_placeholder(found: os.stat_result) -> bool:
    """Return whether an entry looks like one of ours: a directory with the mark."""
    return (
        stat.S_ISDIR(found.st_mode)
        and bool(found.st_mode & stat.S_ISVTX)
        and found.st_uid == os.geteuid()
    )


def _missing(path: str) -> bool:
    """Return whether nothing is there, or a placeholder that others hold."""
    try:
        return is_placeholder(os.lstat(path))
    except FileNotFoundError:
        return True
    except OSError:  # nothing that a command could reach either
        return False


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)


def _require_impossible(path: str, error: OSError) -> None:
    """Return if no command can make ``path`` either; raise ``SandboxError`` if one can.

    The owner of a directory may not write to it and yet allow it to himself.
    """
    if error.errno in _CANNOT_EXIST:
        return
    if error.errno == errno.EACCES:
        with contextlib.suppress(OSError):
            if os.stat(os.path.dirname(path)).st_uid != os.geteuid():
                return
    raise SandboxError(
        f"cannot protect {path}: making it failed with: {error.strerror}",
        hint="Make its directory writable for yourself, or work in another one.",
    ) from error


def _remove(path: str) -> None:
    """Remove an empty placeholder; one that somebody filled becomes an ordinary one."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        if not is_placeholder(found):
            return
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                os.chmod(path, stat.S_IMODE(found.st_mode) & ~stat.S_ISVTX)
