"""The end of what was started, in the opposite order."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

Endings = list[Callable[[], Any]]
"""What must be called, last first, to end what was started."""


async def end_all(end: Endings) -> None:
    """Call all of ``end``, last first, and await what they return.

    One that fails does not keep the others from being called.
    """
    async with AsyncExitStack() as stack:
        for ending in end:
            stack.push_async_callback(_call, ending)
        end.clear()


async def _call(ending: Callable[[], Any]) -> None:
    result = ending()
    if asyncio.iscoroutine(result):
        await result
