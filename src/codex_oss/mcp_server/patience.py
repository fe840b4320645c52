"""How long a client may take for a request, and how many connections there may be.

uvicorn waits without end for the rest of a request, keeps a head however large, and
takes connections until the process may open no more files.
"""

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import (
    HttpToolsProtocol,
    RequestResponseCycle,
)

MAX_CONNECTIONS = 512
"""Open at the same time; conversations open files as well."""
HEAD_S = 10.0
"""From a request's first byte, or the connection's begin, to the end of its head."""
BODY_S = 60.0
"""From there to the end of the request."""
MAX_HEAD = 64 * 1024
"""Bytes of a request besides its body."""
_LATE, _BUSY = b"408 Request Timeout", b"503 Service Unavailable"
_LARGE = b"431 Request Header Fields Too Large"


class Patient(HttpToolsProtocol):
    """A connection that ends when its client does not get on with a request."""

    _late: asyncio.TimerHandle | None = None
    _size = 0
    """Bytes of the request besides its body."""
    _whole = True
    """Whether no request is half here."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  as uvicorn's
        """Take a connection, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._end(_BUSY)
        else:
            self._within(HEAD_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on; what belongs to no request yet counts as the begin of one."""
        if self._late is None and self._whole and not self._answering:
            self._within(HEAD_S)
        self._size += len(data)
        super().data_received(data)
        if self._size > MAX_HEAD and not self.transport.is_closing():
            self._end(_LARGE)

    def on_message_begin(self) -> None:
        """Wait for the head."""
        super().on_message_begin()
        self._whole = False
        self._within(HEAD_S)

    def on_headers_complete(self) -> None:
        """Wait for the body; not while it stands behind another request."""
        self._within(None if self._answering else BODY_S)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._size -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Wait no more: the request is whole."""
        self._whole, self._size = True, 0
        self._within(None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the rest of a request that nobody needed whole for an answer."""
        super().on_response_complete()
        if not self._whole:
            self._within(BODY_S)

    @property
    def _answering(self) -> bool:
        # None at first, of which its annotation knows nothing.
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return cycle is not None and not cycle.response_complete

    def _within(self, seconds: float | None) -> None:
        """Wait so long for what is to come, and no longer; None: for ever."""
        if self._late is not None:
            self._late.cancel()
        self._late = None
        if seconds is not None:
            self._late = self.loop.call_later(seconds, self._end, _LATE)

    def _end(self, status: bytes) -> None:
        """End the connection, with a word where none is half said."""
        self._within(None)
        started = self._answering and self.cycle.response_started
        if started or self.transport.get_write_buffer_size():
            self.transport.abort()
            return
        more = b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 " + status + more)
        self.transport.close()
