"""The parsers of the commands on conversations."""

import argparse

from codex_oss.cli.parser import MixedParser, Parser, whole
from codex_oss.cli.work_arguments import add_exec, add_turns

_ABOUT = {
    "exec resume": "Do one more task in a conversation, as `codex-oss exec` does.",
    "exec fork": "Do one more task in a copy of a conversation, which stays as it is.",
    "resume": "Go on with a conversation, line by line; without a name, choose one.",
    "fork": "Go on with a copy of a conversation, which itself stays as it is.",
    "sessions": "List conversations, the last first: those of this folder.",
    "archive": "Put a conversation where lists do not show it.",
    "unarchive": "Bring an archived conversation back.",
    "rename": "Give a conversation a name, by which it can be resumed.",
    "delete": "Delete a conversation for good.",
}


def parser(command: str) -> Parser:
    """Return the parser of a command."""
    made = MixedParser(prog=f"codex-oss {command}", description=_ABOUT[command])
    match command:
        case "exec resume" | "exec fork":
            _add_choice(made)
            add_exec(made)
        case "resume" | "fork":
            _add_choice(made)
            _add_line_mode(made)
        case "sessions":
            _add_list(made)
        case _:
            made.add_argument("session", metavar="ID|NAME", help="the conversation")
            if command == "rename":
                made.add_argument("name", metavar="NEW_NAME", help="its new name")
            if command == "delete":
                made.add_argument(
                    "--force", action="store_true", help="delete without asking"
                )
    return made


def _add_choice(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add(
        "session",
        nargs="?",
        metavar="ID|NAME",
        help="the conversation; an id may be cut to 8 characters or more",
    )
    add(
        "prompt",
        nargs="?",
        metavar="PROMPT",
        help="what to do; with --last it may come first",
    )
    add("--last", action="store_true", help="take the last one of this folder")
    add("--all", action="store_true", help="of all folders")


def _add_line_mode(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add(
        "--include-non-interactive",
        dest="scripts",
        action="store_true",
        help="also those that scripts have led, such as those of exec",
    )
    add_turns(made)


def _add_list(made: argparse.ArgumentParser) -> None:
    add = made.add_argument
    add("--search", metavar="TEXT", help="only those in which this was said")
    add("--all", action="store_true", help="of all folders")
    add("--archived", action="store_true", help="those that were put away")
    add("-n", "--limit", type=whole(0), default=25, help="how many at most; 0: all")
    add("--json", action="store_true", help="as JSON")
