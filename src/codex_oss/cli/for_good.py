"""Asks whether something may be deleted that nobody can bring back."""

import sys

from codex_oss.errors import CodexOssError


def agreed(what: str, *, hint: str) -> bool:
    """Ask "WHAT for good?" and return whether the answer was a yes.

    Raises ``CodexOssError`` with ``hint`` where there is no terminal to ask at.
    """
    if not sys.stdin.isatty():
        told = what[0].lower() + what[1:]
        raise CodexOssError(f"nobody can be asked whether to {told}", hint=hint)
    sys.stderr.write(f"{what} for good? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
