"""Commands that run, or still run after their call has been answered."""

import asyncio
import codecs
from collections.abc import Callable

from codex_oss import events
from codex_oss.process import Child, HeadTail

SESSION_LIMIT = 64
"""How many commands may run behind a conversation; the idlest makes room."""
NEWEST_KEPT = 8
"""How many of the last used are never the one that makes room."""
LIVE_LIMIT = 1024 * 1024
"""Bytes of one command's output that live screens are told of."""
FIRST_ID, LAST_ID = 1000, 99_999

NOT_STARTED = -1
"""The exit code of a command that could not be started."""


class Running:
    """A command: its item, its process, its output, what the model has not read."""

    def __init__(
        self, item_id: str, line: str, emit: Callable[[events.Event], None]
    ) -> None:
        self.tty = False
        self.item_id = item_id
        self.reached: bool | None = None
        self._line = line
        self._emit: Callable[[events.Event], None] | None = emit
        self._all = HeadTail()
        self._unread = HeadTail()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._child: Child | None = None
        self._ending: asyncio.Task[int] | None = None
        self._tell(events.ItemStarted(item=self._item(None)))

    def hear(self, data: bytes) -> None:
        """Take output."""
        self._all.add(data)
        self._unread.add(data)
        if self._all.total <= LIVE_LIMIT and (text := self._decoder.decode(data)):
            self._tell(events.OutputDelta(item_id=self.item_id, text=text))

    def run(
        self, child: Child, *, tty: bool, at_end: Callable[[], bool | None]
    ) -> None:
        """Follow a started process to its end, and call ``at_end`` then.

        ``reached`` is what that returns: whether the sandbox got to the command.
        """
        self.tty = tty
        self._child = child
        self._ending = asyncio.create_task(self._follow(child, at_end))

    def fail(self, why: str) -> None:
        """Tell that no process could be started."""
        self._all.add(why.encode())
        self._tell(events.ItemCompleted(item=self._item(NOT_STARTED)))

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        ending = self._ending
        return ending.result() if ending is not None and ending.done() else None

    @property
    def output(self) -> str:
        """All output so far, of a long one its head and its tail."""
        return self._all.text()

    async def wait(self) -> None:
        """Return when the process has ended and the front end knows it."""
        if self._ending is not None:
            await asyncio.shield(self._ending)

    def write(self, text: str) -> bool:
        """Type ``text``; False if the process does not read fast enough."""
        return self._child is not None and self._child.write(text.encode())

    async def kill(self) -> None:
        """End the process, or the attempt to start one, and wait for it."""
        if self._child is None:
            self.fail("")
        else:
            await self._child.kill()
            await self.wait()

    def take_unread(self) -> tuple[str, int]:
        """Return the output that the model has not read, and its size in bytes."""
        taken = self._unread.text(), self._unread.total
        self._unread.clear()
        return taken

    def attach(self, emit: Callable[[events.Event], None] | None) -> None:
        """Tell ``emit`` from now on; nobody if None: the turn is over."""
        self._emit = emit

    async def _follow(self, child: Child, at_end: Callable[[], bool | None]) -> int:
        code = await child.wait()
        self.reached = at_end()
        self._tell(events.ItemCompleted(item=self._item(code)))
        return code

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
        if len(self._running) >= SESSION_LIMIT:
            await self._running.pop(self._idlest()).kill()
        number = self._new_id()
        self._running[number] = running
        return number

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
