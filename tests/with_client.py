"""Using an HTTP client once, for tests."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from codex_oss.net import Client
from fake_server import WAIT_S

T = TypeVar("T")
LIMIT = 10_000_000


def run(use: Callable[[Client], Awaitable[T]]) -> T:
    """Run a test's coroutine with a client that knows no proxies; bounded."""

    async def bounded() -> T:
        client = Client({})
        try:
            async with asyncio.timeout(WAIT_S):
                return await use(client)
        finally:
            await client.close()

    return asyncio.run(bounded())
