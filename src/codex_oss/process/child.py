"""A running program, its output and its end.

One thread per child starts it, reads its output and waits for it; what it learns
goes to the event loop by ``call_soon_threadsafe``. asyncio's own subprocesses wait
for the end of the pipe, which a background grandchild may hold for hours. The thread
lives as long as the child because Linux binds "die with your parent" (bwrap's
``--die-with-parent``) to the thread that started it.
"""

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codex_oss.process import spawn

READ_SIZE = 64 * 1024
"""Bytes of one read; the child waits until the event loop has taken them."""
INPUT_LIMIT = 1024 * 1024
"""Bytes of input that wait for a child that does not read."""
GRACE_S = 2.0
"""From the polite signal to the one that cannot be refused."""
DRAIN_QUIET_S = 0.05
"""After the child's exit: silence that counts as the end of its output."""
DRAIN_LIMIT_S = 2.0
"""After the child's exit: the longest that a grandchild is listened to."""
POLL_S = 0.05
"""How often a child is looked at where the system cannot announce its end."""


async def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_output: Callable[[bytes], None],
    tty: bool = False,
    confined: spawn.Confined = spawn.FREE,
) -> "Child":
    """Start ``argv`` in a process group of its own and return it running.

    ``on_output`` gets standard output and error, merged, in the event loop, the last
    of it before ``Child.wait`` returns. Standard input is empty, or with ``tty`` a
    terminal, which then takes the output too.

    The group ends with the child, with ``Child.kill``, and when this program is
    killed: a guard process sees to that, or bwrap itself if ``confined`` says that
    ``argv`` is bwrap.

    Raises ``OSError`` as the system gave it: what it means, the caller knows.
    """
    child = Child(on_output, contained=confined.by_bwrap)
    await child.begin(spawn.Plan(tuple(argv), cwd, dict(env), tty, confined))
    return child


class Child:
    """A running program. Made by ``start``; all methods are for the event loop."""

    def __init__(self, on_output: Callable[[bytes], None], *, contained: bool) -> None:
        self._on_output = on_output
        self._contained = contained
        self._loop = asyncio.get_running_loop()
        self._started: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._taken = threading.Semaphore(0)
        # The child is reaped under this lock, so that no signal meets a stranger who
        # got its number.
        self._lock = threading.Lock()
        self._pid = 0
        self._watch: _Watch | None = None

    @property
    def pid(self) -> int:
        """Process id and process group; 0 once the child has ended."""
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """None while the child runs; 128 + n for signal n."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> int:
        """Return the exit code once the child has ended and its output was handed on.

        Cancelling this leaves the child alone.
        """
        return await asyncio.shield(self._ended)

    def write(self, data: bytes) -> bool:
        """Queue input. False if it cannot be: no terminal, ended, or 1 MiB waits."""
        with self._lock:
            return self._watch is not None and self._watch.queue(data)

    async def kill(self, grace_s: float = GRACE_S) -> int:
        """End the child and its group: SIGTERM, ``grace_s`` seconds, SIGKILL.

        Returns the exit code. A cancellation meanwhile sends SIGKILL at once.
        """
        self._ask_to_end()
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            pass
        finally:
            self._signal_group(signal.SIGKILL)
        return await self.wait()

    async def begin(self, plan: spawn.Plan) -> None:
        """Start the thread and wait until the child runs. Raises ``OSError``."""
        threading.Thread(
            target=self._run, args=(plan,), name=f"child {plan.argv[0]}", daemon=True
        ).start()
        try:
            await asyncio.shield(self._started)
        except asyncio.CancelledError:
            self._started.add_done_callback(self._abandon)
            raise

    def _abandon(self, started: asyncio.Future[None]) -> None:
        if started.exception() is None:
            self._signal_group(signal.SIGKILL)

    def _take(self, data: bytes) -> None:
        try:
            self._on_output(data)
        finally:
            self._taken.release()

    def _signal_group(self, number: int) -> None:
        # PermissionError: macOS has it for a group that holds only zombies.
        with self._lock, contextlib.suppress(ProcessLookupError, PermissionError):
            if self._pid:
                os.killpg(self._pid, number)

    def _ask_to_end(self) -> None:
        if not self._contained:
            self._signal_group(signal.SIGTERM)
            return
        # bwrap would take everything down at once, so ask what runs inside.
        with self._lock, contextlib.suppress(ProcessLookupError):
            inner = spawn.contained_pid(self._pid) if self._pid else None
            if inner is None:
                return
            group = os.getpgid(inner)
            if group == self._pid:
                os.kill(inner, signal.SIGTERM)
            else:
                os.killpg(group, signal.SIGTERM)

    # --- in the thread ----------------------------------------------------------------

    def _run(self, plan: spawn.Plan) -> None:
        try:
            if plan.confined.restrict is not None:
                plan.confined.restrict()
            popen, fd = spawn.spawn(plan)
        except (OSError, ValueError) as error:  # ValueError: a null byte in a path
            told = error if isinstance(error, OSError) else OSError(str(error))
            self._post(self._started.set_exception, told)
            return
        guard = None if self._contained else spawn.guard(popen.pid)
        watch = _Watch(popen, fd, tty=plan.tty)
        try:
            with self._lock:
                self._pid = popen.pid
                self._watch = watch
            if self._post(self._started.set_result, None):
                self._pump(watch)
        finally:
            code = self._reap(popen, guard)
            watch.close()
            self._post(self._ended.set_result, code)

    def _pump(self, watch: "_Watch") -> None:
        """Move bytes until the child has ended and its output too."""
        ended_at: float | None = None
        while watch.reading or ended_at is None:
            ready = watch.wait(None if ended_at is None else DRAIN_QUIET_S)
            data = watch.read() if ready else b""
            if data and not self._hand_on(data):
                return
            with self._lock:
                watch.feed()
            if ended_at is None:
                ended_at = time.monotonic() if watch.has_ended() else None
            elif not ready or time.monotonic() > ended_at + DRAIN_LIMIT_S:
                return

    def _hand_on(self, data: bytes) -> bool:
        """Give output to the event loop and wait for it; False when it is closed."""
        if not self._post(self._take, data):
            return False
        while not self._taken.acquire(timeout=1.0):
            if self._loop.is_closed():
                return False
        return True

    def _reap(
        self, popen: subprocess.Popen[bytes], guard: subprocess.Popen[bytes] | None
    ) -> int:
        """End what is left of the group, as bwrap does, and return the exit code."""
        self._signal_group(signal.SIGKILL)
        if guard is not None:
            spawn.dismiss(guard)
        spawn.await_end(popen)
        with self._lock:
            code = popen.wait()
            self._pid = 0
            self._watch = None
        return code if code >= 0 else 128 - code

    def _post(self, call: Callable[..., object], value: object) -> bool:
        """Run ``call(value)`` in the event loop; False when it is closed."""
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:
            return False
        return True


class _Watch:
    """What a child's thread waits for: output, room for input, a wake-up, the end.

    ``queue`` and ``feed`` are called under the child's lock.
    """

    def __init__(self, popen: subprocess.Popen[bytes], fd: int, *, tty: bool) -> None:
        self.reading = True
        self._popen = popen
        self._fd = fd
        self._tty = tty
        self._input = bytearray()
        self._ended = False
        self._end = spawn.announce_end(popen.pid)
        self._rouse_out, self._rouse_in = os.pipe()
        os.set_blocking(self._rouse_out, False)
        os.set_blocking(self._rouse_in, False)
        self._selector = selectors.DefaultSelector()
        for each in (fd, self._rouse_out, self._end):
            if each is not None:
                self._selector.register(each, selectors.EVENT_READ)

    def queue(self, data: bytes) -> bool:
        """Take input for the child and wake the thread."""
        full = len(self._input) + len(data) > INPUT_LIMIT
        if full or not self._tty or not self.reading:
            return False
        self._input += data
        with contextlib.suppress(BlockingIOError):  # it is awake
            os.write(self._rouse_in, b"\0")
        return True

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for any of it; False when the time is over."""
        if timeout_s is None and self._end is None:
            timeout_s = POLL_S
        return bool(self._selector.select(timeout_s))

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
        if not self.reading or not self._tty:
            return
        try:
            written = os.write(self._fd, self._input) if self._input else 0
        except BlockingIOError:
            written = 0
        except OSError:  # nobody has the terminal open any more
            written = len(self._input)
        del self._input[:written]
        wanted = selectors.EVENT_READ
        wanted |= selectors.EVENT_WRITE if self._input else 0
        if self._selector.get_key(self._fd).events != wanted:
            self._selector.modify(self._fd, wanted)

    def has_ended(self) -> bool:
        """Return whether the child has ended."""
        if not self._ended and spawn.has_ended(self._popen):
            self._ended = True
            if self._end is not None:
                self._selector.unregister(self._end)
        return self._ended

    def close(self) -> None:
        """Close all descriptors."""
        self._selector.close()
        for each in (self._fd, self._rouse_out, self._rouse_in, self._end):
            if each is not None:
                os.close(each)
