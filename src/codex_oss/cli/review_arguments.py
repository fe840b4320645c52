"""What can be said to ``codex-oss review`` and ``codex-oss exec review``."""

from codex_oss.cli.parser import Parser, add_config
from codex_oss.cli.work_arguments import COLORS


def review_parser(command: str) -> Parser:
    """Return the parser of either command."""
    parser = Parser(
        prog=f"codex-oss {command}",
        description="Let the model look for what is wrong with a change. It is shown\n"
        "the diff in parts that fit its window; nothing is changed.",
    )
    add = parser.add_argument
    add(
        "prompt",
        nargs="?",
        metavar="PROMPT",
        help="what to look for, instead of a choice below; `-` reads it from stdin",
    )
    add("--uncommitted", action="store_true", help="what is not committed yet")
    add("--base", metavar="BRANCH", help="all since this branch")
    add("--commit", metavar="SHA", help="one commit")
    add("--title", metavar="TITLE", help="with --commit: its title, to be shown")
    add("--json", action="store_true", help="print events as JSON lines")
    add(
        "-o",
        "--output-last-message",
        metavar="FILE",
        help="write the review to a file",
    )
    add("--color", choices=COLORS, default="auto", help="colours on stderr")
    add("-C", "--cd", metavar="DIR", help="review in this folder")
    add(
        "--skip-git-repo-check",
        action="store_true",
        help="accepted; a review needs git all the same",
    )
    add("--trust", action="store_true", help="follow this project's own configuration")
    add("--ephemeral", action="store_true", help="keep no session file")
    add("--ignore-rules", action="store_true", help="as if there were no rules/*.rules")
    add(
        "--yes",
        action="store_true",
        help="consent to what may be downloaded, installed or started for the model",
    )
    add(
        "--dangerously-bypass-approvals-and-sandbox",
        "--yolo",
        dest="bypass",
        action="store_true",
        help="no sandbox: only where the machine is a sandbox itself",
    )
    add_config(parser)
    return parser
