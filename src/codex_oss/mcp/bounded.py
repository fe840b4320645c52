"""The HTTP client for MCP servers and their logins: what it reads has limits.

Nothing may come compressed: a few bytes can stand for gigabytes, and whoever expands
them finds out too late.
"""

from collections.abc import AsyncIterator, Mapping

import httpx2

MAX_BODY = 16 * 1024 * 1024
"""Bytes of an answer, and of one event of a stream."""


def client(
    *,
    timeout: httpx2.Timeout | float,
    headers: Mapping[str, str] | None = None,
    auth: httpx2.Auth | None = None,
    events: bool = False,
) -> httpx2.AsyncClient:
    """Return a client; with ``events`` streams of them may go on for ever."""

    async def limit(response: httpx2.Response) -> None:
        _plain(response)
        kind = response.headers.get("content-type", "")
        body = response.stream
        endless = events and kind.startswith("text/event-stream")
        if not endless and isinstance(body, httpx2.AsyncByteStream):
            response.stream = _Limited(body)

    return httpx2.AsyncClient(
        headers=dict(headers or {}),
        timeout=timeout,
        auth=auth,
        # Also in requests that an ``auth`` makes, which have none of ``headers``.
        event_hooks={"request": [_wants_plain], "response": [limit]},
    )


async def _wants_plain(request: httpx2.Request) -> None:
    request.headers["Accept-Encoding"] = "identity"


def _plain(response: httpx2.Response) -> None:
    coding = response.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        raise httpx2.DecodingError("the answer is compressed, which nobody wanted")


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
