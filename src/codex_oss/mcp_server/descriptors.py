"""Our stdin and stdout as the event loop waits for them, whatever they are.

No thread waits: one that reads, or writes to somebody who does not read, cannot be
stopped. And ``O_NONBLOCK`` is not set: stderr, or the shell that waits for us, may
share what the flag belongs to. Instead nothing is read or written that could block.
"""

import asyncio
import fcntl
import os
import select
import socket
import stat

CHUNK = 65_536
"""Bytes that are read at once."""
STALLED_S = 60.0
"""How long somebody may take nothing of what is written for them."""
FLUSH_S = 0.5
"""How long they may when all is to end."""
_ABOVE_STDERR = 3


class Input:
    """Reads one of our descriptors, of which whatever is started later sees the end.

    ``waits``: somebody may write to it later. A file and ``/dev/null`` are there whole.
    """

    def __init__(self, fd: int) -> None:
        self.waits = _waits(fd)
        self._fd = _take(fd, os.open(os.devnull, os.O_RDONLY))

    async def read(self) -> bytes:
        """Return what has come, ``CHUNK`` bytes at most; none at the end."""
        while True:
            await self._ready()
            try:
                return os.read(self._fd, CHUNK)
            except BlockingIOError:
                continue
            except OSError:  # the terminal, or who is at the other end, has gone
                return b""

    def close(self) -> None:
        """Close our descriptor."""
        os.close(self._fd)

    async def _ready(self) -> None:
        if not self.waits:
            await asyncio.sleep(0)  # others have their turn
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)


class Output:
    """Writes to one of our descriptors; what others print there goes to stderr."""

    def __init__(self, fd: int, stalled_s: float = STALLED_S) -> None:
        again = _open_terminal(fd)
        self._fd = _take(fd, _stray(), again)
        self._kind = os.fstat(self._fd).st_mode
        self._stalled_s = stalled_s
        self._until: float | None = None
        self._waiting: asyncio.Timeout | None = None

    @property
    def hurries(self) -> bool:
        """Whether all is to end."""
        return self._until is not None

    async def write(self, data: bytes) -> None:
        """Write all of ``data``.

        Raises ``TimeoutError`` when nothing of it is taken for too long, and another
        ``OSError`` when nothing can be written.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[self._some(left) :]
            except BlockingIOError:
                await self._ready()

    def hurry(self) -> None:
        """Let what is still to be written have ``FLUSH_S``, all together."""
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + FLUSH_S
            if self._waiting is not None:
                self._waiting.reschedule(self._until)

    def close(self) -> None:
        """Close our descriptor: the other end sees that nothing comes any more."""
        os.close(self._fd)

    def _some(self, data: memoryview) -> int:
        """Write what can be written at once; raises ``BlockingIOError`` for nothing."""
        if stat.S_ISFIFO(self._kind):
            return _into_pipe(self._fd, data)
        if not stat.S_ISSOCK(self._kind):
            return os.write(self._fd, data[:CHUNK])
        there = socket.socket(fileno=self._fd)
        try:
            return there.send(data[:CHUNK], socket.MSG_DONTWAIT)
        finally:
            there.detach()

    async def _ready(self) -> None:
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        until = self._until or loop.time() + self._stalled_s
        loop.add_writer(self._fd, ready.set)
        try:
            async with asyncio.timeout_at(until) as self._waiting:
                await ready.wait()
        finally:
            self._waiting = None
            loop.remove_writer(self._fd)


def _waits(fd: int) -> bool:
    """Tell whether one can be waited for; files are always ready."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(fd)


def _into_pipe(fd: int, data: memoryview) -> int:
    """Write what a pipe certainly takes at once, where it takes any (POSIX)."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError
    return os.write(fd, data[: select.PIPE_BUF])


def _open_terminal(fd: int) -> int | None:
    """Open a terminal again, for a flag of our own; None: it is none."""
    if not os.isatty(fd):
        return None
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return None


def _stray() -> int:
    """Return where goes what is printed to a stdout that is ours."""
    try:
        return os.dup(2)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _take(fd: int, instead: int, ours: int | None = None) -> int:
    """Put ``instead`` in the place of ``fd`` and return the descriptor to use."""
    if ours is None:
        ours = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _ABOVE_STDERR)
    os.dup2(instead, fd)
    os.close(instead)
    return ours
