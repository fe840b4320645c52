"""The door of the HTTP server: every message is answered, every listener is known.

It stands before the SDK (an ASGI application), which passes over who has gone, and
before whose parser a request with an id may get an answer without one.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any
from weakref import WeakValueDictionary

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCError, JSONRPCMessage, JSONRPCRequest
from pydantic import BaseModel

from codex_oss.mcp_server import lines
from codex_oss.mcp_server.listening import GRACE_S, SCOPE_KEY, Stream, Streams

SEND_S = 60.0
"""How long a client may take to read what fills its connection; then it has gone."""
DROP_S = 2.0
"""How long an old connection gets to end when the client comes by a new one."""
_CLIENT: ContextVar[Streams] = ContextVar("_CLIENT")
"""The client whose request runs; the SDK's session inherits it from the first one."""

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]


class Door:
    """Answers what is no message, and notes who listens to what."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app
        # The SDK's session holds its client's streams; with it they go.
        self._clients: WeakValueDictionary[str, Streams] = WeakValueDictionary()

    async def __call__(self, scope: Any, receive: _Receive, send: _Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        session = headers.get(b"mcp-session-id", b"").decode("latin-1")
        client = self._clients.get(session) or Streams()
        _CLIENT.set(client)
        connection = _Connection(receive, self._noting(client, send))
        if scope["method"] == "POST":
            await self._post(scope, connection, client)
            return
        stream = None
        if scope["method"] == "GET":
            last = headers.get(b"last-event-id", b"").decode("latin-1")
            stream, _ = client.at(last)
        await self._serve(scope, connection, client, stream)

    async def _post(
        self, scope: Any, connection: "_Connection", client: Streams
    ) -> None:
        # The whole body: what limits its size has gathered it.
        first = await connection.receive()
        message = lines.read(first.get("body", b""))
        if isinstance(message, lines.Refused):
            await _refuse(message.answer, connection.send)
            return
        if isinstance(message, JSONRPCError):
            first["body"] = _json(message)
        connection.again(first)
        stream = None
        if isinstance(message, JSONRPCRequest) and message.method == "tools/call":
            stream = client.begin(str(message.id))
        await self._serve(scope, connection, client, stream)

    async def _serve(
        self,
        scope: Any,
        connection: "_Connection",
        client: Streams,
        stream: Stream | None,
    ) -> None:
        if stream is None:
            await self._app(scope, connection.receive, connection.send)
            return
        scope[SCOPE_KEY] = stream
        await stream.attach(connection)
        try:
            await self._app(scope, connection.receive, connection.send)
        finally:
            connection.over.set()
            stream.detach(connection)
            loop = asyncio.get_running_loop()
            loop.call_later(2 * GRACE_S, client.forget, stream)

    def _noting(self, client: Streams, send: _Send) -> _Send:
        """Return ``send``, and learn by what name the SDK will know the client."""

        async def noting(message: _Message) -> None:
            if message["type"] == "http.response.start":
                session = dict(message["headers"]).get(b"mcp-session-id")
                if session is not None:
                    self._clients[session.decode("latin-1")] = client
            await send(message)

        return noting


class Kept(EventStore):
    """What clients that come back are sent again."""

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event and return its id."""
        stream = _CLIENT.get().named(stream_id)
        return "0-0" if stream is None else stream.keep(message)

    async def replay_events_after(
        self, last_event_id: str, send_callback: EventCallback
    ) -> str | None:
        """Send what came after an event, and return the stream it is of."""
        stream, count = _CLIENT.get().at(last_event_id)
        if stream is None:
            return None
        for event_id, message in stream.after(count):
            await send_callback(EventMessage(message, event_id))
        return stream.stream_id


class _Connection:
    """One HTTP exchange; it can be ended from here as if the client had gone."""

    def __init__(self, receive: _Receive, send: _Send) -> None:
        self.over = asyncio.Event()
        """Set when the exchange has ended."""
        self._receive = receive
        self._send = send
        self._first: _Message | None = None
        self._dropped = asyncio.Event()

    def again(self, message: _Message) -> None:
        """Let a message that was received be received once more."""
        self._first = message

    async def receive(self) -> _Message:
        """Return the next message of the client (ASGI)."""
        if self._first is not None:
            first, self._first = self._first, None
            return first
        heard = asyncio.ensure_future(self._receive())
        dropped = asyncio.ensure_future(self._dropped.wait())
        try:
            await asyncio.wait((heard, dropped), return_when="FIRST_COMPLETED")
            return heard.result() if heard.done() else {"type": "http.disconnect"}
        finally:
            heard.cancel()
            dropped.cancel()

    async def send(self, message: _Message) -> None:
        """Send to the client (ASGI)."""
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(message)
        except TimeoutError:
            # Streams end by this, and cancel us; other answers do not hear of it.
            self._dropped.set()
            await asyncio.sleep(DROP_S)
            raise OSError("the client does not read") from None

    async def drop(self) -> None:
        """End the exchange, and wait for that."""
        self._dropped.set()
        try:
            async with asyncio.timeout(DROP_S):
                await self.over.wait()
        except TimeoutError:
            return


async def _refuse(answer: JSONRPCError, send: _Send) -> None:
    body = _json(answer)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _json(message: BaseModel) -> bytes:
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
