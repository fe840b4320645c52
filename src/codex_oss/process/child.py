"""A running program, its output and its end.

One thread per child starts it, reads its output and waits for it; what it learns
goes to the event loop by ``call_soon_threadsafe``. asyncio's own subprocesses wait
for the end of the pipe, which a background grandchild may hold for hours. The thread
lives as long as the child because Linux binds "die with your parent" (bwrap's
``--die-with-parent``) to the thread that started it.
"""

import asyncio
import math
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from codex_oss.process import ends, guard, marks, signals, spawn
from codex_oss.process.watch import Watch

GRACE_S = 2.0
"""From the polite signal to the one that cannot be refused."""
DRAIN_QUIET_S = 0.05
"""After the child's exit: silence that counts as the end of its output."""
DRAIN_LIMIT_S = 2.0
"""After the child's exit: the longest that a grandchild is listened to."""


async def start(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    on_output: Callable[[bytes], None],
    tty: bool = False,
    confined: spawn.Confined = spawn.FREE,
) -> "Child":
    """Start ``argv`` in a session of its own and return it running.

    ``on_output`` gets standard output and error, merged, in the event loop, the last
    of it before ``Child.wait`` returns. Standard input is empty, or with ``tty`` a
    terminal, which then takes the output too.

    All that it starts ends with it, with ``Child.kill``, and when this program is
    killed: marks and a guard see to that (see there what they cannot find; without
    marks, as on macOS, those that left the process group outlive it, except when this
    program is killed). bwrap does it itself, but not in the first milliseconds.

    Raises ``OSError`` as the system gave it, or what ``confined.restrict`` raises.
    """
    child = Child(on_output, contained=confined.by_bwrap)
    plan = spawn.Plan(tuple(argv), cwd, dict(env), tty, confined, marks.new())
    await child.begin(plan)
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
        self._deaf = False
        # The child is reaped under this lock, so that no signal meets a stranger who
        # got its number.
        self._lock = threading.Lock()
        self._pid = 0
        self._since = 0, 0.0
        self._mark = marks.NONE
        self._watch: Watch | None = None
        self._guard: guard.Guard | None = None
        self._patience = math.inf  # until when those who were asked to end may take

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

    def interrupt(self) -> bool:
        """Do what Ctrl-C does, with a terminal or without; False if nobody hears."""
        with self._lock:
            if self._watch is None:
                return False
            if self._watch.terminal is not None:
                return self._watch.queue(b"\x03")
            if self._contained:
                return signals.to_command(self._pid, signal.SIGINT)
            return signals.to_group(self._pid, signal.SIGINT)

    def resize(self, rows: int, columns: int) -> bool:
        """Give the terminal another size; False if there is none (any more)."""
        with self._lock:
            return self._watch is not None and self._watch.resize(rows, columns)

    async def kill(self, grace_s: float = GRACE_S) -> int:
        """End the child and all that it started.

        It is asked to end by SIGTERM, or SIGHUP at a terminal; whoever is left after
        ``grace_s`` seconds is ended by SIGKILL. Returns the exit code. A cancellation
        meanwhile sends SIGKILL at once.
        """
        self._patience = min(self._patience, time.monotonic() + grace_s)
        with self._lock:
            if self._watch is not None:
                terminal = self._watch.terminal
                signals.ask_to_end(self._pid, terminal, contained=self._contained)
        try:
            async with asyncio.timeout(grace_s):
                return await self.wait()
        except TimeoutError:
            pass
        finally:
            self._force()
        return await self.wait()

    async def begin(self, plan: spawn.Plan) -> None:
        """Start the thread and wait until the child runs; raises as ``start``."""
        threading.Thread(
            target=self._run, args=(plan,), name=f"child {plan.argv[0]}", daemon=True
        ).start()
        try:
            await asyncio.shield(self._started)
        except asyncio.CancelledError:
            self._started.add_done_callback(self._abandon)
            # What was prepared for the child is let go of once this has raised.
            await asyncio.wait((self._ended,), timeout=GRACE_S)
            raise

    def _abandon(self, started: asyncio.Future[None]) -> None:
        if started.exception() is None:
            self._force()
        else:
            self._ended.cancel()

    def _take(self, data: bytes) -> None:
        try:
            self._on_output(data)
        finally:
            self._taken.release()

    def _force(self) -> None:
        """End by force; the thread does the rest."""
        self._patience = -math.inf
        with self._lock:
            if self._watch is not None:
                self._watch.rouse()
            if self._guard is None or self._mark != marks.NONE:
                self._kill_group()

    def _kill_group(self) -> None:
        if self._pid:
            signals.to_group(self._pid, signal.SIGKILL)

    # --- in the thread ----------------------------------------------------------------

    def _run(self, plan: spawn.Plan) -> None:
        try:
            # Before the child, so that we can be killed at any moment.
            self._guard = guard.post(plan.mark)
            began = time.monotonic()
            popen, fd = spawn.spawn(plan)
        except BaseException as error:  # noqa: BLE001  who waits must hear of it
            self._dismiss_guard()
            told = OSError(str(error)) if isinstance(error, ValueError) else error
            self._post(self._started.set_exception, told)
            return
        self._mark, self._since = plan.mark, (popen.pid, began)
        if self._guard is not None and plan.mark == marks.NONE:
            self._guard.tell(popen.pid)
        try:
            watch = Watch(popen, fd, tty=plan.tty)
        except OSError as error:  # no descriptors left
            self._reap(popen)
            self._post(self._started.set_exception, error)
            return
        self._attend(popen, watch)

    def _attend(self, popen: subprocess.Popen[bytes], watch: Watch) -> None:
        if self._contained:
            watch.on_key = self._signal_inside
        try:
            with self._lock:
                self._pid = popen.pid
                self._watch = watch
            if self._post(self._started.set_result, None):
                self._pump(watch)
        finally:
            try:
                self._post(self._ended.set_result, self._reap(popen))
            except BaseException as error:
                self._post(self._ended.set_exception, error)
                raise
            finally:
                watch.close()

    def _pump(self, watch: Watch) -> None:
        """Move bytes until the child has ended and its output too."""
        while not watch.has_ended():
            self._move(watch, None)
            if self._deaf:
                return
            if self._patience == -math.inf and self._mark == marks.NONE:
                self._strike()
        if self._patience < math.inf:  # it was to end, and so is the rest
            self._be_patient(watch)
            self._end_rest(self._pid)
        limit = time.monotonic() + DRAIN_LIMIT_S
        while watch.reading and not self._deaf and time.monotonic() < limit:
            if not self._move(watch, DRAIN_QUIET_S):
                return

    def _strike(self) -> None:
        """Have the guard end a command without a mark.

        It finds those that left the group as long as their parents run.
        """
        if self._guard is not None:
            self._guard.strike()
        self._kill_group()

    def _move(self, watch: Watch, timeout_s: float | None) -> bool:
        """Wait and move what there is; False when the time is over."""
        ready = watch.wait(timeout_s)
        data = watch.read() if ready else b""
        if data:
            self._hand_on(data)
        with self._lock:
            watch.feed()
        return ready

    def _be_patient(self, watch: Watch) -> None:
        """Wait for the rest of a command that was asked to end, as long as it may."""
        if self._contained:
            return
        with marks.wearers(self._mark, since=self._since, but=(self._pid,)) as rest:
            for each in rest:
                if not signals.in_group(each.pid, self._pid):  # it heard nothing yet
                    each.signal(signal.SIGTERM)
            watch.expect(each.fd for each in rest)
            held = self._mark == marks.NONE
            while watch.expecting or (held and watch.reading):
                left = self._patience - time.monotonic()
                if left <= 0 or self._deaf:
                    break
                self._move(watch, left)
            watch.expect_none()

    def _signal_inside(self, number: int) -> bool:
        """Give a key's signal to the command only; False if the terminal may do it.

        The terminal would send it to bwrap as well, and that is the command's end
        before it knows why. Called under the lock.
        """
        watch = self._watch
        if watch is None or watch.terminal is None:
            return False
        if signals.foreground(watch.terminal) != self._pid:
            return False  # a shell inside has given the terminal to a job of its own
        return signals.to_command(self._pid, number)

    def _hand_on(self, data: bytes) -> None:
        """Give output to the event loop and wait for it, unless that is closed."""
        self._deaf = not self._post(self._take, data)
        while not self._deaf and not self._taken.acquire(timeout=1.0):
            self._deaf = self._loop.is_closed()

    def _reap(self, popen: subprocess.Popen[bytes]) -> int:
        """End what is left, as bwrap does, and return the exit code."""
        signals.to_group(popen.pid, signal.SIGKILL)
        ends.await_end(popen)
        self._end_rest(popen.pid)
        self._dismiss_guard()
        with self._lock:
            code = popen.wait()
            self._pid = 0
            self._watch = None
        return code if code >= 0 else 128 - code

    def _end_rest(self, group: int) -> None:
        signals.to_group(group, signal.SIGKILL)
        marks.kill(self._mark, since=self._since)

    def _dismiss_guard(self) -> None:
        with self._lock:
            keeping, self._guard = self._guard, None
        if keeping is not None:
            keeping.dismiss()

    def _post(self, call: Callable[..., object], value: object) -> bool:
        """Run ``call(value)`` in the event loop; False when it is closed."""
        try:
            self._loop.call_soon_threadsafe(call, value)
        except RuntimeError:
            return False
        return True
