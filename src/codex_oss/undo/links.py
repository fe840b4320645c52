"""Files with several names (hard links): which names, as far as they can be found."""

import os
import stat
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

from codex_oss.undo import skipped
from codex_oss.undo.entries import Names

ENTRIES = 200_000
"""Files and folders that are gone through for other names."""
SECONDS = 3.0
"""How long that may take."""


def names_of(
    paths: Iterable[bytes], roots: Collection[bytes], left_out: Collection[bytes]
) -> Names:
    """Return the names below some roots of those files at paths that have several.

    What has only one there, or is no file, is left out.
    """
    found: dict[tuple[int, int, int], set[bytes]] = {}
    for path in paths:
        if (file := _linked(path)) is not None:
            found.setdefault(file, set()).add(path)
    missing = sum(count for _, _, count in found) - sum(map(len, found.values()))
    numbers = {number for _, number, _ in found}
    folders, gone_through, until = list(roots), 0, time.monotonic() + SECONDS
    while folders and missing > 0 and gone_through < ENTRIES:
        inside = _inside(folders.pop())
        gone_through += len(inside)
        for each in inside:
            if each.inode() in numbers and (file := _linked(each.path)) in found:
                missing -= each.path not in found[file]
                found[file].add(each.path)
            elif each.name not in skipped.REPOSITORIES and each.path not in left_out:
                with suppress(OSError):
                    if each.is_dir(follow_symlinks=False):
                        folders.append(each.path)
        if time.monotonic() > until:
            break
    return [sorted(names) for names in found.values() if len(names) > 1]


def still_one(groups: Iterable[Iterable[bytes]]) -> Names:
    """Return which of the names are one file's now."""
    found: dict[tuple[int, int], list[bytes]] = {}
    for path in (path for names in groups for path in names):
        with suppress(OSError):
            told = os.lstat(path)
            found.setdefault((told.st_dev, told.st_ino), []).append(path)
    return [names for names in found.values() if len(names) > 1]


def _inside(folder: bytes) -> "list[os.DirEntry[bytes]]":
    try:
        with os.scandir(folder) as inside:
            return list(inside)
    except OSError:
        return []


def _linked(path: bytes) -> tuple[int, int, int] | None:
    """Return what a file with several names is known by, and how many it has."""
    try:
        told = os.lstat(path)
    except OSError:
        return None
    if not stat.S_ISREG(told.st_mode) or told.st_nlink == 1:
        return None
    return told.st_dev, told.st_ino, told.st_nlink
