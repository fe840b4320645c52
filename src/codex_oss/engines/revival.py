"""An engine that has ended is started again: when it is asked, once for each end.

Nobody waits for its end, so nothing can go round in circles on its own: a request that
finds it gone has it started, and waits with all others that come meanwhile. A request
over which it ends again is not put to it a third time, and ends that come too often are
not mended at all: a machine without memory gets no better by another try.
"""

import asyncio
import contextlib
import signal
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import count
from pathlib import Path

from codex_oss import process
from codex_oss.errors import Busy, EngineEnded, EngineError
from codex_oss.facts import Remark
from codex_oss.ports import Note

MOST, WITHIN_S = 3, 600.0
"""So many starts in so many seconds; what ends more often is left to the person."""
DEADLY = 2
"""Ends over the same request, in the same time; it is not put to the engine again."""
DYING_S = 10.0
"""From a connection that breaks off to the end of the process, if that is why."""
BACK_S = 600.0
"""How long a request waits for the engine; a large model takes minutes to load."""
LATER_S = 90.0
"""When to ask again what has waited in vain."""
KEPT = 64
"""Requests over which it ended that are remembered."""

_SHELL = 128
"""Exit codes above are those of signals."""


class Revival:
    """Starts one engine again (``ports.Reviver``).

    ``what`` is its name for people, ``child`` its process. ``begin`` starts it at the
    place where it was and returns its process, or raises ``EngineError``. ``now`` gives
    seconds, ``weights`` are the bytes of the model's file, as far as they are known.
    """

    def __init__(
        self,
        what: str,
        child: process.Child,
        begin: Callable[[], Awaitable[process.Child]],
        *,
        log: Callable[[], Path | None] = lambda: None,
        now: Callable[[], float] | None = None,
        weights: int = 0,
    ) -> None:
        self.weights = weights
        self._what = what
        self._begin = begin
        self._log = log
        self._now = now or asyncio.get_running_loop().time
        self._child = child
        self._numbers = count()
        self._asked: dict[int, int] = {}
        """Requests that this process was given and has not answered, oldest first."""
        self._cut: set[int] = set()
        self._ends_over: OrderedDict[int, deque[float]] = OrderedDict()
        """When it ended last over which request."""
        self._starts: deque[float] = deque(maxlen=MOST)
        self._starting: asyncio.Task[EngineError | None] | None = None
        self._resting: asyncio.Task[int] | None = None
        """Its end, where that was wanted."""
        self._failed = False
        """Whether the last start did."""
        self._used = self._now()
        self._closed = False

    # --- ports.Reviver ----------------------------------------------------------------

    async def ready(self, asked: bytes, note: Note) -> Callable[[bool], None]:
        """Return when the engine can be asked; see ``ports.Reviver``."""
        if self._resting is not None:
            await asyncio.wait((self._resting,))
        await self._settle()
        request = hash(asked)
        if self._gone:
            await self._back(request, note)
        number = next(self._numbers)
        self._asked[number] = request
        return partial(self._over, number)

    async def ended(self) -> str:
        """Return how the engine has ended, as a sentence; "" if it runs."""
        await self._settle()
        return self._told() if self._gone else ""

    def able(self) -> bool:
        """Tell whether the engine runs, or may well be started again.

        Not after a start that failed: its port may be somebody else's by now.
        """
        if self._closed:
            return False
        if not self._gone:
            return True
        return not self._failed and (self._resting is not None or not self._too_often())

    # --- for those who share the machine's memory ------------------------------------

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        return not self._gone

    def idle_since(self) -> float | None:
        """Return when it was last used; None while it is at work, or gone."""
        free = not (self._asked or self._starting or self._resting or self._closed)
        return self._used if free and not self._gone else None

    async def rest(self) -> None:
        """End it until it is asked again; that is no fault, and not counted as one."""
        self._resting = asyncio.ensure_future(self._child.kill())
        await asyncio.shield(self._resting)

    async def close(self) -> None:
        """Start nothing any more; what is being started is ended."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait((self._starting,))

    # --- inside -----------------------------------------------------------------------

    @property
    def _gone(self) -> bool:
        return self._child.exit_code is not None

    def _over(self, number: int, cut: bool) -> None:  # noqa: FBT001  all that is told
        self._used = self._now()
        if cut and number in self._asked:
            self._cut.add(number)
        else:
            self._asked.pop(number, None)

    async def _settle(self) -> None:
        """After a connection broke off, find out whether that was the engine's end."""
        if self._cut and not self._gone:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DYING_S):
                    await self._child.wait()
        if not self._gone:
            for number in self._cut:
                self._asked.pop(number, None)
            self._cut.clear()
        elif self._asked:
            # It works on one after the other: the oldest is what it ended over.
            self._blame(min(self._asked))

    def _blame(self, number: int) -> None:
        request = self._asked[number]
        self._asked.clear()
        self._cut.clear()
        ends = self._ends_over.setdefault(request, deque(maxlen=DEADLY))
        ends.append(self._now())
        self._ends_over.move_to_end(request)
        if len(self._ends_over) > KEPT:
            self._ends_over.popitem(last=False)

    async def _back(self, request: int, note: Note) -> None:
        """Wait until the engine is there again."""
        if self._closed:
            raise EngineEnded(self._told())
        if self._lately(self._ends_over.get(request)):
            raise EngineEnded(
                f"{self._told()}, again over the same request: it is not put to it "
                "once more",
                hint=f"Take a smaller model or context, or send less.{self._where()}",
            )
        if self._starting is None:
            if self._resting is None and self._too_often():
                raise EngineEnded(
                    f"{self._told()}, too often lately: it is not started again now",
                    hint=f"Take a smaller model or context, or ask again in "
                    f"{WITHIN_S / 60:.0f} minutes.{self._where()}",
                )
            if self._resting is None:
                self._starts.append(self._now())
            self._starting = asyncio.ensure_future(self._start())
        starting = self._starting
        word = "loaded" if self._resting else "started"
        note(Remark(f"{self._told()}. It is {word} again."))
        await asyncio.wait((starting,), timeout=BACK_S)
        if not starting.done():
            raise Busy(
                f"{self._what} is being started again and still loads its model",
                delay_s=LATER_S,
            )
        if starting.cancelled():
            raise EngineEnded(self._told())
        if error := starting.result():
            raise EngineEnded(
                f"{self._told()} and cannot be started again: {error}", hint=error.hint
            ) from error

    async def _start(self) -> EngineError | None:
        """Start it; return why it cannot be."""
        try:
            child = await self._begin()
        except EngineError as error:
            self._failed = True
            return error
        else:
            self._failed = False
            self._child = child
            self._resting = None
            self._used = self._now()
            return None
        finally:
            self._starting = None

    def _too_often(self) -> bool:
        return self._lately(self._starts)

    def _lately(self, times: deque[float] | None) -> bool:
        """Return whether as many as count are of the last ``WITHIN_S``."""
        if times is None or len(times) != times.maxlen:
            return False
        return self._now() - times[0] < WITHIN_S

    def _told(self) -> str:
        if self._resting is not None:
            return f"{self._what} was ended to make room for another model"
        code = self._child.exit_code
        how = "" if code is None else f" ({_how(code)})"
        return f"{self._what} has ended{how}"

    def _where(self) -> str:
        path = self._log()
        return f" Its log: {path}" if path else ""


def _how(code: int) -> str:
    """Return in words how a process ended."""
    if code <= _SHELL:
        return f"exit code {code}"
    number = code - _SHELL
    if number == signal.SIGKILL:
        return "signal 9, most likely for lack of memory"
    return f"it crashed with signal {number}"
