"""The command line: arguments to a front end.

The only package that imports late: each command pays for what it uses, and
``--version`` for nothing.
"""

import sys


def main(argv: list[str] | None = None) -> int:
    """Run the program and return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments in (["--version"], ["-V"]):
        from codex_oss import __version__  # noqa: PLC0415  see the module's docstring

        sys.stdout.write(f"codex-oss {__version__}\n")
        return 0
    from codex_oss.cli.commands import run  # noqa: PLC0415  see above

    return run(arguments)
