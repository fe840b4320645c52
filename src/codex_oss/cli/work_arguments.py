"""The options of all commands that let the agent, or one command of its, work."""

import argparse

from codex_oss.cli.parser import add_config, filled

SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")
APPROVALS = ("untrusted", "on-request", "on-failure", "never", "granular")
COLORS = ("always", "never", "auto")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Add the options on where commands run and what they may do there."""
    add = parser.add_argument
    add("-s", "--sandbox", choices=SANDBOX_MODES, help="what commands may do")
    add(
        "--full-auto",
        action="store_true",
        help="same as --sandbox workspace-write",
    )
    add("-C", "--cd", type=filled, metavar="DIR", help="work in this folder")
    add(
        "--add-dir",
        type=filled,
        action="append",
        default=[],
        metavar="DIR",
        help="one more folder that may be written",
    )


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add the options on where and how freely the agent works."""
    add_place(parser)
    add = parser.add_argument
    add(
        "-a",
        "--ask-for-approval",
        dest="ask",
        choices=APPROVALS,
        help="ask at the terminal before some commands; without it nobody is asked, "
        "and what would be asked is refused",
    )
    add(
        "--dangerously-bypass-approvals-and-sandbox",
        "--yolo",
        dest="bypass",
        action="store_true",
        help="no sandbox, no questions: only where the machine is a sandbox itself",
    )
    add(
        "--ignore-rules",
        action="store_true",
        help="as if there were no rules/*.rules",
    )
    add(
        "-i",
        "--image",
        action="append",
        nargs="+",
        default=[],
        metavar="FILE",
        help="show the model an image",
    )


def add_prompt(parser: argparse.ArgumentParser) -> None:
    """Add what ``exec`` is asked to do."""
    parser.add_argument(
        "prompt",
        nargs="?",
        metavar="PROMPT",
        help="what to do; `-` or nothing reads it from stdin; piped stdin is appended",
    )


def add_exec(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``exec`` and of all that does one task as it does."""
    add = parser.add_argument
    add(
        "--json",
        action="store_true",
        help="print events as JSON lines, as `codex exec --json` does",
    )
    add(
        "-o",
        "--output-last-message",
        type=filled,
        metavar="FILE",
        help="write the model's last message to a file",
    )
    add(
        "--output-schema",
        type=filled,
        metavar="FILE",
        help="a JSON schema that the last message must follow",
    )
    add_turns(parser)


def add_turns(parser: argparse.ArgumentParser) -> None:
    """Add the options of all commands that let the agent work."""
    add = parser.add_argument
    add("--color", choices=COLORS, default="auto", help="colours")
    add(
        "--skip-git-repo-check",
        action="store_true",
        help="also work outside a git repository",
    )
    add(
        "--trust",
        action="store_true",
        help="from here on follow this project's own configuration; its MCP servers "
        "run outside the sandbox",
    )
    add("--ephemeral", action="store_true", help="keep no session file")
    add(
        "--yes",
        action="store_true",
        help="consent to what may be downloaded, installed or started for the model",
    )
    add_config(parser)
    add_work(parser)
