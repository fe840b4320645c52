"""The command line: arguments to a front end.

The only package that imports late: each command pays for what it uses, and
``--version`` for nothing.
"""

import gc
import sys


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    for name in ("stdin", "stdout", "stderr"):
        _open_stream(name)
    if arguments in (["--version"], ["-V"]):
        return _tell_version()
    # Imports make no garbage, and looking for some costs 5 to 10 ms of a start. The
    # commands that go on for long look for it when they have begun.
    gc.disable()
    try:
        from codex_oss.cli.commands import run  # noqa: PLC0415  see above

        return run(arguments)
    finally:
        gc.enable()


def _tell_version() -> int:
    from codex_oss import __version__  # noqa: PLC0415  see the module's docstring

    try:
        sys.stdout.write(f"codex-oss {__version__}\n")
        sys.stdout.flush()
    except OSError as error:
        from codex_oss.cli.commands import unwritten  # noqa: PLC0415  hardly ever

        return unwritten(error)
    return 0


def _open_stream(name: str) -> None:
    """Make a standard stream usable: UTF-8 whatever the locale, nothing if closed."""
    stream = getattr(sys, name)
    if stream is None:
        mode = "r" if name == "stdin" else "w"
        setattr(sys, name, open("/dev/null", mode, encoding="utf-8"))  # noqa: SIM115, PTH123  for the whole run
    elif hasattr(stream, "reconfigure"):
        errors = "strict" if name == "stdin" else "replace"
        stream.reconfigure(encoding="utf-8", errors=errors)
