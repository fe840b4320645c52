"""The start of a command, and what is let go of when there is none."""

import os
from pathlib import Path

from codex_oss import process
from codex_oss.errors import SandboxError, ToolError
from codex_oss.sandbox.prepared import Prepared
from codex_oss.tools.output import rejected
from codex_oss.tools.sessions import Running


async def start(running: Running, prepared: Prepared, cwd: Path, *, tty: bool) -> None:
    """Start a command; it lets go of ``prepared`` when it ends.

    Raises ``ToolError`` with the words of the Codex CLI 0.169.
    """
    try:
        child = await process.start(
            prepared.argv,
            cwd=cwd,
            env=prepared.env,
            on_output=running.hear,
            tty=tty,
            confined=prepared.confined,
        )
    except BaseException as error:
        prepared.end()
        told = _told(error)
        if told is None:
            raise
        running.fail(told)
        raise ToolError(rejected(told)) from error
    running.run(child, tty=tty, at_end=prepared.end)


def _told(error: BaseException) -> str | None:
    """Return what is said of a command that could not be started."""
    if isinstance(error, SandboxError):
        return error.report()
    if not isinstance(error, OSError):
        return None
    why = os.strerror(error.errno) if error.errno else str(error)
    number = f" (os error {error.errno})" if error.errno else ""
    return f"Failed to create unified exec process: {why}{number}"
