"""``sessions``, ``archive``, ``unarchive``, ``rename`` and ``delete``."""

import argparse
import os
import sys
import time
from itertools import islice
from pathlib import Path

import msgspec

from codex_oss.cli.for_good import agreed
from codex_oss.cli.place import folder
from codex_oss.config import load
from codex_oss.errors import CodexOssError
from codex_oss.exec_mode.visible import visible
from codex_oss.sessions import catalog, choosing, shelf
from codex_oss.sessions.catalog import Entry, File
from codex_oss.sessions.names import forget, names, rename
from codex_oss.sessions.places import is_id
from codex_oss.sessions.rollout import utc
from codex_oss.sessions.searching import said

TITLE_COLUMNS = 60
"""Of a list, for what a conversation is called."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as ``--json`` tells it; times are RFC 3339."""

    id: str
    name: str | None
    first_prompt: str
    cwd: str
    source: str
    model_provider: str
    began: str
    modified: str
    turns: int | None
    archived: bool
    path: str
    found: str | None = None


def run(command: str, options: argparse.Namespace) -> int:
    """Run one of the commands and return the exit code."""
    home = load.codex_home(os.environ)
    match command:
        case "sessions":
            return _list(home, options)
        case "archive":
            file = choosing.named(home, options.session)
            _say(f"Archived session {file.thread_id}: {shelf.archive(home, file)}")
        case "unarchive":
            file = choosing.named(home, options.session, archived=True)
            _say(f"Session {file.thread_id} is back: {shelf.unarchive(home, file)}")
        case "rename":
            file = choosing.named(home, options.session)
            name = rename(home, file.thread_id, options.name, utc(time.time()))
            _say(f"Session {file.thread_id} is called {name!r} now.")
        case _:
            return _delete(home, options)
    return 0


def _list(home: Path, options: argparse.Namespace) -> int:
    wanted = choosing.Wanted(cwd=None if options.all else folder(None))
    every = catalog.entries(home, names(home), archived=options.archived)
    found = (
        (_row(each, text), each.file.modified)
        for each in every
        if choosing.matches(each, wanted)
        and (text := said(each.file.path, options.search)) is not None
    )
    rows = list(islice(found, options.limit + 1 if options.limit > 0 else None))
    more = 0 < options.limit < len(rows)
    rows = rows[: options.limit] if more else rows
    if options.json:
        data = msgspec.json.format(msgspec.json.encode([row for row, _ in rows]))
        sys.stdout.write(data.decode() + "\n")
        return 0
    for row, when in rows:
        sys.stdout.write(_line(row, when, folders=options.all))
    if more:
        sys.stderr.write(f"There are more than {len(rows)}: -n 0 lists all.\n")
    elif not rows:
        where = "" if options.all else " of this folder; --all lists those of all"
        sys.stderr.write(f"There are no sessions{where}.\n")
    return 0


def _row(each: Entry, found: str) -> Row:
    file = each.file
    return Row(
        id=file.thread_id,
        name=each.name or None,
        first_prompt=each.first_prompt,
        cwd=each.cwd,
        source=each.source,
        model_provider=each.provider,
        began=each.began,
        modified=utc(file.modified),
        turns=catalog.turns(file),
        archived=file.archived,
        path=str(file.path),
        found=found or None,
    )


def _line(row: Row, when: float, *, folders: bool) -> str:
    first = row.first_prompt.partition("\n")[0]
    title = visible((row.name or first)[:TITLE_COLUMNS]) or "(nothing was asked)"
    turns = "" if row.turns is None else f"{row.turns}"
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(when))
    where = f"  {visible(row.cwd)}" if folders else ""
    line = f"{day}  {turns:>4}  {row.id}  {title}{where}\n"
    return line + (f"{'':>24}{visible(row.found)}\n" if row.found else "")


def _delete(home: Path, options: argparse.Namespace) -> int:
    if options.force and not is_id(options.session):
        raise CodexOssError(
            "delete --force wants a whole id: a name may be another's tomorrow",
            hint="`codex-oss sessions --all` lists them.",
        )
    file = _any(home, options.session)
    each = catalog.entry(file, names(home).get(file.thread_id, ""))
    title = visible(each.title if each else "")[:TITLE_COLUMNS]
    what = f"Delete session {file.thread_id} ({title})"
    hint = "Add --force, and name it by its id."
    if not (options.force or agreed(what, hint=hint)):
        sys.stderr.write("Nothing was deleted.\n")
        return 1
    shelf.delete(home, file)
    return _forget(home, file.thread_id)


def _forget(home: Path, thread_id: str) -> int:
    """Delete a deleted session's name, and what undo keeps; return the exit code."""
    from codex_oss.cli.undo_room import turns  # noqa: PLC0415  lists do without
    from codex_oss.wiring import undo  # noqa: PLC0415  lists do without

    given = undo.forget(os.environ, thread_id)
    left = [f"what undo keeps of it is still there: {each}" for each in given.failures]
    try:
        forget(home, thread_id)
    except CodexOssError as error:
        left.append(f"its name is still there: {error}")
    gone = f" {turns(given)} can no longer be undone." if given.turns else ""
    _say(f"Deleted session {thread_id}.{gone}")
    for each in left:
        sys.stderr.write(f"warning: {visible(each)}\n")
    return 1 if left else 0


def _any(home: Path, word: str) -> File:
    """Return the conversation of a word, which may be archived."""
    try:
        return choosing.named(home, word)
    except CodexOssError:
        try:
            return choosing.named(home, word, archived=True)
        except CodexOssError:
            pass
        raise


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
