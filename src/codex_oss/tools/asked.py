"""What a call of a shell tool asks for, brought within its limits."""

import os
from pathlib import Path

from codex_oss.errors import ToolError
from codex_oss.tools.output import BYTES_PER_TOKEN, Budget

MIN_YIELD_MS, MAX_YIELD_MS = 250, 30_000
"""The shortest and the longest wait for a command before the model gets a word."""
RUN_YIELD_MS = 10_000
"""The wait when the model names none."""
MIN_POLL_MS, MAX_POLL_MS = 5000, 300_000
"""The same for a call of write_stdin that only waits."""


def joined(cwd: Path, workdir: str | None) -> Path:
    """Return the folder to work in. Raises ``ToolError``."""
    if workdir and "\0" in workdir:
        raise ToolError("failed to parse function arguments: null byte in `workdir`")
    return Path(os.path.normpath(cwd / (workdir or "")))


def between(least: int, wanted: float | None, most: int) -> int:
    """Return the wait that was asked for, within its limits."""
    return int(min(max(RUN_YIELD_MS if wanted is None else wanted, least), most))


def budget(limit: int, max_tokens: float | None) -> Budget:
    """Return what the model asked for if that is less than ``limit`` bytes."""
    if max_tokens is None or max_tokens * BYTES_PER_TOKEN >= limit:
        return Budget(limit)
    return Budget(max(0, int(max_tokens)) * BYTES_PER_TOKEN, "tokens")


def program(shell: str, path: str) -> str:
    """Return a shell by its path; by its name on ``PATH`` if it is not there."""
    directories = [Path(entry) for entry in path.split(os.pathsep) if entry]
    found = [directory / Path(shell).name for directory in directories]
    candidates = [Path(shell), *found] if "/" in shell else found
    usable = (c for c in candidates if c.is_file() and os.access(c, os.X_OK))
    return str(next(usable, shell))
