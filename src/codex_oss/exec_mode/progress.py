"""The way to a model, drawn: one line that changes on a terminal, else a few lines.

Nothing is printed while everything is at hand and quick. Names of models are a
server's words: what does not print is shown by its code.
"""

import asyncio
from types import TracebackType
from typing import Self, TextIO, assert_never

from codex_oss.engines.base import (
    EngineEvent,
    Loading,
    Looking,
    Pulling,
    Ready,
    Starting,
    Verifying,
)
from codex_oss.exec_mode.screen import ERASE, columns
from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap

QUICK_S = 1.0
"""A model that loads faster than this is not worth a word."""
BAR_CELLS = 20
STEP_PERCENT = 10
"""How often a download is told where lines cannot be redrawn."""
STEP_BYTES = 500_000_000
"""The same, when the total is not known."""
GO_ON = "What has arrived is kept: the same command goes on from there."
ANEW = "The same command downloads it from its start."
_GB = 1_000_000_000


class Progress:
    """Prints engine events to ``stream``, which is usually standard error.

    ``width`` is the terminal's, in columns; None: ask it each time. Use it as a
    context: nothing of the line that is being redrawn is left then, and a download
    that was broken off is told, with how to go on.
    """

    def __init__(
        self, stream: TextIO, *, isatty: bool, width: int | None = None
    ) -> None:
        self._stream = stream
        self._isatty = isatty
        self._width = width
        self._drawn = False
        self._told: str | None = None
        self._step = -1
        self._pulled: Pulling | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        broken_off = isinstance(error, (asyncio.CancelledError, KeyboardInterrupt))
        if broken_off and self._pulled is not None:
            for line in _stopped(self._pulled):
                self._print(line)

    def feed(self, event: EngineEvent) -> None:
        """Print one event, or nothing."""
        self._pulled = event if isinstance(event, Pulling) else None
        match event:
            case Looking(what):
                self._say(f"Looking for {what}")
            case Starting():
                pass
            case Pulling():
                self._pull(event)
            case Verifying(model):
                self._say(f"Checking {model}")
            case Loading(model, seconds):
                if seconds >= QUICK_S:
                    self._load(model, seconds)
            case Ready():
                self.close()
            case _:
                assert_never(event)

    def close(self) -> None:
        """Take away the line that is being redrawn."""
        if self._drawn:
            self._stream.write(ERASE)
            self._stream.flush()
            self._drawn = False

    def _say(self, text: str) -> None:
        if self._isatty:
            self._draw(text)
        elif text != self._told:
            self._told = text
            self._print(text)

    def _load(self, model: str, seconds: float) -> None:
        if self._isatty:
            self._draw(f"Loading {model}: {seconds:.0f} s")
        else:
            self._say(f"Loading {model}")

    def _pull(self, event: Pulling) -> None:
        if self._isatty:
            self._draw(self._bar(event))
            return
        if event.total:
            step = _percent(event) // STEP_PERCENT
        else:
            step = event.done // STEP_BYTES
        if step != self._step:
            self._step = step
            self._print(f"Downloading {event.model}: {_amount(event)}{_pace(event)}")

    def _bar(self, event: Pulling) -> str:
        """Return a row whose end, which may be cut, is what people know already."""
        numbers = f"{_amount(event)}{_pace(event)}"
        if event.total:
            full = BAR_CELLS * min(event.done, event.total) // event.total
            bar = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {numbers}"
            numbers = bar if len(bar) < self._columns() else numbers
        return f"{numbers}  {event.model}"

    def _draw(self, text: str) -> None:
        row = wrap(visible(text), max(1, self._columns() - 1))[0]
        self._stream.write(ERASE + row)
        self._stream.flush()
        self._drawn = True

    def _print(self, text: str) -> None:
        self._stream.write(f"{visible(text)}\n")
        self._stream.flush()

    def _columns(self) -> int:
        return columns(self._stream) if self._width is None else self._width


def _stopped(event: Pulling) -> tuple[str, str]:
    how = f"at {_percent(event)}%" if event.total else f"after {_amount(event)}"
    way_on = GO_ON if event.resumes else ANEW
    return f"The download of {event.model} was stopped {how}.", way_on


def _percent(event: Pulling) -> int:
    """Return the share that has come; 100 only when all of it has."""
    assert event.total
    return min(100, 100 * event.done // event.total)


def _amount(event: Pulling) -> str:
    if not event.total:
        return _size(event.done)
    if event.total < _GB:
        both = f"{event.done / 1e6:.0f}/{event.total / 1e6:.0f} MB"
    else:
        both = f"{event.done / 1e9:.2f}/{event.total / 1e9:.2f} GB"
    return f"{_percent(event)}%  {both}"


def _size(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size < _GB else f"{size / 1e9:.2f} GB"


def _pace(event: Pulling) -> str:
    """Return speed and time left, once there is a speed."""
    if event.bytes_per_s <= 0:
        return ""
    text = f"  {event.bytes_per_s / 1e6:.1f} MB/s"
    if not event.total or event.done >= event.total:
        return text
    return f"{text}  {_duration((event.total - event.done) / event.bytes_per_s)} left"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
