"""The state of one path, opened folder by folder without following links."""

# Names of files are bytes, and a Path has none.
# ruff: noqa: PTH120

import os
import stat
from pathlib import Path

from codex_oss.patch import attributes
from codex_oss.patch.folders import Entry as Place
from codex_oss.patch.folders import Folders
from codex_oss.undo import skipped
from codex_oss.undo.blobs import Blobs
from codex_oss.undo.entries import (
    ABSENT,
    Entry,
    Folder,
    Link,
    Stamp,
    Unkept,
    permissions,
    stamp_of,
)


def look(path: bytes, blobs: Blobs) -> Entry:
    """Return what is at a path; the content of a file is kept.

    Where a folder of the path is missing or no folder, nothing is there. Raises
    ``UndoError`` if a content cannot be kept.
    """
    folders = Folders()
    try:
        return at(folders.entry(Path(os.fsdecode(path))), blobs)
    except PermissionError:
        return Unkept("unreadable", Stamp(0, 0, 0, 0, 0))
    except OSError:  # a folder that is none any more: a link, a file
        return ABSENT
    finally:
        folders.close()


def is_folder(path: bytes) -> bool:
    """Return whether a path is a folder, and none above it is a link."""
    folders = Folders()
    try:
        folders.open(Path(os.fsdecode(path)))
    except OSError:
        return False
    finally:
        folders.close()
    return True


def at(place: Place, blobs: Blobs) -> Entry:
    """Return what is at a place in an open folder."""
    try:
        told = os.lstat(place.name, dir_fd=place.folder)
    except FileNotFoundError:
        return ABSENT
    if not _is_named(place, told):
        return ABSENT
    if stat.S_ISDIR(told.st_mode):
        return folder_at(place, told, blobs)
    if skipped.in_repository(os.fsencode(place.path)):
        return Unkept("repository", stamp_of(told))
    if stat.S_ISLNK(told.st_mode):
        return Link(os.readlink(os.fsencode(place.name), dir_fd=place.folder))
    if not stat.S_ISREG(told.st_mode):
        return Unkept("special", stamp_of(told))
    try:
        kept = blobs.keep(os.fsencode(place.name), place.folder)
    except OSError:
        return Unkept("unreadable", stamp_of(told))
    return Unkept("large", stamp_of(told)) if kept is None else kept.file


def folder_at(place: Place, told: os.stat_result, blobs: Blobs) -> Folder:
    """Return a folder with its attributes, as far as it may be read."""
    mode, flags = permissions(told.st_mode), os.O_RDONLY | os.O_DIRECTORY
    try:
        fd = os.open(place.name, flags | os.O_NOFOLLOW, dir_fd=place.folder)
    except OSError:
        return Folder(mode)
    try:
        more = attributes.read(fd)
    finally:
        os.close(fd)
    return Folder(mode, blobs.put(more) if more else b"")


def missing_above(path: bytes) -> list[bytes]:
    """Return the folders above a path that do not exist yet, the outermost first."""
    missing: list[bytes] = []
    above = os.path.dirname(path)
    while not os.path.lexists(above):
        missing.append(above)
        above = os.path.dirname(above)
    return missing[::-1]


def _is_named(place: Place, told: os.stat_result) -> bool:
    """Return whether what was found has this very name.

    Where case does not count, ``a`` is found at ``A``; a rename from one to the other
    must be told from no change.
    """
    other = place.name.swapcase()
    if other == place.name:
        return True
    try:
        same = os.path.samestat(os.lstat(other, dir_fd=place.folder), told)
    except OSError:
        return True
    return not same or place.name in _names(place)


def _names(place: Place) -> list[str]:
    # The open folder may be a mere path, which cannot be listed.
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place.folder)
    try:
        return os.listdir(fd)  # noqa: PTH208  a descriptor
    finally:
        os.close(fd)
