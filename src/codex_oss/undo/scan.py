"""A look at all that lies below some roots, no link followed.

A file whose stamp is known from the look before is not read again. As git's index does,
stamps of files that changed just now are not trusted: another change within the same
tick of the file system's clock would leave them as they are.

Folders are listed level by level, so that what is near is seen when a limit ends the
look, and each is opened only if it still is the folder that was listed.
"""

import os
import stat
import time
from collections import deque
from collections.abc import Callable, Collection

import msgspec

from codex_oss.patch import attributes
from codex_oss.policy import PROTECTED_NAMES
from codex_oss.undo import skipped
from codex_oss.undo.blobs import Blobs
from codex_oss.undo.entries import (
    ABSENT,
    Entry,
    File,
    Folder,
    Link,
    Skip,
    SkipWhy,
    Stamp,
    Tree,
    Unkept,
    permissions,
    stamp_of,
)

TICK_NS = 2_000_000_000
"""How coarse a file system's clock may be, in nanoseconds (FAT's is)."""
ENTRIES = 200_000
"""Files and folders that one look may find."""
NAMES = 64 * 1024 * 1024
"""Bytes that their paths may have: what a look costs in memory and on disk."""
SECONDS = 20.0
"""How long one look may take."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Limits(msgspec.Struct, frozen=True):
    """How far one look goes. ``size`` is of all contents, in bytes."""

    size: int
    entries: int = ENTRIES
    seconds: float = SECONDS
    names: int = NAMES


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked at, and what is known of it already.

    ``left_out`` are real paths of no concern, and with ``first``, the look before the
    changes, also what that one did not look into. ``stopped`` ends the look early.
    """

    roots: Collection[bytes]
    left_out: Collection[bytes]
    limits: Limits
    known: Tree
    first: Tree | None = None
    stopped: Callable[[], bool] = lambda: False


class Stopped(Exception):
    """The look was ended early; nothing is known."""


def scan(look: Look, blobs: Blobs) -> Tree:
    """Return what there is, with all contents within the limits kept in ``blobs``.

    Raises ``UndoError`` when contents cannot be kept.
    """
    scanning = _Scan(look, blobs)
    for root in look.roots:
        scanning.begin(root)
    while scanning.waiting:
        scanning.enter(*scanning.waiting.popleft())
    return scanning.tree()


class _Scan:
    def __init__(self, look: Look, blobs: Blobs) -> None:
        self._look = look
        self._blobs = blobs
        self._entries: dict[bytes, Entry] = {}
        self._stamps: dict[bytes, Stamp] = {}
        self._skipped: dict[bytes, Skip] = {}
        self._links: dict[bytes, tuple[int, int]] = {}
        self._room = look.limits.size
        self._names = 0
        self._began = time.monotonic()
        self._trusted_ns = time.time_ns() - TICK_NS
        self._roots = frozenset(look.roots)
        self._left_out = frozenset(look.left_out)
        self._unknown = _unknown(look.first)
        self.waiting: deque[tuple[bytes, Stamp, int]] = deque()

    def tree(self) -> Tree:
        """Return what was found."""
        return Tree(
            entries=self._entries,
            stamps=self._stamps,
            skipped=self._skipped,
            links=self._links,
            seconds=time.monotonic() - self._began,
        )

    def begin(self, root: bytes) -> None:
        """Look at a root; one inside of another is found there again."""
        try:
            told = os.lstat(root)
        except OSError:
            self._entries[root] = ABSENT
            return
        if stat.S_ISDIR(told.st_mode):
            self._entries[root] = Folder(permissions(told.st_mode))
            self.waiting.append((root, stamp_of(told), told.st_dev))

    def enter(self, path: bytes, listed: Stamp, device: int) -> None:
        """Look at what a folder holds."""
        if why := self._barred(path):
            self._skipped[path] = Skip(why, listed)
            return
        try:
            fd = os.open(path, _FOLDER)
        except OSError:
            self._skipped[path] = Skip("unreadable", listed)
            return
        try:
            told = os.fstat(fd)
            if (told.st_dev, told.st_ino) != (listed.dev, listed.ino):
                self._skipped[path] = Skip("unreadable", listed)
                return
            if more := self._kept(attributes.read(fd)):
                self._entries[path] = Folder(permissions(told.st_mode), more)
            if not self._list(path, fd, device):
                self._skipped[path] = Skip("limit", listed)
        finally:
            os.close(fd)

    def _barred(self, path: bytes) -> SkipWhy | None:
        """Return why a folder is not to be opened; None if it is."""
        first = self._look.first
        if first is not None and path in first.skipped:
            return first.skipped[path].why
        return "limit" if self._over() else None

    def _list(self, path: bytes, folder: int, device: int) -> bool:
        """Look at the entries of an open folder; return whether these are all."""
        with os.scandir(folder) as names:
            named = [(os.fsencode(each.name), each) for each in names]
        base = path if path.endswith(b"/") else path + b"/"
        siblings = frozenset(name for name, _ in named)
        for name, each in named:
            if self._over():
                return False
            self._names += len(base) + len(name)
            try:
                told = each.stat(follow_symlinks=False)
            except OSError:
                self._gone(base + name, Stamp(0, 0, 0, 0, 0))
                continue
            if not stat.S_ISDIR(told.st_mode):
                self._other(base + name, told, folder)
            elif not (path in self._roots and _is_placeholder(name, folder)):
                why = self._why(base + name, told, device)
                why = why or skipped.reason(name, folder, siblings)
                self._folder(base + name, told, why)
        return True

    def _over(self) -> bool:
        """Return whether the look ends here; raise if it was ended."""
        if self._look.stopped():
            raise Stopped
        limits = self._look.limits
        return (
            len(self._entries) > limits.entries
            or self._names > limits.names
            or time.monotonic() - self._began > limits.seconds
        )

    def _why(self, path: bytes, told: os.stat_result, device: int) -> SkipWhy | None:
        """Return why a folder is not looked into, whatever it is called."""
        if path in self._left_out:
            return "home"
        first = self._look.first
        if first is not None and path in first.skipped:
            return first.skipped[path].why
        # Moved here: what it holds is not the turn's.
        if (skip := self._unknown.get(_identity(stamp_of(told)))) is not None:
            return skip.why if isinstance(skip, Skip) else None
        return "mount" if told.st_dev != device else None

    def _folder(self, path: bytes, told: os.stat_result, why: SkipWhy | None) -> None:
        first = self._look.first
        seen = first is not None and isinstance(first.entries.get(path), Folder)
        # What was looked into before cannot be hidden by a mark that is new.
        marked = why in ("made", "repository")
        if marked and seen and first is not None and path not in first.skipped:
            why = None
        if why is not None:
            self._skipped[path] = Skip(why, stamp_of(told))
        if why not in ("repository", "home"):
            more = b"" if why is None else self._more(path)
            self._entries[path] = Folder(permissions(told.st_mode), more)
        if why is None:
            self.waiting.append((path, stamp_of(told), told.st_dev))

    def _more(self, path: bytes) -> bytes:
        """Return the attributes of a folder that is not entered, where others' are."""
        try:
            fd = os.open(path, _FOLDER)
        except OSError:
            return b""
        try:
            return self._kept(attributes.read(fd))
        finally:
            os.close(fd)

    def _kept(self, more: bytes) -> bytes:
        return self._blobs.put(more) if more else b""

    def _other(self, path: bytes, told: os.stat_result, folder: int) -> None:
        if path in self._left_out:
            return
        name = path[path.rindex(b"/") + 1 :]
        if name in skipped.REPOSITORIES:  # of a submodule, a working tree
            self._entries[path] = Unkept("repository", stamp_of(told))
        elif stat.S_ISREG(told.st_mode):
            self._file(path, name, told, folder)
        elif stat.S_ISLNK(told.st_mode):
            try:
                self._entries[path] = Link(os.readlink(name, dir_fd=folder))
            except OSError:
                self._gone(path, stamp_of(told))
        else:
            self._entries[path] = Unkept("special", stamp_of(told))

    def _gone(self, path: bytes, stamp: Stamp) -> None:
        """Note what went away meanwhile.

        Before a turn it counts as there: if it comes again, it is not of the turn.
        """
        if self._look.first is None:
            self._entries[path] = Unkept("unreadable", stamp)

    def _file(
        self, path: bytes, name: bytes, told: os.stat_result, folder: int
    ) -> None:
        stamp = stamp_of(told)
        if told.st_nlink > 1:
            self._links[path] = told.st_dev, told.st_ino
        moved = self._unknown.get(_identity(stamp))
        if isinstance(moved, Unkept):
            self._entries[path] = Unkept(moved.why, stamp)
            return
        known = self._look.known
        entry = known.entries.get(path)
        same = known.stamps.get(path) == stamp
        if not (same and isinstance(entry, File) and self._blobs.holds(entry)):
            if told.st_size > self._room:
                self._entries[path] = Unkept("full", stamp)
                return
            try:
                kept = self._blobs.keep(name, folder)
            except FileNotFoundError:
                self._gone(path, stamp)
                return
            except OSError:
                self._entries[path] = Unkept("unreadable", stamp)
                return
            if kept is None:
                self._entries[path] = Unkept("large", stamp)
                return
            entry, stamp = kept.file, kept.stamp
        self._entries[path] = entry
        self._room -= entry.size
        if stamp is not None and max(stamp.mtime_ns, stamp.ctime_ns) < self._trusted_ns:
            self._stamps[path] = stamp


def _unknown(first: Tree | None) -> dict[tuple[int, ...], Skip | Unkept]:
    """Return what could not be looked at before a turn, by what it is known by."""
    if first is None:
        return {}
    folders = (s for s in first.skipped.values() if s.why in ("limit", "unreadable"))
    entries = (e for e in first.entries.values() if isinstance(e, Unkept))
    files = (e for e in entries if e.why in ("full", "unreadable"))
    return {_identity(each.stamp): each for each in (*folders, *files)}


def _identity(stamp: Stamp) -> tuple[int, ...]:
    """Return what stays the same when something is moved or gets another mode.

    The time is in it since file systems give numbers out again.
    """
    return stamp.dev, stamp.ino, stamp.mtime_ns


def _is_placeholder(name: bytes, folder: int) -> bool:
    """Return whether this is what the sandbox puts in the place of what is missing.

    It is there for as long as a command runs, be it in the background.
    """
    if os.fsdecode(name) not in PROTECTED_NAMES:
        return False
    try:
        fd = os.open(name, _FOLDER, dir_fd=folder)
    except OSError:
        return False
    try:
        return not os.listdir(fd)  # noqa: PTH208  a descriptor
    finally:
        os.close(fd)
