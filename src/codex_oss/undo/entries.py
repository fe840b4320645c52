"""What is remembered of the disk: entries, the state of a tree, a turn's changes.

Paths are absolute and are bytes, as names of files are: that is also why all of this is
kept as msgpack and not as JSON.
"""

import os
import stat
from typing import Literal

import msgspec


class Stamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """By what a file is known as unchanged without being read."""

    dev: int
    ino: int
    size: int
    mtime_ns: int
    ctime_ns: int


class Absent(msgspec.Struct, frozen=True, array_like=True, tag="a"):
    """Nothing is there."""


class Folder(msgspec.Struct, frozen=True, array_like=True, tag="d", gc=False):
    """A folder; ``mode`` is its permission bits, ``attributes`` as a file's."""

    mode: int
    attributes: bytes = b""


class Link(msgspec.Struct, frozen=True, array_like=True, tag="l", gc=False):
    """A symbolic link and its text."""

    target: bytes


class File(msgspec.Struct, frozen=True, array_like=True, tag="f", gc=False):
    """A file whose content is kept under ``digest`` (see ``blobs``).

    So are its extended attributes; the digest of those is empty if it has none.
    """

    mode: int
    size: int
    digest: bytes
    attributes: bytes = b""


Why = Literal["large", "full", "special", "unreadable", "repository"]
"""Too large, no room for it, a device or such, unreadable, or version control's."""


class Unkept(msgspec.Struct, frozen=True, array_like=True, tag="u"):
    """Something that is there and whose content is not kept."""

    why: Why
    stamp: Stamp


Entry = Absent | Folder | Link | File | Unkept
ABSENT = Absent()

SkipWhy = Literal["repository", "made", "home", "mount", "unreadable", "limit"]
"""Why a folder is not looked into: version control's data; made by tools, which make it
again; ours; another file system; not allowed; the limits of one look were reached."""


class Skip(msgspec.Struct, frozen=True, array_like=True):
    """A folder that is not looked into."""

    why: SkipWhy
    stamp: Stamp


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """All that lies below some roots at one time.

    ``stamps`` are only of files that cannot change without their stamp changing.
    """

    entries: dict[bytes, Entry] = {}
    stamps: dict[bytes, Stamp] = {}
    skipped: dict[bytes, Skip] = {}
    links: dict[bytes, tuple[int, int]] = {}
    """Names of files that have several: device and number of the file."""
    seconds: float = 0.0
    """How long the look took."""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """What became of one path."""

    path: bytes
    before: Entry
    after: Entry


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Something that undo cannot take back, in words."""

    path: bytes
    why: str


Names = list[list[bytes]]
"""Each the names of one file."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that may have changed something, and has not ended yet.

    ``exact`` holds single paths; with ``whole`` a ``Tree`` of ``roots`` lies beside.
    """

    number: int
    turn_id: str
    thread_id: str
    cwd: bytes
    roots: list[bytes]
    left_out: list[bytes]
    time: float
    """Of the first change, in seconds since the epoch."""
    prompt: str
    """Its first line."""
    exact: dict[bytes, Entry] = {}
    links: Names = []
    """Of files among these that have several."""
    whole: bool = False


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that has ended, and what it changed."""

    number: int
    """Counts the turns of one workspace."""
    turn_id: str
    thread_id: str
    cwd: bytes
    time: float
    prompt: str
    changes: list[Change]
    gaps: list[Gap] = []
    links_before: Names = []
    """Of files that have several, which were there and of which one changed."""
    links_after: Names = []
    undone: int = 0
    """0: it counts. Else it was taken back, as the how manieth."""


class Restoring(msgspec.Struct, frozen=True, kw_only=True):
    """An undo or redo that is under way: what it takes to settle it once it is killed.

    ``changes`` lead from what was there to what is to be.
    """

    changes: list[Change]
    then: list[Record]
    """What its turns are on record as when all is done."""
    modes: dict[bytes, int] = {}
    """Of folders that are writable only meanwhile."""
    temps: list[bytes] = []
    """Files that are there only meanwhile."""
    links: Names = []
    """As it was before."""
    done: bool = False
    """All is in its place."""


def stamp_of(told: os.stat_result) -> Stamp:
    """Return the stamp of a file."""
    return Stamp(
        told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns
    )


def permissions(mode: int) -> int:
    """Return the permission bits of a mode."""
    return stat.S_IMODE(mode)
