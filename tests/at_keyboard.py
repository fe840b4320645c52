"""A person's keyboard and screen: a pseudo-terminal whose keys a test presses."""

import asyncio
import os
import termios
from collections.abc import Awaitable, Callable

from codex_oss.exec_mode.asking import Browse, Terminal

TIMEOUT_S = 60


class Keyboard:
    """The other end of a terminal: what is shown there, and keys to press."""

    def __init__(self) -> None:
        self.fd, self.terminal = os.openpty()
        self.shown = ""

    async def sees(self, text: str) -> str:
        """Wait until ``text`` is shown anew; return what was shown before it."""
        loop, more = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self.fd, more.set)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while text not in self.shown:
                    await more.wait()
                    more.clear()
                    self.shown += os.read(self.fd, 65536).decode()
        finally:
            loop.remove_reader(self.fd)
        before, _, self.shown = self.shown.partition(text)
        return before

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.fd, keys.encode())

    def settings(self) -> list[object]:
        """Return how the terminal is set."""
        return termios.tcgetattr(self.terminal)

    def close(self) -> None:
        """Take it away."""
        os.close(self.fd)
        os.close(self.terminal)


Steps = Callable[[Terminal], Awaitable[None]]


def at(keyboard: Keyboard, steps: Steps, browse: Browse | None = None) -> None:
    """Take the steps; the terminal must be as it was afterwards."""
    before = keyboard.settings()

    async def run() -> None:
        person = Terminal(os.dup(keyboard.terminal), browse)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await steps(person)
        finally:
            person.close()

    asyncio.run(run())
    assert keyboard.settings() == before
