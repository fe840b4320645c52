"""Picks the command, and turns every error into a message and an exit code."""

import os
import sys
from importlib import import_module

from codex_oss.cli import arguments
from codex_oss.errors import CodexOssError, UsageError


def run(argv: list[str]) -> int:
    """Run the command that ``argv`` names and return the exit code."""
    try:
        code = _done(argv)
        # Not at the interpreter's end, which has no words for a disk that is full.
        sys.stdout.flush()
    except CodexOssError as error:
        from codex_oss.exec_mode.visible import shown  # noqa: PLC0415  hardly ever

        # Servers have a say in some of them, and are not to command the terminal.
        text = shown(error.report())
        sys.stderr.write(text if text.startswith("Error") else f"Error: {text}")
        sys.stderr.write("\n")
        return error.exit_code
    except OSError as error:
        return unwritten(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 1
    return code


def unwritten(error: OSError) -> int:
    """Tell that the output cannot be written, and return the exit code."""
    # Who read our output may have left: nothing is wrong then, and nobody reads more.
    if not isinstance(error, BrokenPipeError):
        # Every file of ours is opened where its error is told; the rest is our output.
        what = error.filename or "cannot write the output"
        sys.stderr.write(f"Error: {what}: {error.strerror}\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 1


def _done(argv: list[str]) -> int:
    if argv[:1] == ["help"] and argv[1:]:
        argv = [*argv[1:], "--help"]
    try:
        return _dispatch(argv)
    except SystemExit as told:  # by argparse, which has printed a page
        return int(told.code or 0)


def _dispatch(argv: list[str]) -> int:
    at = _command_at(argv)
    if at is None or not _command(argv[at]):
        return _no_command(argv, at or 0)
    command = _command(argv[at])
    # `codex-oss -m x exec …` is `codex-oss exec -m x …`.
    rest = argv[:at] + argv[at + 1 :]
    if command == "exec":
        command, rest = _of_exec(rest)
    options = arguments.PARSERS[command]().parse_args(rest)
    match command:
        case "bridge":
            if options.action == "run":
                from codex_oss.cli import loop  # noqa: PLC0415  must come before asyncio

                loop.import_asyncio()
            from codex_oss.cli import bridge_command  # noqa: PLC0415  paid when used

            return bridge_command.run(options)
        case "engines":
            if options.action == "start":
                from codex_oss.cli import engines_start  # noqa: PLC0415  paid when used

                return engines_start.run(options)
            from codex_oss.cli import engines_command  # noqa: PLC0415  paid when used

            return engines_command.run(options)
        case "exec resume" | "exec fork" | "resume" | "fork":
            from codex_oss.cli import resume_command  # noqa: PLC0415  paid when used

            return resume_command.run(command, options)
        case "exec review" | "review":
            from codex_oss.cli import review_command  # noqa: PLC0415  paid when used

            return review_command.run(options)
        case _ if command in arguments.SESSION_COMMANDS:
            from codex_oss.cli import sessions_command  # noqa: PLC0415  paid when used

            return sessions_command.run(command, options)
        case _:
            # Each in the module of its name, which is paid for when it is used.
            name = command.replace("-", "_").replace(" ", "_")
            module = f"codex_oss.cli.{name}_command"
            code: int = import_module(module).run(options)
            return code


def _command_at(argv: list[str]) -> int | None:
    """Return where the command stands: the first word that is no option's value."""
    for at, word in enumerate(argv):
        before = argv[at - 1] if at else ""
        if word.startswith("-") or before in arguments.WITH_VALUE:
            continue
        if _command(word) or not before.startswith("-"):
            return at
    return None


def _of_exec(words: list[str]) -> tuple[str, list[str]]:
    """Return the command that ``exec`` and its first word are, and the other words."""
    if words == ["help"]:
        return "exec", ["--help"]
    values = {i + 1 for i, word in enumerate(words) if word in arguments.WITH_VALUE}
    for at, word in enumerate(words):
        if word == "--" or (not word.startswith("-") and at not in values):
            if (command := f"exec {word}") in arguments.PARSERS:
                return command, words[:at] + words[at + 1 :]
            break
    return "exec", words


def _command(word: str) -> str:
    word = arguments.ALIASES.get(word, word)
    return word if word in arguments.PARSERS else ""


def _no_command(argv: list[str], at: int) -> int:
    if not argv or argv[0] in ("-h", "--help", "help"):
        (sys.stdout if argv else sys.stderr).write(arguments.HELP)
        return 0 if argv else 2
    raise UsageError(
        f"`{argv[at]}` is not a command, and this version has no terminal UI.",
        hint='To do a task: codex-oss exec "what to do". For more: codex-oss --help.',
    )
