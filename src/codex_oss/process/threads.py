"""Work in a thread that nobody leaves before it is over: it writes files."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def _nothing() -> None:
    """Let it end by itself."""


async def to_its_end(work: Callable[[], T], stop: Callable[[], object] = _nothing) -> T:
    """Return what ``work`` does, in a thread.

    Who is cancelled meanwhile, however often, calls ``stop`` and waits for the end all
    the same; the ``CancelledError`` is raised then, from what the work raised, if it
    did.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError as error:
            cancelled = error
            stop()
    if cancelled is not None:
        raise cancelled from working.exception()
    return working.result()
