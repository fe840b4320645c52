"""`exec`: one turn, printed; the exit code says how it ended."""

import asyncio
import signal
import sys
from collections.abc import Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol, TypeVar

from codex_oss import events
from codex_oss.agent.session import Session
from codex_oss.errors import CodexOssError
from codex_oss.items import Item

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Printer(Protocol):
    """Where the events go."""

    def feed(self, event: events.Event) -> None:
        """Print one event."""
        ...

    def finish(self, last_message: str | None) -> None:
        """Print what comes after the last event."""
        ...


def signals() -> list[signal.Signals]:
    """Return what ends the work early, in good order.

    A closed terminal does, but not under ``nohup``.
    """
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [*_SIGNALS, *(() if ignored else (signal.SIGHUP,))]


async def interruptible(work: Coroutine[Any, Any, T]) -> T:
    """Do work that ``signals`` end early, until it hears of them by other ways.

    What it has begun is put away; then ``CodexOssError`` is raised.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in signals():
        loop.add_signal_handler(number, task.cancel)
    try:
        return await work
    except asyncio.CancelledError as error:
        raise CodexOssError("interrupted") from error


async def run(
    session: Session,
    prompt: Item,
    printer: Printer,
    *,
    warnings: list[str],
    last_message_file: Path | None = None,
) -> int:
    """Take one turn and return 0 when it completed, 1 when it failed.

    Ctrl-C, SIGTERM and a closed terminal end the turn: its commands are stopped and 1
    is returned.
    """
    loop = asyncio.get_running_loop()
    for number in signals():
        loop.add_signal_handler(number, session.interrupt)
    last: str | None = None
    code = 1
    printer.feed(events.ThreadStarted(thread_id=session.thread_id))
    for warning in warnings:
        printer.feed(session.warn(warning))
    async with aclosing(session.submit(prompt)) as happened:
        async for event in happened:
            printer.feed(event)
            match event:
                case events.ItemCompleted(item=events.AgentMessage(text=text)):
                    last = text
                case events.TurnCompleted():
                    code = 0
                case _:
                    pass
    printer.finish(last)
    if last_message_file is not None:
        write_last_message(last_message_file, last)
    return code


def write_last_message(path: Path, text: str | None) -> None:
    """Write the model's last message, without a line end; empty if there was none."""
    try:
        path.write_text(text or "", encoding="utf-8")
    except OSError as error:
        raise CodexOssError(
            f"cannot write the last message to {path}: {error.strerror}",
            hint="It is in the session's file, and on stdout unless --json is used.",
        ) from error
    if text is None:
        sys.stderr.write(
            f"Warning: no last agent message; wrote empty content to {path}\n"
        )
