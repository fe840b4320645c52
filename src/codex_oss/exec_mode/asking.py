"""Asks the person at the terminal, one question after the other.

The terminal is read key by key while a question is open, and is as it was afterwards,
also when the question is taken back.
"""

import asyncio
import signal
from collections.abc import Callable

from codex_oss.exec_mode import keys
from codex_oss.exec_mode.keystrokes import ESCAPE, PASTES_OFF, PASTES_ON
from codex_oss.exec_mode.question import Choice, choices, draw
from codex_oss.policy import Answer, AnswerServer, Question
from codex_oss.policy.form import Form

Browse = Callable[[str], None]
"""Shows a page in a browser."""
LEAVES = ("\x03", "\x04")
"""Ctrl-C and Ctrl-D: they leave a server's question as Escape does."""
SAID = {"no": "declined", "later": "left without an answer"}
"""What stands below a form that was not answered."""


def open_terminal(
    browse: Browse | None = None, *, color: bool = False
) -> "Terminal | None":
    """Return the terminal that this program is run from; None if there is none."""
    fd = keys.open_terminal()
    return None if fd is None else Terminal(fd, browse, color=color)


class Terminal:
    """A person at a terminal (``ports.Approver``). ``fd`` is closed by ``close``.

    ``browse`` is there where a browser can be; it is used after a yes alone. ``color``
    says whether diffs have colours.
    """

    def __init__(
        self, fd: int, browse: Browse | None = None, *, color: bool = False
    ) -> None:
        self._keys = keys.Keys(fd)
        self._color = color
        self._browse = browse
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, question: Question) -> Answer:
        """Show a question and return the answer; no, if nobody can answer any more.

        A server is then told that it was left without one.
        Keys that were pressed before it was shown do not count. Cancelling takes the
        question back.
        """
        asked = question.action
        async with self._one_at_a_time:
            if not isinstance(asked, AnswerServer):
                return await self._answered(question)
            if asked.form is not None and asked.form.fields:
                return await self._filled(asked, asked.form)
            return await self._answered(question, "later")

    async def _answered(self, question: Question, nobody: Answer = "no") -> Answer:
        """Ask for one of several answers; ``nobody``: if no person can be asked."""
        with_interrupt = isinstance(question.action, AnswerServer)
        if not self._keys.begin(with_interrupt=with_interrupt):
            return nobody
        told = "taken back"
        try:
            choice = await self._chosen(question)
            told = choice.text if choice else "nobody answers"
        finally:
            self._keys.write(f"{told}\n\n")
            self._keys.end()
        if choice and choice.page:
            # Whole and on a line of its own, it can be copied.
            self._keys.write(f"{choice.page}\n\n")
            if choice.opens and self._browse is not None:
                self._browse(choice.page)
        return choice.answer if choice else nobody

    async def _filled(self, asked: AnswerServer, form: Form) -> Answer:
        from codex_oss.exec_mode.filling_in import Filling  # noqa: PLC0415  few ask

        loop, keys = asyncio.get_running_loop(), self._keys
        filling = Filling(keys, asked, form)

        def begin() -> bool:
            begun = keys.begin(with_interrupt=True)
            keys.write(PASTES_ON * begun)
            return begun

        def begin_again() -> None:
            begin()
            filling.draw()

        if not begin():
            return "later"
        # After Ctrl-Z the shell has left the terminal as it likes it.
        loop.add_signal_handler(signal.SIGCONT, begin_again)
        told = "taken back"
        try:
            answer = await filling.answer()
            told = SAID.get(str(answer), "answered")
        finally:
            loop.remove_signal_handler(signal.SIGCONT)
            keys.write(f"{PASTES_OFF}{told}\n\n")
            keys.end()
        return answer

    def close(self) -> None:
        """Let go of the terminal."""
        self._keys.close()

    async def _chosen(self, question: Question) -> Choice | None:
        """Return what the person chose; None when the terminal is gone."""
        browses = self._browse is not None
        offered, show = choices(question, browses=browses), self._keys.write

        def drawn(*, whole: bool = False) -> str:
            columns, color = self._keys.columns(), self._color
            return draw(question, columns, whole=whole, browses=browses, color=color)

        show("\n" + drawn())
        while True:
            typed = await self._keys.typed()
            if not typed:
                return None
            if typed in LEAVES and isinstance(question.action, AnswerServer):
                typed = ESCAPE
            if typed in ("v", "V"):
                show("\n\n" + drawn(whole=True))
            for number, choice in enumerate(offered, start=1):
                if typed.lower() in (choice.key, str(number)):
                    return choice
