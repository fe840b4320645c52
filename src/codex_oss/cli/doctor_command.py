"""``codex-oss doctor``: one page on what is here, what is amiss, and what to do."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from codex_oss.cli.place import folder
from codex_oss.cli.settings import load_config
from codex_oss.config.load import Loaded, load
from codex_oss.errors import ConfigError
from codex_oss.exec_mode.screen import columns
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap_words
from codex_oss.wiring.doctor import Check, Page, examine
from codex_oss.wiring.permissions import Job

MIN_COLUMNS = 40
MARKS = {"ok": "ok", "note": "--", "todo": "!!"}
_MARK = 4
_NO_FOLDER = Path("/nonexistent")
"""Debian's name for a home that nobody has: there is no configuration in it."""


class _Told(msgspec.Struct, frozen=True):
    """The page as JSON."""

    version: str
    ok: bool
    checks: tuple[Check, ...]


def run(options: argparse.Namespace) -> int:
    """Print the page; the exit code is 1 where something needs doing."""
    loaded, broken = _configuration(options)
    job = Job(loaded=loaded, cwd=folder(None), env=dict(os.environ))
    page = asyncio.run(examine(job, broken))
    if options.json:
        told = _Told(page.version, not page.todo, page.checks)
        text = msgspec.json.format(msgspec.json.encode(told)).decode() + "\n"
    else:
        text = "".join(f"{line}\n" for line in words(page, columns(sys.stdout)))
    sys.stdout.write(text)
    return 1 if page.todo else 0


def _configuration(
    options: argparse.Namespace,
) -> tuple[Loaded, ConfigError | None]:
    """Return the configuration, or the defaults and why it cannot be read."""
    try:
        return load_config(options, os.environ), None
    except ConfigError as error:
        return load(_NO_FOLDER, {"HOME": os.environ.get("HOME", "")}), error


def words(page: Page, columns: int) -> Iterator[str]:
    """Yield the page's lines."""
    label = max(len(check.name) for check in page.checks) + 2
    for check in page.checks:
        yield from _lines(check, label, max(columns, MIN_COLUMNS) - 1)
    yield ""
    count = len(page.todo)
    if not count:
        yield "All is well."
        return
    yield "1 thing to do:" if count == 1 else f"{count} things to do:"
    for number, check in enumerate(page.todo, start=1):
        yield f"  {number}. {visible(check.name)}"
        # Not wrapped: these are commands, to be copied whole.
        yield from (f"     {visible(line)}" for line in check.next.splitlines())


def _lines(check: Check, label: int, width: int) -> Iterator[str]:
    indent = _MARK + label
    said = check.value.splitlines() or [""]
    rows = [row for line in said for row in wrap_words(visible(line), width - indent)]
    yield f"{MARKS[check.state]:<{_MARK}}{visible(check.name):<{label}}{rows[0]}"
    yield from (f"{'':<{indent}}{row}" for row in rows[1:])
    if check.state == "note" and check.next:
        yield f"{'':<{indent}}> {visible(check.next)}"
