"""Asking again, before any event of an answer has come.

What happens after the first event is the turn's to repeat: only it knows which calls
have run. The delays are the Codex CLI's: 0.2 s, doubled each time, give or take 10 %.
Unlike there, no failure is retried for ever.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from codex_oss.errors import Loading, ModelError, StreamCut
from codex_oss.ports import Clock

FIRST_DELAY_S = 0.2
"""Before the second try, if the server does not name another delay."""
MAX_DELAY_S = 60.0
"""A server that asks for a longer wait is not waited for."""
REFUSED_RETRIES = 1
"""When nothing listens on this machine: a server that just restarts, no more."""
LOADING_LIMIT_S = 600.0
"""How long a server may read its model; a large one on a slow disk takes minutes."""

_JITTER = 0.1
_T = TypeVar("_T")


class Pause(msgspec.Struct, frozen=True):
    """How to wait between tries. ``jitter`` returns a number from 0 to 1.

    ``loading_s``: how long a server that reads its model is waited for.
    """

    clock: Clock
    jitter: Callable[[], float]
    loading_s: float = LOADING_LIMIT_S

    async def before(self, retry: int, error: ModelError) -> float:
        """Wait before retry number ``retry`` (from 0) of what failed with ``error``.

        Returns the seconds that were waited.
        """
        seconds = error.delay_s
        if seconds is None:
            spread = 1 + _JITTER * (2 * self.jitter() - 1)
            seconds = FIRST_DELAY_S * 2**retry * spread
        await self.clock.sleep(seconds)
        return seconds


class WallClock:
    """The machine's time (``ports.Clock``)."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def noise() -> float:
    """Return a number from 0 to 1; importing ``random`` would cost 3 ms."""
    return os.urandom(1)[0] / 255


async def retrying(
    ask: Callable[[], Awaitable[_T]],
    *,
    limit: int,
    nearby: bool,
    pause: Pause,
    failed: Callable[[ModelError], None] = lambda _: None,
) -> _T:
    """Return what ``ask`` returns; ask again, at most ``limit`` times, if it may help.

    A server that loads its model is waited for. ``nearby``: the server is on this
    machine. ``failed`` is told of every failure that is not the last; that one is
    raised.
    """
    retry, loading_s = 0, 0.0
    while True:
        try:
            return await ask()
        except Loading as error:
            if loading_s >= pause.loading_s:
                raise
            failed(error)
            loading_s += await pause.before(retry, error)
        except ModelError as error:
            if not _may_help(error) or retry >= _allowed(error, limit, nearby=nearby):
                raise
            failed(error)
            await pause.before(retry, error)
            retry += 1


def _may_help(error: ModelError) -> bool:
    # A cut is the turn's to retry, with the turn's own count.
    if isinstance(error, StreamCut) or not error.retryable:
        return False
    return error.delay_s is None or error.delay_s <= MAX_DELAY_S


def _allowed(error: ModelError, limit: int, *, nearby: bool) -> int:
    refused = isinstance(error.__cause__, ConnectionRefusedError)
    return min(limit, REFUSED_RETRIES) if refused and nearby else limit
