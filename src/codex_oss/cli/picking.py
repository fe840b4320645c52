"""Lets a person choose a conversation from a list."""

import asyncio
import sys
import time
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from codex_oss.errors import CodexOssError
from codex_oss.exec_mode import keys as terminal
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.keystrokes import Keystrokes
from codex_oss.exec_mode.menu import Menu
from codex_oss.sessions import catalog, choosing
from codex_oss.sessions.catalog import Entry, File
from codex_oss.sessions.names import names

MAX_ROWS = 5000
"""Conversations to choose from."""


def pick(home: Path, wanted: choosing.Wanted, command: str) -> File | None:
    """Return the conversation that a person chooses; None: none of them.

    Where only scripts have led some, those are shown.
    """
    fd = terminal.open_terminal() if sys.stdin.isatty() else None
    if fd is None:
        raise CodexOssError(
            "there is no terminal to choose a session at",
            hint=f"Name it: codex-oss exec {command} ID PROMPT, or say --last.",
        )
    entries = _found(home, wanted)
    if not entries and wanted.interactive:
        entries = _found(home, replace(wanted, interactive=False))
    keys = Keys(fd)
    try:
        if not entries:
            where = f" in {wanted.cwd}" if wanted.cwd else ""
            hint = "Add --all for all folders." if wanted.cwd else ""
            raise CodexOssError(f"there is no session{where}", hint=hint)
        menu = Menu(f"{command}: which session?", _rows(entries, wanted))
        chosen = asyncio.run(_choose(menu, keys))
    finally:
        keys.close()
    return None if chosen is None else entries[chosen].file


def _found(home: Path, wanted: choosing.Wanted) -> list[Entry]:
    every = catalog.entries(home, names(home))
    found = (each for each in every if choosing.matches(each, wanted))
    return list(islice(found, MAX_ROWS))


async def _choose(menu: Menu, keys: Keys) -> int | None:
    strokes = Keystrokes()
    if not keys.begin(with_interrupt=True):
        return None
    try:
        while not menu.over:
            keys.write(menu.draw(keys.columns(), keys.rows()))
            data = await keys.read()
            if not data:
                return None
            for typed in strokes.feed(data):
                if not menu.over:
                    menu.feed(typed)
    finally:
        keys.write(menu.erase())
        keys.end()
    return menu.chosen


def _rows(entries: list[Entry], wanted: choosing.Wanted) -> list[str]:
    now = time.time()
    return [
        f"{_ago(now - each.file.modified):>8}  {each.title or '(nothing was asked)'}"
        + (f"  {each.cwd}" if wanted.cwd is None else "")
        for each in entries
    ]


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit} ago"
    return "now"
