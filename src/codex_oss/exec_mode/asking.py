"""Asks the person at the terminal, one question after the other.

The terminal is ``/dev/tty``, not standard input or error: those may be a prompt's file
and a log. It is read key by key while a question is open, and is as it was afterwards,
also when the question is taken back.
"""

import asyncio
import os
import sys
import termios
import tty
from typing import Any

from codex_oss.exec_mode.question import Choice, choices, draw
from codex_oss.policy import Answer, Question

COLUMNS = 80
"""The width of a terminal that does not tell its own."""
READ_SIZE = 1024
"""Bytes that are read at once; a key is one, or a few."""


def open_terminal() -> "Terminal | None":
    """Return the terminal that this program is run from; None if there is none."""
    try:
        return Terminal(os.open(_name(), os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return None


def _name() -> str:
    # macOS cannot wait for /dev/tty together with other things, but for its real name.
    if sys.platform == "darwin":
        for stream in (0, 2, 1):
            if os.isatty(stream):
                return os.ttyname(stream)
    return "/dev/tty"


class Terminal:
    """A person at a terminal (``ports.Approver``). ``fd`` is closed by ``close``."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Show a question and return the answer; no, if nobody can answer any more.

        Keys that were pressed before it was shown do not count. Cancelling takes the
        question back.
        """
        async with self._one_at_a_time:
            try:
                before = termios.tcgetattr(self._fd)
                tty.setcbreak(self._fd)  # keys at once and not shown; Ctrl-C as ever
            except (OSError, termios.error):  # the terminal has been closed
                return "no"
            told = "taken back"
            try:
                choice = await self._chosen(question)
                told = choice.text if choice else "nobody answers"
            finally:
                self._end(before, told)
            return choice.answer if choice else "no"

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self._fd)

    async def _chosen(self, question: Question) -> Choice | None:
        """Return what the person chose; None when the terminal is gone."""
        offered = choices(question)
        self._write("\n" + draw(question, self._columns()))
        while True:
            typed = await self._typed()
            if not typed:
                return None
            if typed in ("v", "V"):
                self._write("\n\n" + draw(question, self._columns(), whole=True))
            for number, choice in enumerate(offered, start=1):
                if typed.lower() in (choice.key, str(number)):
                    return choice

    async def _typed(self) -> str:
        """Wait for keys and return them; empty when the terminal is gone.

        Escape alone is one character. Arrows and their like come as several and are
        no answer, and neither is what was pasted.
        """
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._fd)
        try:
            data = os.read(self._fd, READ_SIZE)
        except OSError:  # EIO: the terminal has been closed
            return ""
        return data.decode("utf-8", "replace").rstrip("\r\n") or "\n" * bool(data)

    def _end(self, before: list[Any], told: str) -> None:
        """Give the terminal back and say how the question ended."""
        self._write(f"{told}\n\n")
        try:
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)
        except (OSError, termios.error):
            return

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError:  # who reads has left; the next read tells
            return

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._fd).columns or COLUMNS
        except OSError:
            return COLUMNS
