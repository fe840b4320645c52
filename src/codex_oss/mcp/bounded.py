"""The HTTP client for MCP servers and their logins: what it reads has limits.

Nothing may come compressed: a few bytes can stand for gigabytes, and whoever expands
them finds out too late.
"""

from collections.abc import AsyncIterator, Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx2

from codex_oss.errors import McpError

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


async def nothing_secret_in_clear(request: httpx2.Request) -> None:
    """Raise ``McpError`` for a request of a login that others could read."""
    refuse_clear(str(request.url))


def refuse_clear(url: str, named_by: str = "") -> None:
    """Raise ``McpError`` where others could read what is sent to ``url``.

    On this machine nobody can; but who is asked over https has no reason to name such
    an address.
    """
    parts = urlsplit(url)
    here = _is_here(parts.hostname or "") and not named_by.startswith("https:")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        raise McpError(
            f"{place} is not asked: what a login sends could be read on the way",
            hint="Logins need https; without it they stay on this machine.",
        )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _wants_plain(request: httpx2.Request) -> None:
    request.headers["Accept-Encoding"] = "identity"


def compressed(response: httpx2.Response) -> str:
    """Return why an answer is refused; empty where it may be read."""
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return ""
    return "the answer is compressed, which nobody wanted"


def _plain(response: httpx2.Response) -> None:
    if why := compressed(response):
        raise httpx2.DecodingError(why)


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
