"""MCP over streamable HTTP, by the SDK's transport, with a limit to what is read."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import httpx2
from mcp.client.auth.utils import (
    extract_field_from_www_auth,
    extract_scope_from_www_auth,
)
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from codex_oss.mcp import bounded
from codex_oss.mcp.bearer import Bearer
from codex_oss.mcp.wire import Wire

if TYPE_CHECKING:  # the SDK has no public names for these
    from mcp.client._transport import ReadStream, WriteStream

FORBIDDEN, INSUFFICIENT = 403, "insufficient_scope"
MAX_SCOPE = 200
"""Letters of a right; a longer one is not asked for."""
MAX_SCOPES = 32
"""Rights that an answer may name."""
CONNECT_S = 30.0
"""For a connection, and for a request to be written."""
LISTEN_AGAIN_S = 0.25
"""Between two requests for the stream of what a server says of itself; it may wish for
less, and end each of them at once."""


@asynccontextmanager
async def endpoint(
    url: str,
    headers: Mapping[str, str],
    *,
    silence_s: float,
    auth: Bearer | None = None,
) -> AsyncGenerator[Wire, None]:
    """Yield the streams to a server; ``silence_s`` is how long it may say nothing."""
    timeout = httpx2.Timeout(CONNECT_S, read=silence_s)
    client = bounded.client(timeout=timeout, headers=headers, auth=auth, events=True)
    wires: list[Wire] = []

    async def note(response: httpx2.Response) -> None:
        for wire in wires:
            wire.status = response.status_code
            wire.scopes = missing(response) or wire.scopes
            if why := bounded.compressed(response):
                wire.end(why)

    # First: the SDK says nothing of why an answer was refused.
    client.event_hooks["response"].insert(0, note)
    client.event_hooks["request"].append(_Pace().wait)
    async with (
        client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=bounded.MAX_BODY
        ) as (incoming, outgoing),
    ):
        wire = _counted(incoming, outgoing)
        wires.append(wire)
        if auth is not None:
            auth.lost = wire.end
        yield wire


def missing(response: httpx2.Response) -> tuple[str, ...]:
    """Return the rights that an answer says are missing (RFC 6750, 3.1)."""
    said = extract_field_from_www_auth(response, "error")
    if response.status_code != FORBIDDEN or said != INSUFFICIENT:
        return ()
    scopes = (extract_scope_from_www_auth(response) or "").split()
    shown = [scope for scope in scopes if len(scope) <= MAX_SCOPE]
    return tuple(dict.fromkeys(shown))[:MAX_SCOPES]


class _Pace:
    """Lets requests for the server's stream go out one after the other."""

    def __init__(self) -> None:
        self._next = 0.0

    async def wait(self, request: httpx2.Request) -> None:
        """Wait until the next such request may go; others go at once."""
        if request.method == "GET":
            now = asyncio.get_running_loop().time()
            begins = max(now, self._next)
            self._next = begins + LISTEN_AGAIN_S
            await asyncio.sleep(begins - now)


def _counted(
    incoming: "ReadStream[SessionMessage | Exception]",
    outgoing: "WriteStream[SessionMessage]",
) -> Wire:
    counted = _Counted(incoming)
    counted.wire = Wire(counted, outgoing)
    return counted.wire


class _Counted:
    """A stream of messages that ends with one too many."""

    wire: Wire

    def __init__(self, stream: "ReadStream[SessionMessage | Exception]") -> None:
        self._stream = stream

    async def receive(self) -> SessionMessage | Exception:
        item = await self._stream.receive()
        message = item.message if isinstance(item, SessionMessage) else item
        if not self.wire.take(message):
            raise anyio.EndOfStream
        return item

    async def aclose(self) -> None:
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        return await self._stream.__aexit__(exc_type, exc_val, exc_tb)

    def __getattr__(self, name: str) -> object:
        # What the SDK looks for without saying so, such as ``last_context``.
        return getattr(self._stream, name)
