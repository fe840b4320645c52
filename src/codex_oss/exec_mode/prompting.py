"""Line mode: a person types a prompt, watches the turn, and types the next one.

The keyboard is read from the terminal itself (``keys``), so that questions of a turn
are asked there too. Turns are printed by a ``run.Printer``.
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Protocol, TextIO

import msgspec

from codex_oss import events
from codex_oss.agent.session import Session
from codex_oss.errors import CodexOssError
from codex_oss.exec_mode.editing import Editor
from codex_oss.exec_mode.keys import Keys
from codex_oss.exec_mode.keystrokes import PASTES_OFF, PASTES_ON, Keystrokes
from codex_oss.exec_mode.run import Printer
from codex_oss.exec_mode.visible import shown, visible
from codex_oss.items import Item, Message, is_prompt, text_of
from codex_oss.sessions.prompts import Prompts

TAIL_MESSAGES = 6
"""Of what was said before, shown when a conversation goes on."""
TAIL_LINES = 12
"""Of each of them."""


class Talk(Protocol):
    """What a slash command may use of the conversation."""

    @property
    def session(self) -> Session:
        """The conversation with the model."""
        ...

    @property
    def usage(self) -> events.TokenUsage:
        """The tokens of all turns so far."""
        ...

    def say(self, text: str) -> None:
        """Print something for the person."""
        ...

    async def watch(self, happened: AsyncGenerator[events.Event, None]) -> None:
        """Print what happens until it is over; Ctrl-C interrupts it."""
        ...

    def leave(self, how: str) -> None:
        """End line mode after this command; ``how`` is returned by ``converse``."""
        ...


class Slash(msgspec.Struct, frozen=True):
    """A slash command: what it does, in a line, and the function for it.

    ``run`` gets the conversation and what stands behind the command's name.
    """

    about: str
    run: Callable[[Talk, str], Awaitable[None]]


class Prompting:
    """Line mode on one terminal (``Talk``)."""

    def __init__(  # noqa: PLR0913  a conversation, and what is around it
        self,
        session: Session,
        keys: Keys,
        prompts: Prompts,
        slashes: Mapping[str, Slash],
        *,
        made: Callable[[str], Item],
        printer: Callable[[], Printer],
        err: TextIO,
        now: Callable[[], float],
        usage: events.TokenUsage,
    ) -> None:
        self.session = session
        self.usage = usage
        self._keys = keys
        self._prompts = prompts
        self._slashes = slashes
        self._made = made
        self._printer = printer
        self._err = err
        self._now = now
        self._how = ""
        self._editor = Editor(prompts.last())

    async def converse(self, first: str | None) -> str:
        """Take turns until the person leaves; return how: empty, or a command's word.

        ``first`` is the first prompt, if it is known already.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        # A Ctrl-C between two prompts has nothing to interrupt.
        loop.add_signal_handler(signal.SIGINT, _let_be)
        try:
            text = first
            while not self._how:
                if text is None:
                    text = await self._typed()
                if text is None:
                    break
                await self._do(text)
                text = None
        finally:
            loop.add_signal_handler(signal.SIGINT, task.cancel)
        return self._how

    def say(self, text: str) -> None:
        """Print something for the person."""
        self._err.write(f"{shown(text)}\n")  # names and paths are anybody's words
        self._err.flush()

    def leave(self, how: str) -> None:
        """End line mode after this command."""
        self._how = how

    async def watch(self, happened: AsyncGenerator[events.Event, None]) -> None:
        """Print what happens until it is over; Ctrl-C interrupts it."""
        loop, printer = asyncio.get_running_loop(), self._printer()
        loop.add_signal_handler(signal.SIGINT, self.session.interrupt)
        try:
            async with aclosing(happened):
                async for event in happened:
                    printer.feed(event)
                    if isinstance(event, events.TurnCompleted):
                        self.usage = event.usage
        finally:
            loop.add_signal_handler(signal.SIGINT, _let_be)
        printer.finish(None)

    def show_tail(self) -> None:
        """Print the end of what was said before."""
        said = [item for item in self.session.history if _was_said(item)]
        for item in said[-TAIL_MESSAGES:]:
            assert isinstance(item, Message)
            lines = [visible(line) for line in text_of(item.content).split("\n")]
            mark = "> " if item.role == "user" else "• "
            if len(lines) > TAIL_LINES:
                lines = [*lines[:TAIL_LINES], f"… {len(lines) - TAIL_LINES} more lines"]
            self.say(mark + "\n  ".join(lines))
        if said:
            self.say("")

    async def _do(self, text: str) -> None:
        name, _, rest = text.strip().partition(" ")
        if not name:
            return
        if slash := self._slashes.get(name):
            await slash.run(self, rest.strip())
        elif name.startswith("/") and "/" not in name[1:] and "\n" not in text:
            self.say(f"There is no command {visible(name)}; /help lists them.")
        else:
            self._prompts.add(self.session.thread_id, self._now(), text)
            try:
                await self.watch(self.session.submit(self._made(text)))
            except CodexOssError as error:
                self.say(error.report())

    async def _typed(self) -> str | None:
        """Return what the person types; None when they are done."""
        keys, editor, strokes = self._keys, self._editor, Keystrokes()
        loop = asyncio.get_running_loop()

        def begin() -> bool:
            begun = keys.begin(with_interrupt=True)
            keys.write(PASTES_ON + editor.draw(keys.columns(), keys.rows()))
            return begun

        # After Ctrl-Z the shell has left the terminal as it likes it.
        loop.add_signal_handler(signal.SIGCONT, begin)
        try:
            if not begin():
                return None
            while data := await keys.read():
                for typed in strokes.feed(data):
                    done = editor.feed(typed)
                    if done is not None:
                        keys.write(editor.leave(done, keys.columns()))
                        return done
                    if editor.ended:
                        return None
                keys.write(editor.draw(keys.columns(), keys.rows()))
            return None
        finally:
            loop.remove_signal_handler(signal.SIGCONT)
            keys.write(PASTES_OFF)
            keys.end()


def _let_be() -> None:
    """Do nothing."""


def _was_said(item: Item) -> bool:
    if not isinstance(item, Message) or not text_of(item.content).strip():
        return False
    return item.role == "assistant" or is_prompt(item)
