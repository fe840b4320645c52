"""MCP over streamable HTTP, by the SDK's transport, with a limit to what is read."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2
from mcp.client.streamable_http import streamable_http_client

from codex_oss.mcp.bearer import Bearer
from codex_oss.mcp.wire import Wire

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a JSON answer, and of one event of a stream."""
CONNECT_S = 30.0
"""For a connection, and for a request to be written."""


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
    wires: list[Wire] = []

    async def note(response: httpx2.Response) -> None:
        for wire in wires:
            wire.status = response.status_code

    async with (
        httpx2.AsyncClient(
            headers=dict(headers),
            timeout=timeout,
            auth=auth,
            event_hooks={"response": [_limit, note]},
        ) as client,
        streamable_http_client(
            url, http_client=client, max_sse_event_size=MAX_BODY
        ) as (incoming, outgoing),
    ):
        wire = Wire(incoming, outgoing)
        wires.append(wire)
        if auth is not None:
            auth.lost = wire.end
        yield wire


class _Limited(httpx2.AsyncByteStream):
    """A body that breaks off where it becomes too large."""

    def __init__(self, body: httpx2.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._body:
            size += len(chunk)
            if size > MAX_BODY:
                raise httpx2.ReadError(
                    f"the answer has more than {MAX_BODY // 2**20} MiB"
                )
            yield chunk

    async def aclose(self) -> None:
        await self._body.aclose()


async def _limit(response: httpx2.Response) -> None:
    kind = response.headers.get("content-type", "")
    body = response.stream
    # The transport itself looks at the size of each event.
    if not kind.startswith("text/event-stream") and isinstance(
        body, httpx2.AsyncByteStream
    ):
        response.stream = _Limited(body)
