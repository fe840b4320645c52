"""A client's connection: requests to handlers, one after the other, and hanging up.

Requests that come before an answer is done wait, and are answered in order.

A client that ends its side (EOF) has closed the connection, or it only sends no more;
TCP shows both as the same. A byte sent to one that has closed comes back as a reset,
so a few bytes that mean nothing are sent: an interim answer before the head (RFC 9110,
15.2), later a leading zero of the next chunk's size (RFC 9112, 7.1). Who is still
there after the last of them is answered.
"""

import asyncio
from collections import deque
from math import inf
from typing import cast

from codex_oss.net.server import answer, head
from codex_oss.net.server.answer import Headers
from codex_oss.net.server.exchange import JSON, Exchange
from codex_oss.net.server.floor import Floor
from codex_oss.net.server.head import Refusal
from codex_oss.net.server.parser import RequestParser
from codex_oss.net.server.request import HttpRequest

MAX_WAITING = 32
"""Requests that wait for the answers before them, before no more are read."""
AHEAD_BYTES = 256 * 1024
"""And how many bytes of them."""
LINGER_S = 2.0
"""For a client that is refused to read why, before what it sends is reset."""
PROBES_S = (0.0, 0.002, 0.05, 1.0)
"""After the end of a client's side. Go's client takes five interim answers."""


class Connection(asyncio.BufferedProtocol):
    """A client's connection, between ``connection_made`` and ``connection_lost``."""

    __slots__ = (
        "_ahead",
        "_exchange",
        "_floor",
        "_half_closed",
        "_leaving",
        "_lost",
        "_owes_continue",
        "_parser",
        "_probe",
        "_reading",
        "_steps",
        "_task",
        "_transport",
        "_waiting",
        "_writable",
        "blocked",
        "deadline",
        "write",
    )

    def __init__(self, floor: Floor) -> None:
        self.blocked = False
        self.deadline = inf
        """When the client's time is up, by the loop's clock."""
        self._floor = floor
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._waiting: deque[HttpRequest | Refusal] = deque()
        self._ahead = 0
        self._reading = True
        self._steps = 0
        self._owes_continue = False
        self._half_closed = False
        self._probe: asyncio.TimerHandle | None = None
        self._writable: asyncio.Event | None = None
        self._leaving = False
        self._lost = False

    # --- for asyncio -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Welcome the client, if there is room."""
        # uvloop's do not derive from asyncio's.
        transport = self._transport = cast("asyncio.Transport", transport)
        self.write = transport.write
        # Else uvloop would first let everything run that is ready, and then write.
        transport.set_write_buffer_limits(0)
        peer: tuple[str, int] | None = transport.get_extra_info("peername")
        self._parser = RequestParser(self._floor.limits, peer[0] if peer else "")
        room = self._floor.enter(self)
        if room is None:
            transport.abort()
        elif room:
            self.deadline = self._floor.now() + self._floor.limits.head_s
        else:
            self._take(self._parser.abandon(head.TOO_BUSY))

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  asyncio's
        """Lend the buffer of all connections: what is in it is used up at once."""
        return self._floor.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take what came."""
        parser = self._parser
        self._take(parser.feed(self._floor.buffer[:nbytes]))
        if self._exchange is not None:
            self._ahead += nbytes
            if self._waiting and (
                self._ahead > AHEAD_BYTES or len(self._waiting) > MAX_WAITING
            ):
                self._pause()
        if parser.steps != self._steps:
            self._steps = parser.steps
            self._set_deadline()
            if parser.wants_continue:
                self._continue()

    def eof_received(self) -> bool:
        """Find out whether the client is gone, while something is owed to it."""
        if self._exchange is None:
            return False
        self._half_closed = True
        self._parser.over = True
        self._probe_after(0)
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        """End what runs for the client."""
        self._lost = True
        self._waiting.clear()
        self._parser.close()
        if self._probe is not None:
            self._probe.cancel()
        if self._exchange is not None:
            self._exchange.gone = True
            self._exchange = None
            assert self._task is not None
            self._task.cancel()
        if self._writable is not None:
            self._writable.set()
        self._floor.leave(self)

    def pause_writing(self) -> None:
        """Let the handler wait: the client does not read as fast as it writes."""
        self.blocked = True
        self.deadline = self._floor.now() + self._floor.limits.stall_s
        if self._writable is not None:
            self._writable.clear()

    def resume_writing(self) -> None:
        """Let it go on."""
        self.blocked = False
        self._set_deadline()
        if self._writable is not None:
            self._writable.set()

    # --- for exchanges -----------------------------------------------------------

    def encode_head(self, status: int, content_type: str, headers: Headers) -> bytes:
        """Return a head without its end, which says whether this is the last one."""
        last = self._floor.closing or (self._parser.over and not self._waiting)
        return self._floor.heads.encode(status, content_type, headers, close=last)

    def write_soon(self, exchange: Exchange) -> None:
        """Send the head of an answer when nothing else of it is written now."""
        self._floor.loop.call_soon(exchange.flush)

    async def writable(self) -> None:
        """Wait until the client has taken what was written."""
        while self.blocked and not self._lost:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def answered(self, exchange: Exchange) -> None:
        """Go on to the next request, or hang up."""
        if exchange is self._exchange:
            self._exchange = self._task = None
            self._next()

    # --- for the floor -----------------------------------------------------------

    def expire(self) -> None:
        """End what took the client too long."""
        self.deadline = inf
        if self.blocked or self._leaving:
            self.abort()
        elif self._parser.begun:
            self._take(self._parser.abandon(head.TOO_SLOW))
        elif self._exchange is None:
            self._hang_up()

    def close(self) -> None:
        """Hang up as soon as nothing is owed."""
        if self._exchange is None and not self._leaving:
            self._hang_up()

    def abort(self) -> None:
        """Close the socket now."""
        if self._transport is not None:
            self._transport.abort()

    # --- inside ------------------------------------------------------------------

    def _take(self, came: list[HttpRequest | Refusal]) -> None:
        for one in came:
            self._waiting.append(one)
        if came and self._exchange is None:
            self._next()

    def _next(self) -> None:
        if self._lost or self._leaving:
            return
        if not self._waiting or self._floor.closing:
            self._rest()
            return
        match self._waiting.popleft():
            case Refusal(status, message):
                self._refuse(status, message)
            case request:
                exchange = self._exchange = Exchange(request, self)
                self._task = self._floor.start(self._run(exchange))

    def _rest(self) -> None:
        self._ahead = 0
        if self._parser.over or self._floor.closing:
            self._hang_up()
            return
        if not self._reading:
            self._reading = True
            assert self._transport is not None
            self._transport.resume_reading()
        if self._owes_continue:
            self._continue()
        self._set_deadline()

    async def _run(self, exchange: Exchange) -> None:
        try:
            await self._floor.handle(exchange)
        finally:
            if not (exchange.done or exchange.gone):
                self._leave_unanswered(exchange)

    def _leave_unanswered(self, exchange: Exchange) -> None:
        exchange.gone = True
        self._exchange = self._task = None
        if exchange.started:
            # Half an answer: without its last chunk the client sees that it is one.
            self.abort()
        else:
            self._waiting.clear()
            why = head.ENDING if self._floor.closing else head.UNANSWERED
            self._refuse(why.status, why.message)

    def _refuse(self, status: int, message: str) -> None:
        body = answer.error(status, message)
        start = self._floor.heads.encode(status, JSON, (), close=True)
        self.write(b"%bcontent-length: %d\r\n\r\n%b" % (start, len(body), body))
        self._hang_up(linger=True)

    def _hang_up(self, *, linger: bool = False) -> None:
        assert self._transport is not None
        self._parser.over = self._leaving = True
        if linger and not self._half_closed and self._transport.can_write_eof():
            # Closed with bytes unread, the kernel would reset the connection, and the
            # client might lose the answer: it gets time to read it.
            self._transport.write_eof()
            self.deadline = self._floor.now() + LINGER_S
            return
        # For what the client has not taken yet.
        self.deadline = self._floor.now() + self._floor.limits.stall_s
        self._transport.close()

    def _pause(self) -> None:
        if self._reading and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def _continue(self) -> None:
        # The word would stand in the middle of the answer before it.
        self._owes_continue = self._exchange is not None
        if not self._owes_continue and self._parser.wants_continue:
            self.write(answer.CONTINUE)

    def _set_deadline(self) -> None:
        if self.blocked or self._leaving:
            return
        limits, parser = self._floor.limits, self._parser
        if parser.in_body:
            self.deadline = self._floor.now() + limits.body_s
        elif parser.begun:
            self.deadline = self._floor.now() + limits.head_s
        elif self._exchange is None:
            self.deadline = self._floor.now() + limits.idle_s
        else:
            self.deadline = inf

    def _probe_after(self, index: int) -> None:
        exchange = self._exchange
        if self._lost or exchange is None:
            return
        exchange.probe()
        if index + 1 < len(PROBES_S):
            delay = PROBES_S[index + 1] - PROBES_S[index]
            loop = self._floor.loop
            self._probe = loop.call_later(delay, self._probe_after, index + 1)
