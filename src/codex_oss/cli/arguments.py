"""What can be said on the command line, in the Codex CLI's words."""

import argparse
from collections.abc import Callable

from codex_oss import __version__
from codex_oss.cli.parser import Parser, add_config, add_settings
from codex_oss.cli.work_arguments import add_exec, add_place, add_prompt


def exec_parser() -> Parser:
    """Return the parser of ``codex-oss exec``."""
    parser = Parser(
        prog="codex-oss exec",
        description="Do one task without a terminal UI. The model's last message goes\n"
        "to stdout, the rest to stderr; with --json all events go to stdout.\n\n"
        "  codex-oss exec resume   one more task in a conversation\n"
        "  codex-oss exec fork     the same, in a copy of it\n"
        "  codex-oss exec review   look for what is wrong with a change",
    )
    add_prompt(parser)
    add_exec(parser)
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


def sandbox_parser() -> Parser:
    """Return the parser of ``codex-oss sandbox``.

    What begins the command ends the options; ``command`` may begin with a backend's
    name, and then more options follow (see ``sandbox_command``).
    """
    parser = Parser(
        prog="codex-oss sandbox",
        description="Run a command as the model's commands run: in the sandbox of the\n"
        "configuration, here and now. The exit code is the command's.",
    )
    add = parser.add_argument
    add(
        "command",
        nargs=argparse.REMAINDER,
        metavar="[linux|macos|windows|seatbelt|landlock] [--] COMMAND ...",
        help="what to run; `landlock` takes that instead of bubblewrap",
    )
    add(
        "--explain",
        action="store_true",
        help="say what a command may read, write and reach, and run nothing",
    )
    add("--json", action="store_true", help="with --explain: as JSON")
    add(
        "-P",
        "--permissions-profile",
        dest="permissions",
        metavar="NAME",
        help=":read-only, :workspace, :danger-full-access or one of [permissions]",
    )
    add_place(parser)
    add_settings(parser)
    return parser


def bridge_parser() -> Parser:
    """Return the parser of ``codex-oss bridge``."""
    from codex_oss.cli import bridge_arguments  # noqa: PLC0415  `exec` does without

    return bridge_arguments.parser()


def engines_parser() -> Parser:
    """Return the parser of ``codex-oss engines``."""
    from codex_oss.cli import (  # noqa: PLC0415  `exec` does without
        engines_arguments,
        engines_start_arguments,
    )

    made = engines_arguments.parser()
    engines_start_arguments.add(made)
    return made


def doctor_parser() -> Parser:
    """Return the parser of ``codex-oss doctor``."""
    from codex_oss.cli import doctor_arguments  # noqa: PLC0415  `exec` does without

    return doctor_arguments.parser()


def models_parser() -> Parser:
    """Return the parser of ``codex-oss models``."""
    from codex_oss.cli import models_arguments  # noqa: PLC0415  `exec` does without

    return models_arguments.parser()


def mcp_server_parser() -> Parser:
    """Return the parser of ``codex-oss mcp-server``."""
    from codex_oss.cli import mcp_server_arguments  # noqa: PLC0415  see above

    return mcp_server_arguments.mcp_server_parser()


def mcp_parser() -> Parser:
    """Return the parser of ``codex-oss mcp``."""
    from codex_oss.cli import mcp_arguments  # noqa: PLC0415  `exec` does without

    return mcp_arguments.mcp_parser()


def _of_sessions(command: str) -> Callable[[], Parser]:
    """Return what makes the parser of a command on conversations."""

    def made() -> Parser:
        from codex_oss.cli import sessions_arguments  # noqa: PLC0415  see above

        return sessions_arguments.parser(command)

    return made


def _of_undo(command: str) -> Callable[[], Parser]:
    """Return what makes the parser of ``codex-oss undo`` or ``redo``."""

    def made() -> Parser:
        from codex_oss.cli import undo_arguments  # noqa: PLC0415  see above

        return undo_arguments.parser(command)

    return made


SESSION_COMMANDS = ("sessions", "archive", "unarchive", "rename", "delete")


def _apply_parser() -> Parser:
    from codex_oss.cli import apply_arguments  # noqa: PLC0415  see above

    return apply_arguments.apply_parser()


def _of_review(command: str) -> Callable[[], Parser]:
    def made() -> Parser:
        from codex_oss.cli import review_arguments  # noqa: PLC0415  see above

        return review_arguments.review_parser(command)

    return made


PARSERS: dict[str, Callable[[], Parser]] = {
    "exec": exec_parser,
    "exec resume": _of_sessions("exec resume"),
    "exec fork": _of_sessions("exec fork"),
    "exec review": _of_review("exec review"),
    "review": _of_review("review"),
    "resume": _of_sessions("resume"),
    "fork": _of_sessions("fork"),
    **{name: _of_sessions(name) for name in SESSION_COMMANDS},
    "apply": _apply_parser,
    "undo": _of_undo("undo"),
    "redo": _of_undo("redo"),
    "config": config_parser,
    "bridge": bridge_parser,
    "sandbox": sandbox_parser,
    "engines": engines_parser,
    "models": models_parser,
    "mcp": mcp_parser,
    "doctor": doctor_parser,
    "mcp-server": mcp_server_parser,
}
ALIASES = {"e": "exec", "a": "apply"}
WITH_VALUE = frozenset(
    (
        *(
            "-c",
            "--config",
            "--enable",
            "--disable",
            "-p",
            "--profile",
            "-m",
            "--model",
        ),
        *("--local-provider", "-s", "--sandbox", "-C", "--cd", "--add-dir", "-i"),
        *("--image", "-a", "--ask-for-approval", "-o", "--output-last-message"),
        *("--output-schema", "--color", "--base", "--commit", "--title"),
    )
)
"""Options that may stand before a command, and whose value is not its name."""

HELP = f"""codex-oss {__version__}: a coding agent for models on your own machine

Usage: codex-oss COMMAND [OPTIONS]

Commands:
  exec, e   do one task without a terminal UI
  exec resume, exec fork
            do one more in a conversation, or in a copy of it
  resume, fork
            go on with a conversation, or with a copy of it, line by line
  sessions  list conversations; archive, unarchive, rename and delete change one
  apply, a  apply the last diff of a session, or of a file, to this folder
  undo, redo
            take back what the last turns changed on disk, or make it again
  review, exec review
            let the model look for what is wrong with a change
  bridge    serve the Responses API in front of a local model's server
  engines   show the servers of models on this machine, and which one is taken
  models    show which models fit this machine, fetch them, choose one
  doctor    say what is here, what is amiss, and what to do next
  mcp       show, add, remove and try MCP servers, whose tools the agent gets
  mcp-server
            offer the agent to MCP clients, over stdio or HTTP
  sandbox   run a command as the model's commands run, or say what they may do
  config    show the configuration and where each value comes from

Options:
  -h, --help      this page; `codex-oss COMMAND --help` for a command
  -V, --version   the version
"""
