"""Tells whether a command changed settings that a weak sandbox could not protect."""

# Paths are strings here, as in `Permissions`.
# ruff: noqa: PTH112, PTH115, PTH118, PTH119, PTH120

import os
import stat
from collections.abc import Iterator

from codex_oss.policy import PROTECTED_NAMES, Permissions

HASHED = 1024 * 1024
"""Bytes of a file that are looked at; beyond them its size and time must do."""
MOST_FILES = 2000
"""Files that are looked at in each folder of settings."""

_OF_A_REPOSITORY = (
    "config",
    "config.worktree",
    "hooks",
    "info/attributes",
    "commondir",
)
"""What in ``.git`` runs code or names what does; the rest changes all the time."""


class Watch:
    """Remembers the settings in the writable roots; ``changed`` compares.

    Looked at are whether ``.git``, ``.codex`` and ``.agents`` exist, all files in the
    latter two, and of a repository its configuration and hooks. Links are not
    followed. It tells what happened; it prevents nothing.
    """

    def __init__(self, permissions: Permissions) -> None:
        writable = permissions.mode == "workspace-write"
        self._roots = permissions.writable_roots if writable else ()
        self._before = self._look()

    def changed(self) -> list[str]:
        """Return the paths that were made, changed or removed since, sorted."""
        now = self._look()
        paths = self._before.keys() | now.keys()
        return sorted(path for path in paths if now.get(path) != self._before.get(path))

    def _look(self) -> dict[str, bytes]:
        return {
            path: state
            for root in self._roots
            for name in PROTECTED_NAMES
            for path, state in _settings(os.path.join(root, name))
        }


def _settings(path: str) -> Iterator[tuple[str, bytes]]:
    """Yield the paths to watch at and below one protected name, with their state."""
    if os.path.basename(path) != ".git":
        yield from _all(path)
        return
    state = _state(path)
    if state is not None:
        yield path, state
    for folder in _repository(path):
        for name in _OF_A_REPOSITORY:
            yield from _all(os.path.join(folder, name))


def _repository(path: str) -> list[str]:
    """Return where a ``.git`` keeps its files: a worktree's is a file that says so."""
    if os.path.isdir(path):
        return [path]
    key, _, target = _start(path).decode(errors="surrogateescape").partition(": ")
    if key != "gitdir":
        return []
    folder = os.path.realpath(os.path.join(os.path.dirname(path), target.strip()))
    above, _, kind = os.path.dirname(folder).rpartition("/")
    return [folder, above] if kind == "worktrees" else [folder]


def _all(path: str) -> Iterator[tuple[str, bytes]]:
    """Yield a path and what is below it, as far as there are not too many files."""
    state = _state(path)
    if state is None:
        return
    yield path, state
    seen = 0
    for folder, folders, files in os.walk(path):
        folders.sort()
        for name in (*folders, *sorted(files)):
            seen += 1
            if seen > MOST_FILES:
                return
            inside = os.path.join(folder, name)
            yield inside, _state(inside) or b"gone"


def _state(path: str) -> bytes | None:
    """Return what tells a file from a changed one; None if there is none."""
    try:
        told = os.lstat(path)
    except OSError:
        return None
    kind = b"%o" % stat.S_IFMT(told.st_mode)
    if stat.S_ISDIR(told.st_mode):
        return kind
    if stat.S_ISLNK(told.st_mode):
        return kind + os.fsencode(_target(path))
    if not stat.S_ISREG(told.st_mode):
        return kind
    executable = told.st_mode & 0o111
    size = told.st_size
    state = kind + b" %o %d " % (executable, size) + _digest(path)
    return state + (b" %d" % told.st_mtime_ns if size > HASHED else b"")


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:
        return ""


def _digest(path: str) -> bytes:
    import hashlib  # noqa: PLC0415  only where bubblewrap does not work

    return hashlib.blake2b(_start(path), digest_size=16).digest()


def _start(path: str) -> bytes:
    """Return the start of a file, nothing of one that cannot be read."""
    try:
        # A pipe put in its place meanwhile must not hold us up.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, HASHED)
    except OSError:
        return b""
    finally:
        os.close(fd)
