"""How far a download is and how fast it goes, also when nothing comes."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator

from codex_oss.engines.base import Pulling

REPORT_EVERY_S = 0.2
WINDOW_S = 5.0
"""The speed is that of the last seconds, not of the whole download."""
PAUSE_S = 1.0
"""Without a byte, until that is told."""


class Meter:
    """Tells when it is time to report. Sizes in bytes, times in seconds."""

    def __init__(self, model: str, total: int | None, *, resumes: bool = True) -> None:
        self._model = model
        self._total = total
        self._resumes = resumes
        self._samples: deque[tuple[float, int]] = deque()

    def reach(self, done: int, now: float) -> Pulling | None:
        """Note that ``done`` bytes are here; return what to tell people, if any.

        What the first call says was here before: it does not count as speed.
        """
        wait = REPORT_EVERY_S if len(self._samples) > 1 else 0.0
        if self._samples and now - self._samples[-1][0] < wait and done != self._total:
            return None
        self._samples.append((now, done))
        while now - self._samples[0][0] > WINDOW_S:
            self._samples.popleft()
        return Pulling(self._model, done, self._total, self._speed(), self._resumes)

    def _speed(self) -> float:
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        # Over less than that, buffers are measured and not the way.
        return (last - first) / (end - start) if end - start >= REPORT_EVERY_S else 0.0


async def with_pauses(
    coming: AsyncGenerator[bytes], pause_s: float = PAUSE_S
) -> AsyncGenerator[bytes]:
    """Yield what comes, and ``b""`` whenever nothing has come for ``pause_s`` seconds.

    Who closes it must close ``coming`` too.
    """
    following = None
    try:
        while True:
            following = asyncio.ensure_future(anext(coming, None))
            while not (await asyncio.wait((following,), timeout=pause_s))[0]:
                yield b""
            data = following.result()
            if data is None:
                return
            yield data
    finally:
        if following is not None and not following.done():
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
