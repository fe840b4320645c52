"""Commands that run behind a conversation, as people see them."""

from collections.abc import Iterator, Sequence
from typing import TextIO

from codex_oss.exec_mode.visible import shown, visible
from codex_oss.tools.sessions import Background
from codex_oss.wiring.session import Opened

LONGEST = 200
"""Characters of a command, or of its last line, that are shown."""
TOLD = 10
"""How many of those that end with a conversation are named."""


def listed(commands: Sequence[Background]) -> Iterator[str]:
    """Yield the lines of a list."""
    if not commands:
        yield "No commands run in the background."
    for each in commands:
        ended = f"ended with code {each.exit_code}"
        state = "runs" if each.running else ended
        yield f"  {each.id}  {one_line(each.command)}"
        yield f"        {state} · {age(each.seconds)} · in {visible(each.cwd)}"
        if each.last_line:
            yield f"        > {one_line(shown(each.last_line))}"


async def close(opened: Opened, err: TextIO) -> None:
    """End a session, and tell which commands still ran behind it."""
    running = [each for each in opened.commands.list() if each.running]
    for each in running[:TOLD]:
        told = f"{one_line(each.command)} (ran for {age(each.seconds)})"
        err.write(f"ended with this conversation: {told}\n")
    if len(running) > TOLD:
        err.write(f"and {len(running) - TOLD} more commands\n")
    err.flush()
    await opened.close()


def age(seconds: float) -> str:
    """Return a time for people, such as ``2 h 05 min``."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"


def one_line(text: str) -> str:
    """Return ``text`` as one line that does nothing to a terminal."""
    line = visible(text)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
