"""Commands that run, or still run after their call has been answered."""

import asyncio
import codecs
import time
from collections.abc import Callable

import msgspec

from codex_oss import events
from codex_oss.process import Child, HeadTail

SESSION_LIMIT = 64
"""How many commands may run behind a conversation; the idlest makes room."""
WARNING_AT = 60
"""From how many on the model is told that some may have to make room."""
NEWEST_KEPT = 8
"""How many of the last used are never the one that makes room."""
LIVE_LIMIT = 1024 * 1024
"""Bytes of one command's output that live screens are told of."""
FIRST_ID, LAST_ID = 1000, 99_999

NOT_STARTED = -1
"""The exit code of a command that could not be started."""


class Background(msgspec.Struct, frozen=True, kw_only=True):
    """A command that the model can come back to, as a list shows it."""

    id: int
    command: str
    cwd: str
    seconds: float
    """Since its start."""
    running: bool
    """False: it has ended, and the model has not asked for it since."""
    exit_code: int | None = None
    last_line: str = ""
    """The last line of its output that is not blank, as the command wrote it."""


class Running:
    """A command: its item, its process, its output, what the model has not read.

    ``now`` returns seconds of any clock.
    """

    def __init__(
        self,
        item_id: str,
        line: str,
        emit: Callable[[events.Event], None],
        *,
        cwd: str = "",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tty = False
        self.item_id = item_id
        self.reached: bool | None = None
        self._line = line
        self._cwd = cwd
        self._now = now
        self._began = now()
        self._emit: Callable[[events.Event], None] | None = emit
        self._all = HeadTail()
        self._unread = HeadTail()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._child: Child | None = None
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._following: asyncio.Task[None] | None = None
        self._tell(events.ItemStarted(item=self._item(None)))

    def hear(self, data: bytes) -> None:
        """Take output."""
        self._all.add(data)
        self._unread.add(data)
        self._tell_live(data)

    def run(
        self, child: Child, *, tty: bool, at_end: Callable[[], bool | None]
    ) -> None:
        """Follow a started process to its end, and call ``at_end`` then.

        ``reached`` is what that returns: whether the sandbox got to the command. If
        the attempt to start it was ended meanwhile, so is the process.
        """
        self.tty = tty
        self._child = child
        self._following = asyncio.create_task(self._follow(child, at_end))

    def fail(self, why: str) -> None:
        """Tell that no process could be started."""
        self._all.add(why.encode())
        self._end(NOT_STARTED)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; ``NOT_STARTED`` if it never did."""
        return self._ended.result() if self._ended.done() else None

    @property
    def output(self) -> str:
        """All output so far, of a long one its head and its tail."""
        return self._all.text()

    async def wait(self) -> None:
        """Return when the process has ended and the front end knows it.

        It may be waited for before it was started, and by several.
        """
        await asyncio.shield(self._ended)

    def write(self, text: str) -> bool:
        """Type ``text``; False if the process does not read fast enough."""
        return self._child is not None and self._child.write(text.encode())

    def interrupt(self) -> bool:
        """Do what Ctrl-C does, also without a terminal; False if nobody hears."""
        return self._child is not None and self._child.interrupt()

    def resize(self, rows: int, columns: int) -> bool:
        """Give the terminal another size; False if there is none."""
        return self._child is not None and self._child.resize(rows, columns)

    async def kill(self) -> None:
        """End the process, or the attempt to start one, and wait for it."""
        if self._child is None:
            self.fail("")
        else:
            await self._child.kill()
            await self.wait()

    def shown(self, number: int) -> Background:
        """Return how a list shows it."""
        return Background(
            id=number,
            command=self._line,
            cwd=self._cwd,
            seconds=max(0.0, self._now() - self._began),
            running=self.exit_code is None,
            exit_code=self.exit_code,
            last_line=self._all.text().rstrip().rpartition("\n")[2],
        )

    def take_unread(self) -> tuple[str, int]:
        """Return the output that the model has not read, and its size in bytes."""
        taken = self._unread.text(), self._unread.total
        self._unread.clear()
        return taken

    def attach(self, emit: Callable[[events.Event], None] | None) -> None:
        """Tell ``emit`` from now on; nobody if None: the turn is over."""
        self._emit = emit

    async def _follow(self, child: Child, at_end: Callable[[], bool | None]) -> None:
        try:
            called_off = self._ended.done()
            code = await (child.kill() if called_off else child.wait())
        finally:
            self.reached = at_end()
        self._end(code)

    def _end(self, code: int) -> None:
        if not self._ended.done():
            self._tell_live(b"", final=True)
            self._tell(events.ItemCompleted(item=self._item(code)))
            self._ended.set_result(code)

    def _tell_live(self, data: bytes, *, final: bool = False) -> None:
        if self._all.total > LIVE_LIMIT:
            return
        text = self._decoder.decode(data, final)
        if text:
            self._tell(events.OutputDelta(item_id=self.item_id, text=text))

    def _item(self, code: int | None) -> events.CommandExecution:
        ended: events.Status = "completed" if code == 0 else "failed"
        return events.CommandExecution(
            id=self.item_id,
            command=self._line,
            aggregated_output=self._all.text(),
            exit_code=code,
            status="in_progress" if code is None else ended,
        )

    def _tell(self, event: events.Event) -> None:
        if self._emit is not None:
            self._emit(event)


class Sessions:
    """The commands that the model can come back to, by their id."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self._running: dict[int, Running] = {}  # the last used at the end

    def __contains__(self, number: int) -> bool:
        """Return whether a command is kept by this id."""
        return number in self._running

    async def add(self, running: Running) -> int:
        """Keep a command and return its id; the idlest ends if there are too many."""
        number = self._new_id()
        full = len(self._running) >= SESSION_LIMIT
        idlest = self._running.pop(self._idlest()) if full else None
        # Nothing is awaited before: two that come at once would be one too many.
        self._running[number] = running
        if idlest is not None:
            await idlest.kill()
        return number

    def warning(self) -> str:
        """Return what the model should be told of their number; empty if nothing."""
        count = len(self._running)
        if count < WARNING_AT:
            return ""
        return (
            f"{count} commands are open in sessions, and at most {SESSION_LIMIT} can "
            "be. Use open ones again or end some; otherwise the one that was idle for "
            "longest is ended when another is started."
        )

    def list(self) -> list[Background]:
        """Return all, in the order of their start."""
        shown = (running.shown(number) for number, running in self._running.items())
        return sorted(shown, key=lambda each: -each.seconds)

    async def stop(self, number: int) -> bool:
        """End a command; False if there is none of this id that runs.

        The model can still read what it wrote, and how it ended.
        """
        running = self._running.get(number)
        if running is None or running.exit_code is not None:
            return False
        await running.kill()
        return True

    async def stop_all(self) -> int:
        """End all that run, at the same time; return how many these were."""
        stopped = await asyncio.gather(*(self.stop(n) for n in tuple(self._running)))
        return sum(stopped)

    def use(self, number: int) -> Running | None:
        """Return a command that was kept."""
        running = self._running.pop(number, None)
        if running is not None:
            self._running[number] = running
        return running

    def forget(self, number: int) -> None:
        """Drop a command that has ended."""
        self._running.pop(number, None)

    def detach(self) -> None:
        """Tell nobody of what ends from now on: the turn is over."""
        for running in self._running.values():
            running.attach(None)

    async def close(self) -> None:
        """End all."""
        all_running = list(self._running.values())
        self._running.clear()
        await asyncio.gather(*(running.kill() for running in all_running))

    def _idlest(self) -> int:
        candidates = list(self._running)[:-NEWEST_KEPT]
        ended = (n for n in candidates if self._running[n].exit_code is not None)
        return next(ended, candidates[0])

    def _new_id(self) -> int:
        while True:
            number = FIRST_ID + self._below(LAST_ID - FIRST_ID + 1)
            if number not in self._running:
                return number
