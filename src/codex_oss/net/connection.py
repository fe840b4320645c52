"""One connection: bytes from the transport, through llhttp, to whoever waits.

A connection carries one exchange at a time: ``send``, ``head``, then ``next`` until
it returns ``b""``, or ``pour``. It pauses its transport when nobody takes bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from math import inf
from typing import Literal, Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from codex_oss.errors import ServerFault, StreamCut
from codex_oss.net.deadline import Deadline
from codex_oss.net.fields import Fields

HIGH_WATER = 512 * 1024
"""Bytes held for a slow reader, about, before the transport is paused."""
MANY_PIECES = 64
"""Held, they become one: 200 bytes each and strewn about, they cost a bridge 2 MB."""

_NO_BODY_METHODS = ("HEAD",)
_INFORMATIONAL = range(100, 200)

_Word = Literal["news", "late", "ended"]
"""Why a wait is over: something came, nothing came, or nobody wants it any more."""


class Connection(asyncio.BufferedProtocol):
    """A connection to ``place``, which is ``host:port`` for messages.

    What is read into ``buffer`` is used up at once: connections of a loop may share it.
    """

    __slots__ = (
        "_body",
        "_buffer",
        "_deadline",
        "_fault",
        "_fields",
        "_full",
        "_has_head",
        "_held",
        "_idle",
        "_idle_s",
        "_loop",
        "_method",
        "_now",
        "_on_rest",
        "_parser",
        "_paused",
        "_put",
        "_raised",
        "_turn",
        "_waiter",
        "closed_by_peer",
        "complete",
        "headers",
        "lost",
        "on_body",
        "on_header",
        "patience",
        "place",
        "received",
        "reusable",
        "status",
        "transport",
    )

    def __init__(self, place: str, buffer: memoryview) -> None:
        self._buffer = buffer
        self.place = place
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.received = False
        """Whether a byte of the running exchange's answer has come."""
        self.closed_by_peer = False
        """Whether it was the other side that ended the connection."""
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._deadline = Deadline(self._expire)
        self._waiter: asyncio.Future[_Word] | None = None
        self._idle = True
        self._turn = 0
        self._body: list[bytes] = []
        self._fields = Fields()
        # Of C: no frame of Python is made for each chunk of a body.
        self.on_body = self._body.append
        self.on_header = self._fields.add
        self.complete = self.reusable = False
        self._begin("")

    def _begin(self, method: str) -> None:
        if not (self.complete and self.reusable):  # else it expects the next answer
            self._parser = HttpResponseParser(self)
        self._method = method
        self._body.clear()
        self.received = False
        self.headers: dict[str, str] = {}
        self.complete = self.reusable = False
        self._on_rest: Callable[[Self], None] | None = None
        self._fault: StreamCut | ServerFault | None = None
        self._held = self.status = 0
        self._put: Callable[[bytes], bool] | None = None
        self._raised: BaseException | None = None
        self._paused = self._has_head = False
        self.patience: Callable[[], Awaitable[None]] | None = None
        """Asked when nothing comes in time; raises if it is not worth the wait."""

    # --- for the client ----------------------------------------------------------

    def send(self, method: str, data: bytes) -> None:
        """Begin an exchange: write a request, head and body."""
        assert self.transport is not None
        self._begin(method)
        self._idle = False
        self._deadline.at = inf
        self.transport.write(data)

    async def head(self, first_byte_s: float | None) -> None:
        """Wait until ``status`` and ``headers`` are there.

        Raises ``StreamCut`` when the connection ends or stays silent for
        ``first_byte_s`` (None: wait for as long as the connection lives) without
        ``patience``, and ``ServerFault`` when what comes is not HTTP.
        """
        while not self._has_head:
            self._raise_if_over()
            if await self._wait(first_byte_s) == "late":
                await self._late(f"no answer from {self.place} in {first_byte_s:g} s")

    async def next(self, idle_s: float) -> bytes:
        """Return what has come of the body, at least a byte; ``b""`` at its end.

        Raises ``StreamCut`` when the connection ends early or when nothing comes
        for ``idle_s`` seconds without ``patience``.
        """
        while not self._body:
            if self.complete:
                return b""
            self._raise_if_over()
            if await self._wait(idle_s) == "late":
                await self._late()
        data = self._drain()
        self._resume()
        return data

    async def pour(
        self,
        put: Callable[[bytes], bool],
        ready: Callable[[], Awaitable[None]],
        idle_s: float,
    ) -> None:
        """Hand all of the body to ``put`` as it comes; return at its end.

        ``put`` is called where the bytes are read, once for all that came together.
        When it returns False, nothing is read until ``ready`` has returned; what it
        raises is raised here. It may end the exchange. Raises as ``next`` does.
        """
        self._idle_s = idle_s
        turn = self._turn
        self._full = False
        while self._turn == turn:
            if self._body:
                self._full = not put(self._drain())
                if self._turn != turn:
                    return
            if self.complete:
                return
            if self._full:
                self._pause()
                await ready()
                self._full = False
                continue
            self._raise_if_over()
            self._put = put
            self._resume()
            word = await self._wait(self._idle_s)
            if self._turn != turn:
                return
            self._put = None
            if self._raised is not None:
                raise self._raised
            if word == "late":
                await self._late()

    def hurry(self, idle_s: float) -> None:
        """Have no more patience than ``idle_s`` with the exchange that runs."""
        self.patience = None
        self._idle_s = idle_s
        if self._waiter is not None:
            self._deadline.at = self._now() + idle_s

    def end(self) -> bool:
        """End the exchange; return whether the connection can carry another one.

        A connection that cannot is closed.
        """
        self._on_rest = None
        self._dismiss()
        if self.complete and self.reusable and not self.lost:
            self._idle = True
            self._body.clear()
            self._deadline.at = inf
            self._resume()
            return True
        self.abort()
        return False

    def linger(self, seconds: float, on_rest: Callable[[Self], None]) -> None:
        """Drop what is left of the answer; call ``on_rest`` when that is over.

        Closes the connection when the end does not come within ``seconds``.
        """
        self._body.clear()
        self._held = 0
        self._dismiss()
        self._on_rest = on_rest
        self.expire_in(seconds)
        self._resume()
        if self.complete:
            on_rest(self)

    def expire_in(self, seconds: float) -> None:
        """Close the connection after ``seconds``, if nothing is sent before."""
        self._deadline.set(seconds)

    def abort(self) -> None:
        """Close the socket now."""
        self._deadline.close()
        self.lost = True
        if self.transport is not None:
            self.transport.abort()

    async def _wait(self, seconds: float | None) -> _Word:
        waiter: asyncio.Future[_Word] = self._loop.create_future()
        self._waiter = waiter
        if seconds is not None:
            self._deadline.set(seconds)
        try:
            return await waiter
        finally:
            # After "ended" the connection may serve somebody else already.
            if self._waiter is waiter:
                self._waiter = None
                self._deadline.at = inf

    def _expire(self) -> None:
        if self._waiter is None:
            self.abort()
        else:
            self._wake("late")

    async def _late(self, fault: str = "idle timeout waiting for SSE") -> None:
        """End the exchange, unless there is patience."""
        if self.patience is None:
            self.abort()
            raise StreamCut(fault)
        try:
            await self.patience()
        except BaseException:
            self.abort()
            raise

    def _drain(self) -> bytes:
        data = b"".join(self._body)
        self._body.clear()
        self._held = 0
        return data

    def _hold(self, nbytes: int) -> None:
        """Keep what came for who asks next; pause the transport when it is too much."""
        if self._on_rest is not None:
            self._body.clear()
        elif self._body:
            self._held += nbytes
            if len(self._body) > MANY_PIECES:
                self._body[:] = [b"".join(self._body)]
            if self._held > HIGH_WATER:
                self._pause()
        self._wake()

    def _dismiss(self) -> None:
        self._turn += 1
        self._put = None
        self._wake("ended")
        self._waiter = None

    def _pause(self) -> None:
        if not self._paused and self.transport is not None and not self.lost:
            self._paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()

    def _wake(self, word: _Word = "news") -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(word)

    def _raise_if_over(self) -> None:
        if self._fault is not None:
            raise self._fault
        if self.lost:
            missing = "the end of" if self._has_head else "sending"
            raise StreamCut(
                f"{self.place} closed the connection before {missing} an answer"
            )

    # --- for asyncio -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's do not derive from asyncio's; it would keep requests for a moment.
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(0)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's
        """Lend the buffer."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what came."""
        if self._idle:
            self.abort()
            return
        self.received = True
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except HttpParserUpgrade:
            self._fail("switched to another protocol")
        except HttpParserError as error:
            self._fail(f"sent what is not HTTP: {error.__context__ or error}")
        put, body, turn = self._put, self._body, self._turn
        if put is None:
            self._hold(nbytes)
            return
        self._deadline.at = self._now() + self._idle_s
        if body:
            data = body[0] if len(body) == 1 else b"".join(body)
            body.clear()
            try:
                more = put(data)
            except BaseException as error:  # noqa: BLE001  raised again by `pour`
                self._raised, more = error, False
            if not more and self._turn == turn:
                self._full, self._put = True, None
                self._pause()
                self._wake()
        if self.complete or self.lost:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, which is also the end of a body without a length."""
        if exc is None and self._has_head and not self._fields.sized and not self.lost:
            self.complete = True
        self.closed_by_peer = not self.lost
        self.lost = True
        self._deadline.close()
        if self._on_rest is not None:
            self._on_rest(self)
        self._wake()

    def _fail(self, what: str) -> None:
        if not self.complete:
            kind = StreamCut if self._has_head else ServerFault
            self._fault = kind(f"{self.place} {what}")
        self.abort()

    # --- for the parser ----------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a message: the answer, or the one after an informational one."""
        if self.complete:
            self.reusable = False
            raise ValueError("an answer that nobody asked for")
        self._fields.begin()

    def on_headers_complete(self) -> None:
        """Publish the head, unless it is an informational one."""
        status = self._parser.get_status_code()
        if status in _INFORMATIONAL:
            return
        self.status, self.headers = status, self._fields.values
        self._has_head = True
        self._fields.end()
        if self._method in _NO_BODY_METHODS:
            self.complete = True
        else:
            self.reusable = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        """End the answer, unless it was an informational one."""
        if self._has_head and not self.complete:
            self.complete = True
            if self._on_rest is not None:
                self._on_rest(self)
