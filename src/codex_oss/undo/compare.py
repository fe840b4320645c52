"""What a turn changed: two looks held against each other, and what they cannot tell."""

from collections.abc import Set as AbstractSet

from codex_oss.undo.entries import (
    ABSENT,
    Absent,
    Change,
    Folder,
    Gap,
    Names,
    Skip,
    Tree,
    Unkept,
    Why,
)

_UNKEPT: dict[Why, str] = {
    "large": "it is too large to be kept",
    "full": "there was no room to keep it",
    "special": "it is no file, folder or link",
    "unreadable": "it could not be read",
    "repository": "it belongs to version control",
}
NAMES = 1_000
"""Names that one file may have, for them to come back as such."""
STAYS = "was made, and stays"
MADE_AGAIN = "tools make it again"


def covers(tree: Tree, path: bytes) -> bool:
    """Return whether a look tells what was at a path, be it nothing."""
    if path in tree.entries and path not in tree.skipped:
        return True
    return not _hidden(tree, path) and _within(tree, path)


def compare(before: Tree, after: Tree) -> tuple[list[Change], list[Gap]]:
    """Return what changed between two looks, and what undo cannot take back of it.

    ``after`` has not looked into what ``before`` had not.
    """
    changes: list[Change] = []
    gaps = _skipped(before, after)
    for path in before.entries.keys() | after.entries.keys():
        was = before.entries.get(path, ABSENT)
        now = after.entries.get(path, ABSENT)
        if was is now or was == now:
            continue
        if now is ABSENT and _hidden(after, path):
            continue
        if path in after.skipped and not isinstance(was, Folder):
            continue
        if now is ABSENT and _is_told(before, path):
            continue
        change = Change(path, was, now)
        gap = gap_of(change)
        if gap is None:
            changes.append(change)
        else:
            gaps.append(gap)
    changes.sort(key=lambda change: change.path)
    gaps.sort(key=lambda gap: gap.path)
    return changes, gaps


def names_of_one(tree: Tree, changed: AbstractSet[bytes]) -> Names:
    """Return the names of each file that has several, if one of them changed."""
    found: dict[tuple[int, int], list[bytes]] = {}
    for path, file in tree.links.items():
        found.setdefault(file, []).append(path)
    return [
        sorted(names)
        for names in found.values()
        if 1 < len(names) <= NAMES and not changed.isdisjoint(names)
    ]


def gap_of(change: Change) -> Gap | None:
    """Return why a change cannot be taken back, if it cannot."""
    if isinstance(change.before, Unkept):
        gone = "deleted" if isinstance(change.after, Absent) else "changed"
        return Gap(change.path, f"was {gone}: {_UNKEPT[change.before.why]}")
    if isinstance(change.after, Unkept) and isinstance(change.before, Absent):
        return Gap(change.path, f"{STAYS}: {_UNKEPT[change.after.why]}")
    return None


def unkept(entry: Unkept) -> str:
    """Return why something is not kept."""
    return _UNKEPT[entry.why]


def _skipped(before: Tree, after: Tree) -> list[Gap]:
    gaps: list[Gap] = []
    for path, skip in before.skipped.items():
        now = after.skipped.get(path)
        if now is None and not _hidden(after, path):
            what = "was deleted" if path not in after.entries else "is another one now"
            gaps.append(Gap(path, f"{what}: {_why(skip)}"))
        elif now is not None and skip.why == "made" and _differ(skip, now):
            gaps.append(Gap(path, MADE_AGAIN))
    for path, skip in after.skipped.items():
        if path in before.skipped or skip.why == "home":
            continue
        if skip.why == "made":
            gaps.append(Gap(path, MADE_AGAIN))
        elif path in before.entries:
            gaps.append(Gap(path, f"was not looked into again: {_why(skip)}"))
        else:
            gaps.append(Gap(path, f"{STAYS}: {_why(skip)}"))
    return gaps


def _is_told(before: Tree, path: bytes) -> bool:
    """Return whether a folder is a gap, and it would come back without its content."""
    skip = before.skipped.get(path)
    return skip is not None and skip.why != "limit"


def _why(skip: Skip) -> str:
    match skip.why:
        case "repository":
            return "it belongs to version control"
        case "made":
            return "tools make it again"
        case "home":
            return "it is codex-oss's own"
        case "mount":
            return "it is another file system"
        case "unreadable":
            return "it cannot be read"
        case "limit":
            return "it is beyond the limits of undo"


def _differ(one: Skip, other: Skip) -> bool:
    """Return whether something was made or deleted right inside of a folder."""
    return (one.stamp.ino, one.stamp.mtime_ns) != (
        other.stamp.ino,
        other.stamp.mtime_ns,
    )


def _hidden(tree: Tree, path: bytes) -> bool:
    """Return whether a path lies in a folder that was not looked into."""
    while (above := path.rpartition(b"/")[0]) and above != path:
        if above in tree.skipped:
            return True
        path = above
    return False


def _within(tree: Tree, path: bytes) -> bool:
    """Return whether a path lies in a folder that was looked into."""
    while above := path.rpartition(b"/")[0]:
        if above in tree.entries:
            return True
        path = above
    return b"/" in tree.entries
