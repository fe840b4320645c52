"""What can be said to ``codex-oss engines``."""

from codex_oss.cli.parser import Parser, add_config


def parser() -> Parser:
    """Return the parser."""
    made = Parser(
        prog="codex-oss engines",
        description="Show the servers of models on this machine, what they have, and\n"
        "which one would be taken.",
    )
    made.add_argument("--json", action="store_true", help="print it as JSON")
    add_config(made)
    return made
