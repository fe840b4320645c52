"""Which conversation is meant: by id, by name, or the last one."""

from pathlib import Path

import msgspec

from codex_oss.errors import SessionError
from codex_oss.sessions import catalog
from codex_oss.sessions.catalog import Entry, File
from codex_oss.sessions.names import names
from codex_oss.sessions.places import is_id, may_begin_id

_SHORT = 8
"""Characters of an id that are enough, where they are one conversation's alone."""
_TOLD = 5
"""Of conversations that a word may mean."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations count for ``last``: of this folder, led by a person."""

    cwd: Path | None = None
    """None: of all folders."""
    interactive: bool = False


def named(home: Path, word: str, *, archived: bool = False) -> File:
    """Return the conversation of an id or a name.

    Raises ``SessionError`` where there is none, or more than one.
    """
    files = catalog.files(home, archived=archived)
    if is_id(word):
        found = next((file for file in files if file.thread_id == word), None)
        return found or _missing(home, word, archived=archived)
    known = names(home)
    same = [file for file in files if known.get(file.thread_id) == word]
    if not same and len(word) >= _SHORT and may_begin_id(word):
        same = [file for file in files if file.thread_id.startswith(word)]
    if len(same) > 1:
        ids = ", ".join(file.thread_id for file in same[:_TOLD])
        rest = ", …" if len(same) > _TOLD else ""
        raise SessionError(
            f"{len(same)} sessions are called {word!r}: {ids}{rest}",
            hint="Name one by its whole id.",
        )
    return same[0] if same else _missing(home, word, archived=archived)


def last(home: Path, wanted: Wanted) -> Entry:
    """Return the conversation that was written last. Raises ``SessionError``."""
    for each in catalog.entries(home, names(home)):
        if matches(each, wanted):
            return each
    where = f" in {wanted.cwd}" if wanted.cwd else ""
    ways = ["--all: of all folders"] if wanted.cwd else []
    raise SessionError(
        f"there is no session{where} to go on with",
        hint="; ".join([*ways, "`codex-oss sessions --all` lists all"]) + ".",
    )


def matches(each: Entry, wanted: Wanted) -> bool:
    """Tell whether a conversation is among those that count."""
    if wanted.interactive and not each.interactive:
        return False
    return wanted.cwd is None or _same(each.cwd, wanted.cwd)


def _same(cwd: str, wanted: Path) -> bool:
    if cwd == str(wanted):
        return True
    try:
        return bool(cwd) and Path(cwd).resolve() == wanted
    except (OSError, RuntimeError, ValueError):
        return False


def _missing(home: Path, word: str, *, archived: bool) -> File:
    try:
        other = None if archived else named(home, word, archived=True)
    except SessionError:
        other = None
    if other is not None:
        raise SessionError(
            f"session {word!r} is archived",
            hint=f"Bring it back first: codex-oss unarchive {other.thread_id}",
        )
    kind, more = ("archived session", " --archived") if archived else ("session", "")
    raise SessionError(
        f"there is no {kind} with this id or name: {word}",
        hint=f"`codex-oss sessions --all{more}` lists them.",
    )
