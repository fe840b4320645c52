"""What the connections of a listener share: limits, handler, and who is there."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Protocol

from codex_oss.net.server.answer import HeadWriter
from codex_oss.net.server.exchange import Exchange
from codex_oss.net.server.request import Limits

READ_BYTES = 256 * 1024
"""At a time, into one buffer: a new one for each read costs more than the parser."""
KEPT_HEAP_BYTES = 4 * 1024 * 1024
"""Half of what glibc may keep of the memory that was freed; see ``_keep_heap``."""
SPARE_CONNECTIONS = 64
"""Above the limit: these get a 503 before they are closed; those above nothing."""


class Guest(Protocol):
    """A connection, as seen from the floor."""

    deadline: float

    def expire(self) -> None:
        """End what took the client too long."""
        ...

    def close(self) -> None:
        """Hang up as soon as nothing is owed."""
        ...

    def abort(self) -> None:
        """Close the socket now."""
        ...


class Floor:
    """The connections of a listener and the tasks that run for them."""

    def __init__(
        self,
        limits: Limits,
        handle: Callable[[Exchange], Awaitable[None]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.limits = limits
        self.handle = handle
        self.loop = loop
        self.now = loop.time
        self.heads = HeadWriter()
        _keep_heap()
        self.buffer = memoryview(bytearray(READ_BYTES))
        self.closing = False
        self._guests: set[Guest] = set()
        self._seated: set[Guest] = set()
        """Without those who are only told that there is no room."""
        self._tasks: set[asyncio.Task[None]] = set()

    def enter(self, guest: Guest) -> bool | None:
        """Let a connection in; False: no room, None: not even for saying so."""
        limit = self.limits.connections
        if len(self._guests) >= limit + SPARE_CONNECTIONS or self.closing:
            return None
        self._guests.add(guest)
        if len(self._seated) >= limit:
            return False
        self._seated.add(guest)
        return True

    def leave(self, guest: Guest) -> None:
        """Forget a connection."""
        self._guests.discard(guest)
        self._seated.discard(guest)

    def start(self, running: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start the task of an exchange."""
        task = self.loop.create_task(running)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def sweep(self) -> None:
        """End what took a client too long."""
        now = self.now()
        for guest in [guest for guest in self._guests if guest.deadline < now]:
            guest.expire()

    def close(self) -> None:
        """Hang up wherever nothing is owed, then wherever an answer ends."""
        self.closing = True
        for guest in list(self._guests):
            guest.close()

    async def wait(self, seconds: float) -> None:
        """Wait for the tasks of all exchanges, but not longer than this."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    def cancel(self) -> None:
        """Cancel the tasks of all exchanges."""
        for task in self._tasks:
            task.cancel()

    def abort(self) -> None:
        """Close all sockets now."""
        for guest in list(self._guests):
            guest.abort()


def _keep_heap() -> None:
    # glibc gives back what is free at the heap's end, and each request of 40 KB asks
    # for it again: ten page faults, a third of the request's time. When a block of its
    # own mapping is freed, it keeps twice that size from then on (mallopt(3),
    # M_MMAP_THRESHOLD). The block is never touched, so it costs two system calls.
    bytes(KEPT_HEAP_BYTES)
