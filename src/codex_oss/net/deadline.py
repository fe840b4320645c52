"""A time limit that is moved often, at the cost of an attribute."""

import asyncio
from collections.abc import Callable
from math import inf


class Deadline:
    """Calls ``expire`` when its time has come.

    Its timer is not moved along: when it fires before the time, it is set again. So
    ten thousand pieces of a stream in a minute need one timer, and not as many.

    ``at`` is that time by the loop's clock. Who cannot afford a call for each piece
    may move it further away by assignment, also to ``inf``, while a time is ``set``.
    """

    __slots__ = ("_armed", "_expire", "_loop", "_timer", "at")

    def __init__(self, expire: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._expire = expire
        self.at = self._armed = inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Let the time come in ``seconds`` from now, whatever was said before."""
        self.at = at = self._loop.time() + seconds
        if self._timer is None or self._armed > at:
            self._arm()

    def clear(self) -> None:
        """Let the time not come, until ``set`` again."""
        self.at = inf

    def close(self) -> None:
        """Let go of the timer."""
        self.at = inf
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self.at
        self._timer = self._loop.call_at(self.at, self._fire)

    def _fire(self) -> None:
        self._timer, due = None, self.at
        if due == inf:
            return
        # By the clock it may be a tick too early; the time it was set for counts.
        if due > self._armed:
            self._arm()
            return
        self.at = inf
        self._expire()
