"""What a child's thread waits for: output, room for input, a wake-up, ends."""

import contextlib
import os
import selectors
import subprocess
from collections.abc import Callable, Iterable

from codex_oss.process import ends, signals

READ_SIZE = 64 * 1024
"""Bytes of one read; the child waits until the event loop has taken them."""
INPUT_LIMIT = 1024 * 1024
"""Bytes of input that wait for a child that does not read."""
POLL_S = 0.05
"""How often a child is looked at where the system cannot announce its end."""


class Watch:
    """The descriptors around one child.

    ``fd`` is our end of its output, and of its terminal if it has one (``tty``).
    ``queue``, ``feed`` and ``resize`` are called under the child's lock. Raises
    ``OSError`` when this program has no descriptors left.
    """

    def __init__(self, popen: subprocess.Popen[bytes], fd: int, *, tty: bool) -> None:
        self.reading = True
        self.terminal = fd if tty else None
        self.on_key: Callable[[int], bool] | None = None
        """Called with the signal of a Ctrl-C or Ctrl-\\ that is typed.

        False: the terminal deals with it.
        """
        self._popen = popen
        self._fd = fd
        self._input = bytearray()
        self._ended = False
        self._selector = selectors.DefaultSelector()
        self._opened = [fd]
        try:
            self._rouse_out, self._rouse_in = os.pipe()
            self._opened += self._rouse_out, self._rouse_in
            self._end = ends.announce_end(popen.pid)
            self._opened += () if self._end is None else (self._end,)
        except OSError:
            self.close()
            raise
        self._awaited: set[int] = set()
        os.set_blocking(self._rouse_out, False)
        os.set_blocking(self._rouse_in, False)
        for each in (fd, self._rouse_out, self._end):
            if each is not None:
                self._selector.register(each, selectors.EVENT_READ)

    # --- for the event loop -----------------------------------------------------------

    def queue(self, data: bytes) -> bool:
        """Take input for the child; False if there is no terminal or no room."""
        full = len(self._input) + len(data) > INPUT_LIMIT
        if full or self.terminal is None or not self.reading:
            return False
        self._input += data
        self.rouse()
        return True

    def resize(self, rows: int, columns: int) -> bool:
        """Tell the terminal its size; False if there is none any more."""
        if self.terminal is None or not self.reading:
            return False
        signals.set_size(self.terminal, rows, columns)
        return True

    def rouse(self) -> None:
        """Wake the thread."""
        with contextlib.suppress(BlockingIOError):  # it is awake
            os.write(self._rouse_in, b"\0")

    # --- for the thread ---------------------------------------------------------------

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for any of it; False when the time is over."""
        if timeout_s is None and self._end is None:
            timeout_s = POLL_S
        ready = self._selector.select(timeout_s)
        for key, _ in ready:
            if key.fd in self._awaited:
                self._forget(key.fd)
        return bool(ready)

    def read(self) -> bytes:
        """Return the output there is, at most 64 KiB."""
        if not self.reading:
            return b""
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError:  # EIO is Linux's end of a terminal
            data = b""
        if not data:
            self.reading = False
            self._selector.unregister(self._fd)
        return data

    def feed(self) -> None:
        """Write what input there is room for."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._rouse_out, READ_SIZE)
        if self.terminal is None or not self.reading:
            return
        while self._input and self._write(self.terminal):
            pass
        wanted = selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if self._input else 0
        if self._selector.get_key(self._fd).events != wanted:
            self._selector.modify(self._fd, wanted)

    def _write(self, terminal: int) -> bool:
        """Write input up to the next such key, or deal with that; False: no room."""
        keys = signals.keys(terminal) if self.on_key else {}
        head = bytes(self._input[:READ_SIZE])
        places = [at for key in keys if (at := head.find(key)) >= 0]
        size = min(places, default=len(head))
        if size == 0 and self.on_key is not None:
            if self.on_key(keys[head[0]]):
                del self._input[:1]
                return True
            size = 1
        try:
            written = os.write(terminal, head[:size])
        except BlockingIOError:
            return False
        except OSError:  # nobody has the terminal open any more
            written = len(self._input)
        del self._input[:written]
        return True

    def has_ended(self) -> bool:
        """Return whether the child has ended."""
        if not self._ended and ends.has_ended(self._popen):
            self._ended = True
            if self._end is not None:
                self._selector.unregister(self._end)
        return self._ended

    def expect(self, pidfds: Iterable[int]) -> None:
        """Wait for the ends of other processes, too; ``wait`` notices them."""
        for fd in pidfds:
            self._awaited.add(fd)
            self._selector.register(fd, selectors.EVENT_READ)

    @property
    def expecting(self) -> bool:
        """Whether one of those that are expected to end still runs."""
        return bool(self._awaited)

    def expect_none(self) -> None:
        """Wait for the ends of others no more."""
        for fd in tuple(self._awaited):
            self._forget(fd)

    def _forget(self, fd: int) -> None:
        self._awaited.discard(fd)
        self._selector.unregister(fd)

    def close(self) -> None:
        """Close all descriptors but those of ``expect``."""
        self._selector.close()
        for each in self._opened:
            os.close(each)
