"""A client of ``codex-oss mcp-server --http`` that can vanish and come back."""

import asyncio
import io
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from codex_oss.mcp_server import http
from codex_oss.mcp_server.server import Agent
from codex_oss.mcp_server.threads import Opener, Threads

Json = dict[str, Any]
ACCEPT = {"Accept": "application/json, text/event-stream"}


@asynccontextmanager
async def serving(opener: Opener) -> AsyncGenerator[str]:
    """Serve sessions on a port of its own and give the URL."""
    threads, err = Threads(opener), io.StringIO()
    served = asyncio.ensure_future(
        http.serve(Agent(threads), ("127.0.0.1", 0), "", err)
    )
    await asyncio.sleep(0)
    try:
        yield err.getvalue().split()[-1]
    finally:
        served.cancel()
        await asyncio.wait([served])
        await threads.close()


class Answer:
    """The stream that answers a call; ``last`` is the id of its newest event."""

    def __init__(self, response: httpx2.Response) -> None:
        self._lines = response.aiter_lines()
        self.last = ""

    async def until(self, wanted: Callable[[Json], bool]) -> Json:
        """Return the first message that is wanted."""
        async for line in self._lines:
            kind, _, value = line.partition(": ")
            if kind == "id":
                self.last = value
            if kind == "data" and value and wanted(message := json.loads(value)):
                return message
        raise AssertionError("the stream has ended")

    async def result(self) -> Json:
        """Return the result of the call."""
        return (await self.until(lambda message: "result" in message))["result"]

    async def event(self, kind: str) -> Json:
        """Return the next event of a kind."""
        told = await self.until(lambda m: _type(m) == kind)
        return told["params"]["msg"]

    async def question(self) -> Json:
        """Return the next question."""
        return await self.until(lambda m: m.get("method") == "elicitation/create")


class HttpPeer:
    """A client with a session of its own."""

    def __init__(self, url: str, **capabilities: Any) -> None:
        self.url = url
        self.headers = dict(ACCEPT)
        self._capabilities = capabilities
        self._client = httpx2.AsyncClient(timeout=180)
        self._next = 1

    async def begin(self, version: str = "2025-11-25") -> "HttpPeer":
        """Shake hands."""
        params = {
            "protocolVersion": version,
            "capabilities": self._capabilities,
            "clientInfo": {"name": "lab", "version": "1"},
        }
        hello = await self.post({"id": 0, "method": "initialize", "params": params})
        assert hello.status_code == 200, hello.text
        self.headers["mcp-session-id"] = hello.headers["mcp-session-id"]
        self.headers["mcp-protocol-version"] = version
        await self.post({"method": "notifications/initialized"})
        return self

    async def post(self, message: Json | bytes) -> httpx2.Response:
        """Send a message, or any bytes, and return the whole answer."""
        return await self._client.post(
            self.url,
            content=_body(message),
            headers=self.headers | {"Content-Type": "application/json"},
        )

    @asynccontextmanager
    async def call(self, name: str, **arguments: Any) -> AsyncGenerator[Answer]:
        """Call a tool; leaving the block closes the connection."""
        self._next += 1
        params = {"name": name, "arguments": {"prompt": "x"} | arguments}
        message = {"id": self._next, "method": "tools/call", "params": params}
        async with self._client.stream(
            "POST",
            self.url,
            content=_body(message),
            headers=self.headers | {"Content-Type": "application/json"},
        ) as response:
            assert response.status_code == 200
            yield Answer(response)

    @asynccontextmanager
    async def back(self, last: str) -> AsyncGenerator[Answer]:
        """Come back to a call after the event ``last``."""
        headers = self.headers | {"Last-Event-ID": last}
        async with self._client.stream("GET", self.url, headers=headers) as response:
            assert response.status_code == 200
            yield Answer(response)

    async def close(self) -> None:
        """Close all connections; nothing is said."""
        await self._client.aclose()


def _body(message: Json | bytes) -> bytes:
    if isinstance(message, bytes):
        return message
    return json.dumps({"jsonrpc": "2.0"} | message).encode()


def _type(message: Json) -> str:
    if message.get("method") != "codex/event":
        return ""
    return message["params"]["msg"]["type"]
