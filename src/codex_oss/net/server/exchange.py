"""One request and its answer, as a handler sees them."""

from typing import Protocol

from codex_oss.net.server.answer import (
    CHUNK,
    CONTINUE,
    LAST_CHUNK,
    LEADING_ZERO,
    Headers,
)
from codex_oss.net.server.request import HttpRequest

JSON = "application/json"
MAX_HELD_BYTES = 16 * 1024
"""Of a head and what follows it at once, before they are sent."""

_NO_BODY = (204, 304)


class Wire(Protocol):
    """The connection that an exchange writes its answer to."""

    blocked: bool

    def encode_head(self, status: int, content_type: str, headers: Headers) -> bytes:
        """Return a head without its end."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def write_soon(self, exchange: "Exchange") -> None:
        """Send the head of an answer when nothing else of it is written now."""
        ...

    async def writable(self) -> None:
        """Wait until the client has taken what was written."""
        ...

    def answered(self, exchange: "Exchange") -> None:
        """Take note that the answer is whole."""
        ...


class Exchange:
    """One request and its answer: ``respond``, or ``start``, ``write`` … ``finish``.

    ``started`` says whether an answer has begun, ``gone`` whether the client has hung
    up; what is written then is dropped. The handler's task is cancelled when the
    client goes away before the answer is whole. An answer that breaks HTTP (a line
    break in a header, a second answer) raises ``ValueError``.
    """

    __slots__ = (
        "_bare",
        "_done",
        "_held",
        "_wire",
        "gone",
        "headers",
        "request",
        "started",
    )

    def __init__(self, request: HttpRequest, wire: Wire) -> None:
        self.request = request
        self.headers: Headers = ()
        """Sent with the answer, before those that it is given."""
        self.started = False
        self.gone = False
        self._wire = wire
        self._held = b""
        self._done = False
        self._bare = request.method == "HEAD"

    @property
    def done(self) -> bool:
        """Whether the answer is whole."""
        return self._done

    def respond(
        self,
        status: int,
        body: bytes,
        *,
        content_type: str = JSON,
        headers: Headers = (),
    ) -> None:
        """Give the whole answer, in one write. An empty type gives no such header."""
        head = self._begin(status, content_type, headers)
        self._done = True
        if status in _NO_BODY:
            data = head + b"\r\n"
        elif self._bare:
            data = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        else:
            data = b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body)
        if not self.gone:
            self._wire.write(data)
            self._wire.answered(self)

    def start(self, status: int, *, content_type: str, headers: Headers = ()) -> None:
        """Begin an answer of unknown length.

        Its head is sent with what is written before the loop comes round again: an
        answer that is there at once is one write.
        """
        head = self._begin(status, content_type, headers)
        self._bare = self._bare or status in _NO_BODY
        coding = b"" if status in _NO_BODY else b"transfer-encoding: chunked\r\n"
        self._held = b"%b%b\r\n" % (head, coding)
        if not self.gone:
            self._wire.write_soon(self)

    def write(self, data: bytes) -> bool:
        """Send a piece of the body; False: wait for ``ready`` before the next.

        One write to the socket at once, after the head; nothing is sent for ``b""``.
        """
        if self._done or not self.started:
            raise ValueError("a piece of an answer that is over or was not started")
        wire = self._wire
        if self.gone or self._bare or not data:
            return not wire.blocked
        data = CHUNK % (len(data), data)
        if self._held:
            self._held += data
            if len(self._held) > MAX_HELD_BYTES:
                self.flush()
        else:
            wire.write(data)
        return not wire.blocked

    async def ready(self) -> None:
        """Wait until the client has taken enough for more to be written."""
        if not self.gone:
            await self._wire.writable()

    def finish(self) -> None:
        """End the answer; the connection can carry the next one."""
        if self._done or not self.started:
            raise ValueError("the end of an answer that is over or was not started")
        self._done = True
        if self.gone:
            return
        data = self._held if self._bare else self._held + LAST_CHUNK
        self._held = b""
        if data:
            self._wire.write(data)
        self._wire.answered(self)

    def flush(self) -> None:
        """Send the head, and what was written at once."""
        if self._held and not self.gone:
            held, self._held = self._held, b""
            self._wire.write(held)

    def probe(self) -> None:
        """Send what means nothing, to learn whether the client is still there."""
        if not self.started:
            self._wire.write(CONTINUE)
        elif not (self._bare or self._done):
            self.flush()
            self._wire.write(LEADING_ZERO)

    def _begin(self, status: int, content_type: str, headers: Headers) -> bytes:
        if self.started:
            raise ValueError("a second answer to one request")
        if self.headers:
            headers = (*self.headers, *headers)
        head = self._wire.encode_head(status, content_type, headers)
        self.started = True
        return head
