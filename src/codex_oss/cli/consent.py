"""Asks whether something may be installed, started or downloaded (``engines.Consent``).

Who says nothing says no: with ``--json``, in a script, in a job in the background,
nobody is asked, and the error names what to type. ``--yes`` is the consent of those.
"""

import asyncio
from typing import TYPE_CHECKING, TextIO, assert_never

from codex_oss.errors import EngineError
from codex_oss.exec_mode.question import BAR
from codex_oss.exec_mode.screen import ERASE, MIN_COLUMNS
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap, wrap_words

if TYPE_CHECKING:
    # The engines' package costs 10 ms, and most runs have nothing to ask.
    from codex_oss.engines.base import Consent, Question
    from codex_oss.exec_mode.keys import Keys

_PROMPT = "y for yes, any other key for no [y/N] "


def consent(*, yes: bool, asks: bool, err: TextIO) -> "Consent":
    """Return who is asked: nobody, where ``asks`` is False or no terminal is watched.

    ``yes`` is ``--yes``; ``err`` is told what is done by it.
    """
    if yes:
        return Given(err)
    return Person() if asks and err.isatty() else Nobody()


class Given:
    """Everything was consented to on the command line; it says what is done."""

    def __init__(self, err: TextIO) -> None:
        self._err = err

    async def ask(self, question: "Question") -> bool:
        """Return True."""
        told = f"{_doing(question)}{_size(question)}"
        self._err.write(f"{visible(told)}: {visible(question.command)}\n")
        self._err.flush()
        return True


class Nobody:
    """Nobody can be asked."""

    async def ask(self, question: "Question") -> bool:
        """Raise ``EngineError`` with the command to type."""
        raise EngineError(
            f"{_lacking(question)}, and nobody can be asked here",
            hint="Add --yes to consent, or do it yourself:\n"
            f"  {visible(question.command)}",
        )


class Person:
    """Somebody at the terminal that this program is run from."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, question: "Question") -> bool:
        """Show the question and return the answer; cancelling takes it back.

        Raises ``EngineError`` where there is no terminal, or it is another job's.
        """
        from codex_oss.exec_mode import keys  # noqa: PLC0415  0.6 ms; rarely asked

        async with self._one_at_a_time:
            fd = keys.open_terminal()
            if fd is None:
                return await Nobody().ask(question)
            terminal = keys.Keys(fd)
            try:
                if terminal.in_front() and terminal.begin():
                    return await _answer(terminal, question)
                return await Nobody().ask(question)
            finally:
                terminal.close()


async def _answer(terminal: "Keys", question: "Question") -> bool:
    told = "taken back"
    try:
        terminal.write(f"{ERASE}\n{draw(question, terminal.columns())}")
        typed = await terminal.typed()
        # What comes as several characters was pasted, or is an arrow.
        said = typed in ("y", "Y")
        told = "yes" if said else "no" if typed else "nobody answers"
    finally:
        terminal.write(f"{told}\n\n")
        terminal.end()
    return said


def draw(question: "Question", columns: int) -> str:
    """Return the question as text that ends where the answer is waited for.

    Names and facts may be a server's words: what does not print is shown by its code.
    """
    width = max(columns, MIN_COLUMNS) - 1
    label = max((len(name) for name, _ in question.facts), default=0) + 4
    lines = [*wrap_words(visible(_asking(question)), width), ""]
    for name, value in question.facts:
        rows = wrap_words(visible(value), max(width - label, MIN_COLUMNS // 2))
        lines.append(f"  {visible(name):<{label - 2}}{rows[0]}")
        lines += [f"{'':<{label}}{row}" for row in rows[1:]]
    if question.facts:
        lines.append("")
    command = visible(question.command)
    lines += [f"{BAR}{row}" for row in wrap(command, width - len(BAR))]
    return "\n".join([*lines, "", _PROMPT])


def _asking(question: "Question") -> str:
    match question.kind:
        case "install":
            return f"Install {question.what}? This would be run:"
        case "start":
            return f"{question.what} does not run. Start it? This would be run:"
        case "pull":
            return f"Download {question.what}? This does the same:"
        case "update":
            return (
                f"{question.what} is here. Download what is newer? This does the same:"
            )
        case "remove":
            return f"Delete {question.what}? This does the same:"
        case _:
            assert_never(question.kind)


def _doing(question: "Question") -> str:
    match question.kind:
        case "install":
            return f"Installing {question.what}"
        case "start":
            return f"Starting {question.what}"
        case "pull":
            return f"Downloading {question.what}"
        case "update":
            return f"Updating {question.what}"
        case "remove":
            return f"Deleting {question.what}"
        case _:
            assert_never(question.kind)


def _lacking(question: "Question") -> str:
    what = visible(question.what)
    match question.kind:
        case "install":
            return f"{what} is not installed"
        case "start":
            return f"{what} does not run"
        case "pull":
            amount = _size(question, "a download of ")
            return f"{what} is not on this machine{amount}"
        case "update":
            amount = _size(question)
            return f"{what} is here, an update{amount} is not downloaded unasked"
        case "remove":
            return f"{what} is to be deleted"
        case _:
            assert_never(question.kind)


def _size(question: "Question", before: str = "") -> str:
    """Return the size in brackets; "" where it is not known."""
    size = dict(question.facts).get("size", "")
    known = any(char.isdigit() for char in size)
    return f" ({before}{visible(size)})" if known else ""
