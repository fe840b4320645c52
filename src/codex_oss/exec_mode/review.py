"""A review: the parts of a change put to the model, what it found told as one turn."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec
from msgspec.structs import replace

from codex_oss import events
from codex_oss.agent.session import Session
from codex_oss.exec_mode import findings
from codex_oss.exec_mode.run import Printer, signals, write_last_message
from codex_oss.items import Item

NOTHING = "There are no changes to review."


class Reviewed(msgspec.Struct, frozen=True):
    """What was found, in words, and how the review ended; no words if it failed."""

    text: str | None
    last: events.TurnCompleted | events.TurnFailed

    @property
    def code(self) -> int:
        """The exit code: 0, or 1 when a turn failed."""
        return 1 if self.text is None else 0


class Telling:
    """Prints the events of several sessions as those of one turn."""

    def __init__(self, printer: Printer, thread_id: str) -> None:
        self._printer = printer
        self._items = 0
        self._known: dict[str, str] = {}
        printer.feed(events.ThreadStarted(thread_id=thread_id))
        printer.feed(events.TurnStarted())

    def begin(self) -> None:
        """Take note that another session's items follow."""
        self._known.clear()

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._done(events.ErrorItem(id=self._new_id(), message=text))

    def feed(self, event: events.Event) -> None:
        """Print an event; its item gets an id of this turn."""
        match event:
            case events.ItemStarted() | events.ItemUpdated() | events.ItemCompleted():
                ours = self._ours(event.item.id)
                event = replace(event, item=replace(event.item, id=ours))
            case events.OutputDelta() | events.Blocked():
                event = replace(event, item_id=self._ours(event.item_id))
            case _:
                pass
        self._printer.feed(event)

    def answer(self, text: str, last: events.TurnCompleted) -> None:
        """Print the review, and that the turn is over."""
        self._done(events.AgentMessage(id=self._new_id(), text=text))
        self._printer.feed(last)
        self._printer.finish(text)

    def fail(self, event: events.Event) -> None:
        """Print that the turn has failed."""
        self._printer.feed(event)
        self._printer.finish(None)

    def _ours(self, theirs: str) -> str:
        if theirs not in self._known:
            self._known[theirs] = self._new_id()
        return self._known[theirs]

    def _new_id(self) -> str:
        number = self._items
        self._items += 1
        return f"item_{number}"

    def _done(self, item: events.ThreadItem) -> None:
        self._printer.feed(events.ItemCompleted(item=item))


async def review(
    session: Session,
    prompts: Sequence[Item],
    printer: Printer,
    *,
    warnings: Sequence[str],
    folder: Path,
    last_message_file: Path | None = None,
) -> Reviewed:
    """Put each prompt to the model, from nothing, and print what it found in all.

    ``folder`` is where paths begin. Ctrl-C, SIGTERM and a closed terminal end it.
    """
    telling = Telling(printer, session.thread_id)
    for warning in warnings:
        telling.warn(warning)
    found: list[findings.Review] = []
    usage = events.TokenUsage()
    for prompt in prompts:
        one = session.anew()
        telling.begin()
        answer = ""
        async with aclosing(_listened(one, prompt)) as happened:
            async for event in happened:
                match event:
                    case events.ItemCompleted(item=events.AgentMessage(text=text)):
                        answer = text
                    case events.TurnCompleted(usage=used):
                        usage += used
                    case events.TurnFailed():
                        telling.fail(event)
                        return Reviewed(None, event)
                    case events.TurnStarted():
                        pass
                    case _:
                        telling.feed(event)
        found.append(findings.read(answer))
    text = findings.words(findings.joined(found), folder)
    last = events.TurnCompleted(usage=usage)
    telling.answer(text, last)
    if last_message_file is not None:
        write_last_message(last_message_file, text)
    return Reviewed(text, last)


async def _listened(
    session: Session, prompt: Item
) -> AsyncGenerator[events.Event, None]:
    loop = asyncio.get_running_loop()
    for number in signals():
        loop.add_signal_handler(number, session.interrupt)
    async with aclosing(session.submit(prompt)) as happened:
        async for event in happened:
            yield event
