"""Asks the person at the terminal, one question after the other.

The terminal is read key by key while a question is open, and is as it was afterwards,
also when the question is taken back.
"""

import asyncio

from codex_oss.exec_mode import keys
from codex_oss.exec_mode.question import Choice, choices, draw
from codex_oss.policy import Answer, Question


def open_terminal() -> "Terminal | None":
    """Return the terminal that this program is run from; None if there is none."""
    fd = keys.open_terminal()
    return None if fd is None else Terminal(fd)


class Terminal:
    """A person at a terminal (``ports.Approver``). ``fd`` is closed by ``close``."""

    def __init__(self, fd: int) -> None:
        self._keys = keys.Keys(fd)
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Show a question and return the answer; no, if nobody can answer any more.

        Keys that were pressed before it was shown do not count. Cancelling takes the
        question back.
        """
        async with self._one_at_a_time:
            if not self._keys.begin():
                return "no"
            told = "taken back"
            try:
                choice = await self._chosen(question)
                told = choice.text if choice else "nobody answers"
            finally:
                self._keys.write(f"{told}\n\n")
                self._keys.end()
            return choice.answer if choice else "no"

    def close(self) -> None:
        """Let go of the terminal."""
        self._keys.close()

    async def _chosen(self, question: Question) -> Choice | None:
        """Return what the person chose; None when the terminal is gone."""
        offered, show = choices(question), self._keys.write
        show("\n" + draw(question, self._keys.columns()))
        while True:
            typed = await self._keys.typed()
            if not typed:
                return None
            if typed in ("v", "V"):
                show("\n\n" + draw(question, self._keys.columns(), whole=True))
            for number, choice in enumerate(offered, start=1):
                if typed.lower() in (choice.key, str(number)):
                    return choice
