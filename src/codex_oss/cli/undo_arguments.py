"""What can be said after ``codex-oss undo`` and ``codex-oss redo``."""

import argparse

from codex_oss.cli.parser import Parser, add_settings, whole
from codex_oss.errors import UsageError

_ABOUT = {
    "undo": "Take back what the last turn changed on disk, or several turns.\n"
    "Files that somebody else changed since are not touched unless you say so.",
    "redo": "Make the turn again that was taken back last, or several turns.\n"
    "Files that somebody else changed since are not touched unless you say so.",
}


def parser(action: str) -> Parser:
    """Return the parser of a command."""
    made = Parser(prog=f"codex-oss {action}", description=_ABOUT[action])
    add = made.add_argument
    which = made.add_mutually_exclusive_group()
    which.add_argument(
        "-n", dest="count", type=whole(1), default=1, metavar="N", help="so many turns"
    )
    which.add_argument(
        "--turn", default="", metavar="ID", help="the turn of this id, or its beginning"
    )
    which.add_argument(
        "--list", action="store_true", help="list the turns that are known, and end"
    )
    if action == "undo":
        which.add_argument(
            "--prune",
            action="store_true",
            help="forget all turns of this folder, which gives their room on the disk "
            "back",
        )
        add(
            "--all",
            action="store_true",
            help="with --list and --prune: of all folders",
        )
    how = made.add_mutually_exclusive_group()
    how.add_argument(
        "--force",
        action="store_true",
        help="also overwrite files that were changed since; the way back brings them "
        "back" + ("; with --prune: do not ask" if action == "undo" else ""),
    )
    how.add_argument(
        "--skip-conflicts",
        action="store_true",
        help="leave files that were changed since, and restore the others",
    )
    add("--dry-run", action="store_true", help="only say what would be done")
    add("--diff", action="store_true", help="show the changed lines too")
    add("--json", action="store_true", help="print JSON")
    add("-C", "--cd", metavar="DIR", help="the folder that the turns worked in")
    add_settings(made)
    return made


def check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for options that do not go together."""
    pruning = getattr(options, "prune", False)
    if getattr(options, "all", False) and not (options.list or pruning):
        raise UsageError("--all goes with --list or --prune")
    other = options.skip_conflicts or options.dry_run or options.diff or options.json
    if pruning and other:
        raise UsageError("--prune goes with --all, --force and -C alone")
    if options.json and options.diff:
        raise UsageError("--json has no place for --diff: leave one out")
