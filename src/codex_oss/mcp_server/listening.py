"""Who listens to the answer of a call over HTTP, and what they may have missed.

A connection that is lost is not a cancellation, says the protocol: a client may come
back and name the last event that it got. One that stays away has gone.
"""

import asyncio
from collections import deque
from typing import Protocol, cast

from mcp.types import JSONRPCMessage, JSONRPCNotification

from codex_oss.mcp_server.news import DELTAS

GRACE_S = 10.0
"""How long a client whose connection was lost may take to come back."""
MAX_KEPT = 256
"""Messages of one answer that are sent again to who comes back."""
MAX_STREAMS = 64
"""Answers of one client that can be come back to."""
MAX_EVENT_ID = 40
"""The longest id of an event, in characters."""
SCOPE_KEY = "codex_oss.stream"
"""Where a request's stream stands in its ASGI scope."""


class Connection(Protocol):
    """A connection that an answer is sent through."""

    async def drop(self) -> None:
        """Close it, and wait until it is closed."""
        ...


class Stream:
    """The answer of one call."""

    def __init__(self, number: int, stream_id: str) -> None:
        self.stream_id = stream_id
        """The SDK's name for it: the id of the request."""
        self._number = number
        self._count = 0
        self._kept: deque[tuple[int, JSONRPCMessage]] = deque(maxlen=MAX_KEPT)
        self._connection: Connection | None = None
        self._here, self._gone = asyncio.Event(), asyncio.Event()

    async def attach(self, connection: Connection) -> None:
        """Take note that the client listens; an older connection is closed."""
        old, self._connection = self._connection, connection
        self._here.set()
        self._gone.clear()
        if old is not None:
            await old.drop()

    def detach(self, connection: Connection) -> None:
        """Take note that a connection has ended."""
        if self._connection is connection:
            self._connection = None
            self._here.clear()
            self._gone.set()

    @property
    def listened(self) -> bool:
        """Whether somebody listens."""
        return self._connection is not None

    async def lost(self) -> None:
        """Return when nobody has listened for ``GRACE_S``."""
        while True:
            await self._gone.wait()
            try:
                async with asyncio.timeout(GRACE_S):
                    await self._here.wait()
            except TimeoutError:
                return

    def keep(self, message: JSONRPCMessage | None) -> str:
        """Keep a message and return the id of its event."""
        self._count += 1
        if message is not None and not _is_delta(message):
            self._kept.append((self._count, message))
        return f"{self._number}-{self._count}"

    def after(self, count: int) -> list[tuple[str, JSONRPCMessage]]:
        """Return what was kept after an event, each with the id of its own."""
        return [
            (f"{self._number}-{number}", message)
            for number, message in self._kept
            if number > count
        ]


class Streams:
    """The answers of one client, by the ids of their events."""

    def __init__(self) -> None:
        self._streams: dict[int, Stream] = {}
        self._next = 0

    def begin(self, stream_id: str) -> Stream:
        """Return the stream of a new request."""
        self._next += 1
        made = self._streams[self._next] = Stream(self._next, stream_id)
        while len(self._streams) > MAX_STREAMS:
            del self._streams[next(iter(self._streams))]
        return made

    def named(self, stream_id: str) -> Stream | None:
        """Return the newest stream with the SDK's name for it."""
        streams = reversed(self._streams.values())
        return next((each for each in streams if each.stream_id == stream_id), None)

    def at(self, event_id: str) -> tuple[Stream | None, int]:
        """Return the stream of an event, and the event's place in it."""
        number, _, count = event_id[:MAX_EVENT_ID].partition("-")
        if not (number.isdecimal() and count.isdecimal()):
            return None, 0
        return self._streams.get(int(number)), int(count)

    def forget(self, stream: Stream) -> None:
        """Let go of a stream that nobody has come back to."""
        for number, each in list(self._streams.items()):
            if each is stream and not stream.listened:
                del self._streams[number]


def stream_of(request: object) -> Stream | None:
    """Return the stream of an HTTP request; None for any other."""
    scope = cast("dict[str, object]", getattr(request, "scope", {}))
    found = scope.get(SCOPE_KEY)
    return found if isinstance(found, Stream) else None


def _is_delta(message: JSONRPCMessage) -> bool:
    """Tell whether it is a piece of a text that follows whole."""
    params = message.params if isinstance(message, JSONRPCNotification) else None
    msg = (params or {}).get("msg")
    return (
        isinstance(msg, dict) and cast("dict[str, object]", msg).get("type") in DELTAS
    )
