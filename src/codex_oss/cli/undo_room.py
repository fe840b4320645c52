"""The room that undo takes: shown, and given back."""

import argparse
import sys

from codex_oss.cli import undo_page
from codex_oss.cli.for_good import agreed
from codex_oss.exec_mode.visible import visible
from codex_oss.undo import room
from codex_oss.undo.back import Workspace
from codex_oss.undo.room import Given, Room


def run(place: Workspace, options: argparse.Namespace) -> int:
    """List what is kept for all folders, or forget what is; return the exit code."""
    rooms = room.rooms(place.state)
    if options.list:
        page = undo_page.json([_told(each) for each in rooms])
        sys.stdout.write(page if options.json else _table(rooms))
        return 0
    rooms = rooms if options.all else [room.room(place)]
    if not any(each.size for each in rooms):
        sys.stdout.write("Nothing is kept for undo.\n")
        return 0
    if not (options.force or _agreed(rooms)):
        sys.stderr.write("Nothing was forgotten.\n")
        return 1
    if options.all:
        given = room.clear_all(place.state, place.max_bytes)
    else:
        given = room.clear(place)
    gone = f"{turns(given)} can no longer be undone"
    sys.stdout.write(f"{gone}; {_size(given.freed)} are free again.\n")
    for failure in given.failures:
        sys.stderr.write(f"warning: {visible(failure)}\n")
    return 1 if given.failures else 0


def kept(place: Workspace) -> str:
    """Return a line on the room that a workspace takes."""
    size = _size(room.room(place).size)
    return f"{size} in {visible(str(place.folder))}: --prune gives them back\n"


def turns(given: Given) -> str:
    """Return the turns that were forgotten, in words."""
    return f"{given.turns} turn{'' if given.turns == 1 else 's'}"


def _table(rooms: list[Room]) -> str:
    if not rooms:
        return "Nothing is kept for undo.\n"
    rows = [
        f"{_size(each.size):>10}  {each.turns:>4}  {visible(str(each.path))}"
        f"{'' if each.path.is_dir() else '  (is gone)'}"
        for each in rooms
    ]
    return "\n".join([f"{'room':>10} turns  folder", *rows, ""])


def _told(each: Room) -> dict[str, object]:
    return {
        "workspace": visible(str(each.path)),
        "turns": each.turns,
        "bytes": each.size,
        "exists": each.path.is_dir(),
    }


def _agreed(rooms: list[Room]) -> bool:
    count = sum(each.turns for each in rooms)
    where = visible(str(rooms[0].path))
    if len(rooms) > 1:
        where = f"{len(rooms)} folders"
    return agreed(f"Forget {count} turns in {where}", hint="Add --force.")


def _size(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
