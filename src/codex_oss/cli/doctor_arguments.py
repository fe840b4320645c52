"""What can be said to ``codex-oss doctor``."""

from codex_oss.cli.parser import Parser, add_config


def parser() -> Parser:
    """Return the parser."""
    made = Parser(
        prog="codex-oss doctor",
        description="Say what is installed, reachable, too old or too small here, and\n"
        "what to do next. Asks nothing beyond this machine. The exit code is 0 when\n"
        "all is well, 1 when something needs doing.",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON")
    add_config(made)
    return made
