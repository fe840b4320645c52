"""``codex-oss apply``: a diff, from a session or a text, to the files of a folder."""

import argparse
import os
import sys
from pathlib import Path
from typing import BinaryIO

from codex_oss.cli.place import folder
from codex_oss.config import load
from codex_oss.errors import CodexOssError, PatchError, SessionError, UsageError
from codex_oss.patch.apply import plan, summary
from codex_oss.patch.write import write
from codex_oss.sessions import choosing, reading
from codex_oss.sessions.catalog import File
from codex_oss.wiring.diffs import (
    Diff,
    conflicts,
    in_conversation,
    in_text,
    outside,
)

MAX_BYTES = 64 * 1024 * 1024
"""A larger diff is not read."""


def run(options: argparse.Namespace) -> int:
    """Apply and return the exit code: 1 where the diff does not fit."""
    place = folder(options.cd)
    diff = _diff(options, place)
    if strange := outside(diff, place):
        raise CodexOssError(
            f"the diff changes files outside of {place}: {', '.join(strange)}",
            hint="Go to the folder that it is for, or name it with -C.",
        )
    lost = [] if options.force else conflicts(diff, place)
    try:
        changes = plan(diff.patch, place)
    except PatchError as error:
        raise CodexOssError(
            f"the diff of {diff.source} does not fit: {error}",
            hint="Nothing was changed. Was it applied already? `git diff` shows it.",
        ) from error
    if lost:
        raise CodexOssError(
            f"the diff of {diff.source} does not fit: {'; '.join(lost)}",
            hint="Nothing was changed. --force overwrites and deletes them.",
        )
    if not options.dry_run:
        try:
            write(changes)
        except PatchError as error:
            raise CodexOssError(f"Nothing was changed: {error}") from error
    done = summary(changes).partition("\n")[2]
    what = "Would change" if options.dry_run else "Changed"
    sys.stdout.write(f"{what} by {diff.source}:\n{done}")
    return 0


def _diff(options: argparse.Namespace, place: Path) -> Diff:
    given = options.source
    if given is not None and options.last:
        raise UsageError("--last names a session: leave out what else does")
    if given == "-":
        return in_text(_text(sys.stdin.buffer, "stdin"), "stdin")
    if given is not None and Path(given).is_file():
        return in_text(_text_of(Path(given)), given)
    home = load.codex_home(os.environ)
    if given is not None:
        file = _named(home, given)
    else:
        wanted = choosing.Wanted(cwd=None if options.last else place)
        file = choosing.last(home, wanted).file
    kept = reading.read(file.path, file.thread_id)
    begun_in = Path(str(kept.meta.get("cwd") or place))
    return in_conversation(kept.items, begun_in)


def _named(home: Path, given: str) -> File:
    try:
        return choosing.named(home, given)
    except SessionError as error:
        raise SessionError(f"{error}, and no such file", hint=error.hint) from error


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return _text(file, str(path))
    except OSError as error:
        raise CodexOssError(f"cannot read {path}: {error.strerror}") from error


def _text(file: BinaryIO, name: str) -> str:
    """Return a diff's text; of files that are no UTF-8 it need not be UTF-8 either."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise CodexOssError(f"{name} is larger than {MAX_BYTES >> 20} MiB")
    return data.decode("utf-8", "replace")
