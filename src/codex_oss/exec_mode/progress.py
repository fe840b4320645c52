"""The way to a model, drawn: one line that changes on a terminal, else a few lines.

Nothing is printed while everything is at hand and quick.
"""

from typing import TextIO, assert_never

from codex_oss.engines.base import (
    EngineEvent,
    Loading,
    Looking,
    Pulling,
    Ready,
    Starting,
    Verifying,
)

QUICK_S = 1.0
"""A model that loads faster than this is not worth a word."""
BAR_CELLS = 20
STEP_PERCENT = 10
"""How often a download is told where lines cannot be redrawn."""
STEP_BYTES = 500_000_000
"""The same, when the total is not known."""
_ERASE = "\r\x1b[K"
_MIN_BAR_WIDTH = 60


class Progress:
    """Prints engine events to ``stream``, which is usually standard error.

    ``width`` is the terminal's, in columns. Call ``close`` before anything else is
    printed, also after an error: it leaves the line that is being redrawn.
    """

    def __init__(self, stream: TextIO, *, isatty: bool, width: int = 80) -> None:
        self._stream = stream
        self._isatty = isatty
        self._width = width
        self._drawn = False
        self._told: str | None = None
        self._step = -1

    def feed(self, event: EngineEvent) -> None:
        """Print one event, or nothing."""
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
            self._stream.write(_ERASE)
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
            step = 100 * event.done // event.total // STEP_PERCENT
        else:
            step = event.done // STEP_BYTES
        if step != self._step:
            self._step = step
            self._print(f"Downloading {event.model}: {_amount(event)}")

    def _bar(self, event: Pulling) -> str:
        text = f"{event.model} {_amount(event)}{_pace(event)}"
        if not event.total or self._width < _MIN_BAR_WIDTH:
            return text
        full = BAR_CELLS * min(event.done, event.total) // event.total
        return f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {text}"

    def _draw(self, text: str) -> None:
        self._stream.write(_ERASE + text[: self._width - 1])
        self._stream.flush()
        self._drawn = True

    def _print(self, text: str) -> None:
        self._stream.write(f"{text}\n")
        self._stream.flush()


def _amount(event: Pulling) -> str:
    done = event.done / 1e6
    if not event.total:
        return f"{done:.0f} MB"
    percent = 100 * event.done // event.total
    return f"{percent}% {done:.0f}/{event.total / 1e6:.0f} MB"


def _pace(event: Pulling) -> str:
    """Return speed and time left, once there is a speed."""
    if event.bytes_per_s <= 0:
        return ""
    text = f" {event.bytes_per_s / 1e6:.1f} MB/s"
    if not event.total:
        return text
    return f"{text} {_duration((event.total - event.done) / event.bytes_per_s)} left"


def _duration(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {whole % 60:02d} s" if minutes else f"{whole} s"
