"""What the parsers of all commands have in common."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from codex_oss.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

_MAX_DIGITS = 18
"""Of a number; whoever types more has not counted anything."""


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter as wide as the terminal.

    argparse makes one for every option, and without a width each would import shutil
    and five modules of compression to ask for it: 8 ms of every start.
    """
    try:
        width = os.get_terminal_size().columns - 2
    except OSError:
        width = 80
    return argparse.RawDescriptionHelpFormatter(prog, width=width)


class Parser(argparse.ArgumentParser):
    """A parser that raises ``UsageError`` and takes no abbreviations."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=_formatter,
        )

    def print_help(self, file: "SupportsWrite[str] | None" = None) -> None:
        """Print the page; argparse would keep quiet about a disk that is full."""
        (file or sys.stdout).write(self.format_help())

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` with the message and the way to the help."""
        raise UsageError(message, hint=f"For more, try `{self.prog} --help`.")


class MixedParser(Parser):
    """A parser whose words may stand on both sides of options: ``ID --json PROMPT``."""

    def parse_args(  # pyright: ignore[reportIncompatibleMethodOverride]  one of its overloads
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> argparse.Namespace:
        """Return the options."""
        into = namespace or argparse.Namespace()
        self.parse_intermixed_args(args, into)
        return into


def filled(text: str) -> str:
    """Check, as a ``type`` of options, that a variable of a script was not empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty: give a value, or leave it out")
    return text


def whole(low: int) -> Callable[[str], int]:
    """Return a ``type`` of options: a whole number from ``low`` on."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            raise argparse.ArgumentTypeError(f"`{text}` is no number from {low} on")
        if int(text) < low:
            raise argparse.ArgumentTypeError(f"{text} is less than {low}")
        return int(text)

    return read


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add the options that change the configuration."""
    add_settings(parser)
    add_model(parser)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the options that change any value of the configuration."""
    add = parser.add_argument
    add(
        "-c",
        "--config",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set a configuration value: dotted key, TOML value or plain text",
    )
    add(
        "--enable",
        action="append",
        default=[],
        metavar="FEATURE",
        help="set features.FEATURE=true",
    )
    add(
        "--disable",
        action="append",
        default=[],
        metavar="FEATURE",
        help="set features.FEATURE=false",
    )
    add(
        "-p",
        "--profile",
        type=filled,
        metavar="NAME",
        help="use a profile of the configuration",
    )
    add(
        "--strict-config",
        action="store_true",
        help="unknown configuration keys are errors",
    )


def add_model(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the model."""
    add = parser.add_argument
    add(
        "-m",
        "--model",
        type=filled,
        metavar="MODEL",
        help="a name the provider knows, a .gguf file, hf:OWNER/REPO or pypi:PACKAGE",
    )
    add(
        "--oss",
        action="store_true",
        help="use what runs on this machine: `codex-oss engines` shows it",
    )
    add(
        "--local-provider",
        type=filled,
        metavar="NAME",
        help="with --oss: ollama, lmstudio, llamacpp, vllm, sglang, embedded or a "
        "configured provider",
    )
