"""``codex-oss undo``: take back what turns have changed on disk."""

import argparse
import os
import sys

from msgspec.structs import replace

from codex_oss.cli import undo_page, undo_room
from codex_oss.cli.place import folder
from codex_oss.cli.settings import load_config
from codex_oss.cli.undo_arguments import check
from codex_oss.undo import back
from codex_oss.undo.back import Wanted, Workspace
from codex_oss.undo.report import Action, Report
from codex_oss.wiring.undo import workspace

_CHOICES = """
[o] overwrite them (`{other}` brings them back)
[l] leave them, and restore the rest
[n] change nothing
"""


def run(options: argparse.Namespace, action: Action = "undo") -> int:
    """Do what ``options`` say and return the exit code: 1 if there are conflicts."""
    check(options)
    loaded = load_config(options, os.environ)
    for warning in loaded.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    place = workspace(os.environ, folder(options.cd), loaded.config.undo)
    if action == "undo" and (options.prune or options.all):
        return undo_room.run(place, options)
    if options.list:
        records = back.listed(place)
        listed = undo_page.listed(records)
        page = undo_page.table(records, str(place.path))
        sys.stdout.write(undo_page.json(listed) if options.json else page)
        if not options.json:
            sys.stdout.write(undo_room.kept(place))
        return 0
    wanted = Wanted(
        action=action,
        count=options.count,
        turn_id=options.turn,
        force=options.force,
        skip_conflicts=options.skip_conflicts,
        dry_run=options.dry_run,
    )
    report = back.take(place, wanted)
    _show(report, place, options)
    if report.done or options.dry_run:
        return 0
    chosen = None if options.json else _asked(report, wanted)
    if chosen is None:
        _tell_ways(action)
        return 1
    _show(back.take(place, chosen), place, options)
    return 0


def _show(report: Report, place: Workspace, options: argparse.Namespace) -> None:
    if options.json:
        sys.stdout.write(undo_page.json(undo_page.told(report)))
        return
    sys.stdout.write(f"{report.words()}\n")
    if options.diff:
        sys.stdout.write(undo_page.diff(report, back.contents(place, report)))
    sys.stdout.flush()


def _asked(report: Report, wanted: Wanted) -> Wanted | None:
    """Ask what becomes of conflicts; None: nothing is changed, or nobody is there."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    other = "redo" if report.action == "undo" else "undo"
    sys.stdout.write(_CHOICES.format(other=other))
    sys.stdout.write("> ")
    sys.stdout.flush()
    match sys.stdin.readline().strip().lower():
        case "o":
            return replace(wanted, force=True)
        case "l":
            return replace(wanted, skip_conflicts=True)
        case _:
            return None


def _tell_ways(action: Action) -> None:
    sys.stderr.write(
        f"Nothing was changed. `codex-oss {action} --skip-conflicts` leaves these "
        f"files and restores the rest; `codex-oss {action} --force` overwrites them.\n"
    )
