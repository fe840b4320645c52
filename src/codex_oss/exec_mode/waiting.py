"""What the model is waited for: one line that changes on a terminal, and goes again."""

import contextlib
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from codex_oss import events
from codex_oss.exec_mode.run import Printer
from codex_oss.exec_mode.screen import COLUMNS, ERASE

TICK_S = 1.0
"""Between two looks at the clock; an answer within one leaves no trace."""
SHORT_S = 3.0
"""A wait that is not worth a word, unless the server says what it does."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> object:
        """Let it not happen."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls something once, so many seconds from now: ``call_later`` of an event loop."""


class Waiting:
    """Passes events on to ``printer``, and draws on ``stream`` while there are none."""

    def __init__(
        self,
        printer: Printer,
        stream: TextIO,
        later: Later,
        *,
        clock: Callable[[], float] = time.monotonic,
        width: int = COLUMNS,
    ) -> None:
        self._printer = printer
        self._stream = stream
        self._later = later
        self._clock = clock
        self._width = width
        self._began = 0.0
        self._read: events.Reading | None = None
        self._timer: Timer | None = None
        self._drawn = False

    def feed(self, event: events.Event) -> None:
        """Take note of one event; all but the model's silence is somebody else's."""
        match event:
            case events.Asked():
                self._end()
                self._began, self._read = self._clock(), None
                self._timer = self._later(TICK_S, self._tick)
            case events.Reading():
                self._read = event
            case _:
                self._end()
                self._printer.feed(event)

    def finish(self, last_message: str | None) -> None:
        """Take the line away, and let the printer finish."""
        self._end()
        self._printer.finish(last_message)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._drawn:
            self._drawn = False
            self._write(ERASE)

    def _tick(self) -> None:
        self._timer = self._later(TICK_S, self._tick)
        if text := self._text():
            self._drawn = True
            self._write(ERASE + text[: self._width - 1])

    def _text(self) -> str:
        seconds, read = self._clock() - self._began, self._read
        since = f" ({seconds:.0f} s)" if seconds >= SHORT_S else ""
        if read is not None and read.done < read.total:
            return f"reading the prompt: {read.done:,} of {read.total:,} tokens{since}"
        return since and f"waiting for the model{since}"

    def _write(self, text: str) -> None:
        # A terminal that was closed is told of where more than this depends on it.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
