"""A terminal that is read key by key while a question is open.

It is ``/dev/tty``, not standard input or error: those may be a prompt's file and a log.
It is as it was afterwards.
"""

import asyncio
import os
import sys
import termios
import tty
from typing import Any

from codex_oss.exec_mode import screen

READ_SIZE = 1024
"""Bytes that are read at once; a key is one, or a few."""


def open_terminal() -> int | None:
    """Return a descriptor of the terminal that this program is run from, if any."""
    try:
        return os.open(_name(), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _name() -> str:
    # macOS cannot wait for /dev/tty together with other things, but for its real name.
    if sys.platform == "darwin":
        for stream in (0, 2, 1):
            if os.isatty(stream):
                return os.ttyname(stream)
    return "/dev/tty"


class Keys:
    """The terminal of a descriptor, which ``close`` closes."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] = []

    def begin(self, *, with_interrupt: bool = False) -> bool:
        """Read key by key from now on; False: the terminal has been closed.

        Keys that were pressed before do not count. Ctrl-C does what it always does,
        or is a key too. Once more, it takes back what others did to the terminal.
        """
        try:
            self._before = self._before or termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd)  # keys at once and not shown
            if with_interrupt:
                now = termios.tcgetattr(self._fd)
                nothing = os.fpathconf(self._fd, "PC_VDISABLE")
                now[6][termios.VINTR] = bytes([nothing & 0xFF])
                termios.tcsetattr(self._fd, termios.TCSADRAIN, now)
        except (OSError, termios.error):
            return False
        return True

    def end(self) -> None:
        """Give the terminal back as it was before ``begin``."""
        before, self._before = self._before, []
        if not before:
            return
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)
        except (OSError, termios.error):
            return

    def forget(self) -> None:
        """Let keys that were pressed before, and nobody has read, not count."""
        try:
            termios.tcflush(self._fd, termios.TCIFLUSH)
        except (OSError, termios.error):  # it has been closed; the next read tells
            return

    async def typed(self) -> str:
        """Wait for keys and return them; empty when the terminal is gone.

        Escape alone is one character. Arrows and their like come as several and are
        no answer, and neither is what was pasted.
        """
        data = await self.read()
        return data.decode("utf-8", "replace").rstrip("\r\n") or "\n" * bool(data)

    async def read(self) -> bytes:
        """Wait for keys and return them as they came; empty as ``typed`` is."""
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._fd)
        try:
            return os.read(self._fd, READ_SIZE)
        except OSError:  # EIO: the terminal has been closed
            return b""

    def write(self, text: str) -> None:
        """Show text; nothing when nobody is there any more."""
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # who reads has left; the next read tells
            return

    def columns(self) -> int:
        """Return the terminal's width."""
        return screen.size(self._fd)[0]

    def rows(self) -> int:
        """Return the terminal's height."""
        return screen.size(self._fd)[1]

    def in_front(self) -> bool:
        """Tell whether the keys are for us, and not for another job of the shell."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return False

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self._fd)
