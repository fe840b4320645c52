"""The request that has a server read what another one will begin with."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from msgspec.structs import replace

from codex_oss.items import user
from codex_oss.wire import responses

Stream = Callable[[responses.Request], AsyncGenerator[responses.Event, None]]

_ANYTHING = user(".")
"""Stands for the prompt: most templates want a user's message at the end."""


def primer(request: responses.Request) -> responses.Request:
    """Return a request that is read like ``request`` and answered by one token."""
    items = [*request.input, _ANYTHING]
    return replace(request, input=items, max_output_tokens=1)


async def prime(stream: Stream, request: responses.Request) -> None:
    """Send the primer and drop its answer; raises as ``stream`` does."""
    async with aclosing(stream(primer(request))) as events:
        async for _ in events:
            pass
