"""How far a download is and how fast it goes."""

from collections import deque

from codex_oss.engines.base import Pulling

REPORT_EVERY_S = 0.2
WINDOW_S = 5.0
"""The speed is that of the last seconds, not of the whole download."""


class Meter:
    """Counts bytes and tells when it is time to report. Times in seconds."""

    def __init__(self, model: str, total: int | None, now: float) -> None:
        self._model = model
        self._total = total
        self._done = 0
        self._samples = deque([(now, 0)])

    def start_at(self, done: int, now: float) -> Pulling:
        """Set what is done already; it does not count as speed."""
        self._done = done
        self._samples = deque([(now, done)])
        return Pulling(self._model, done, self._total, 0.0)

    def reach(self, done: int, now: float) -> Pulling | None:
        """Note that ``done`` bytes are here; return what to tell people, if any."""
        self._done = done
        if now - self._samples[-1][0] < REPORT_EVERY_S and done != self._total:
            return None
        self._samples.append((now, done))
        while now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        return Pulling(self._model, done, self._total, self._speed())

    def _speed(self) -> float:
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - start) if end > start else 0.0
