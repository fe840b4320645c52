"""What can be said on the command line, in the Codex CLI's words."""

import argparse
import os
from collections.abc import Callable
from typing import NoReturn

from codex_oss import __version__
from codex_oss.errors import UsageError

SANDBOX_MODES = ("read-only", "workspace-write", "danger-full-access")
COLORS = ("always", "never", "auto")


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
        "-m",
        "--model",
        metavar="MODEL",
        help="a name the provider knows, a .gguf file, hf:OWNER/REPO or pypi:PACKAGE",
    )
    add(
        "--oss",
        action="store_true",
        help="use the built-in profile for models on this machine",
    )
    add(
        "--local-provider",
        metavar="NAME",
        help="with --oss: ollama, llamacpp, lmstudio, vllm or a configured provider",
    )
    add(
        "--strict-config",
        action="store_true",
        help="unknown configuration keys are errors",
    )


def add_work(parser: argparse.ArgumentParser) -> None:
    """Add the options on where and how freely the agent works."""
    add = parser.add_argument
    add("-s", "--sandbox", choices=SANDBOX_MODES, help="what commands may do")
    add("--full-auto", action="store_true", help="same as --sandbox workspace-write")
    add(
        "--dangerously-bypass-approvals-and-sandbox",
        "--yolo",
        dest="bypass",
        action="store_true",
        help="no sandbox, no questions: only where the machine is a sandbox itself",
    )
    add("-C", "--cd", metavar="DIR", help="work in this folder")
    add(
        "--add-dir",
        action="append",
        default=[],
        metavar="DIR",
        help="one more folder that may be written",
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


def exec_parser() -> Parser:
    """Return the parser of ``codex-oss exec``."""
    parser = Parser(
        prog="codex-oss exec",
        description="Do one task without a terminal UI. The model's last message goes\n"
        "to stdout, the rest to stderr; with --json all events go to stdout.",
    )
    add = parser.add_argument
    add(
        "prompt",
        nargs="?",
        metavar="PROMPT",
        help="what to do; `-` or nothing reads it from stdin; piped stdin is appended",
    )
    add(
        "--json",
        action="store_true",
        help="print events as JSON lines, as `codex exec --json` does",
    )
    add(
        "-o",
        "--output-last-message",
        metavar="FILE",
        help="write the model's last message to a file",
    )
    add(
        "--output-schema",
        metavar="FILE",
        help="a JSON schema that the last message must follow",
    )
    add("--color", choices=COLORS, default="auto", help="colours on stderr")
    add(
        "--skip-git-repo-check",
        action="store_true",
        help="also work outside a git repository",
    )
    add("--ephemeral", action="store_true", help="keep no session file")
    add_config(parser)
    add_work(parser)
    return parser


def config_parser() -> Parser:
    """Return the parser of ``codex-oss config``."""
    parser = Parser(
        prog="codex-oss config",
        description="Show the configuration: every value and where it comes from.",
    )
    parser.add_argument("action", nargs="?", choices=("show",), default="show")
    add_config(parser)
    return parser


def bridge_parser() -> Parser:
    """Return the parser of ``codex-oss bridge``."""
    from codex_oss.cli import bridge_arguments  # noqa: PLC0415  `exec` does without

    return bridge_arguments.parser()


PARSERS: dict[str, Callable[[], Parser]] = {
    "exec": exec_parser,
    "config": config_parser,
    "bridge": bridge_parser,
}
ALIASES = {"e": "exec"}

HELP = f"""codex-oss {__version__}: a coding agent for models on your own machine

Usage: codex-oss COMMAND [OPTIONS]

Commands:
  exec, e   do one task without a terminal UI
  bridge    serve the Responses API in front of a local model's server
  config    show the configuration and where each value comes from

Options:
  -h, --help      this page; `codex-oss COMMAND --help` for a command
  -V, --version   the version
"""
