"""Answers that run in the background, and those that ended there lately."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec

from codex_oss.bridge.detached import Detached
from codex_oss.bridge.full import Frame
from codex_oss.bridge.store import Kept, Store
from codex_oss.errors import Busy, StoreError
from codex_oss.wire import responses

MAX_RUNNING = 16
MAX_ENDED = 16
"""Answers whose streams can still be read; the responses are in the store."""
CANCEL_S = 10.0
"""How long an answer may take to stop."""

_STOPPED = responses.ResponseError(
    "server_error", "the bridge was stopped before the answer was whole"
)
_BROKE = responses.ResponseError("server_error", "the bridge failed; its log says why")


class _Run(msgspec.Struct):
    answer: Detached
    task: asyncio.Task[None]


class Running:
    """Answers by the ids of their responses.

    ``complain`` is told the id of a response that cannot be kept, and why.
    """

    def __init__(
        self, store: Store, complain: Callable[[str, StoreError], None]
    ) -> None:
        self._store = store
        self._complain = complain
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def start(
        self, frame: Frame, kept: Kept, work: Callable[[Detached], Awaitable[None]]
    ) -> Detached:
        """Let ``work`` write an answer, and return that at once.

        ``kept`` names owner and input; its response does not matter. ``work`` keeps
        what came to its end by itself. Raises ``Busy`` when too many answers run.
        """
        if sum(not run.answer.ended for run in self._runs.values()) >= MAX_RUNNING:
            raise Busy(
                f"{MAX_RUNNING} answers run in the background already",
                hint="Wait for one to end, or cancel one.",
            )
        answer = Detached(frame, kept)
        task = asyncio.ensure_future(self._run(answer, work))
        self._runs[answer.id] = _Run(answer, task)
        self._forget_old()
        return answer

    def find(self, response_id: str, owner: str) -> Detached | None:
        """Return an answer if ``owner`` may read it."""
        run = self._runs.get(response_id)
        return run.answer if run and run.answer.owner == owner else None

    async def cancel(self, answer: Detached) -> None:
        """Stop an answer; one that has ended stays as it is."""
        if answer.ended:
            return
        answer.cancel()
        await _stop(self._runs[answer.id].task)
        await self._keep(answer.kept)

    async def forget(self, answer: Detached) -> None:
        """Stop an answer and remember nothing of it."""
        await self.cancel(answer)
        self._runs.pop(answer.id, None)
        await self._store.delete(answer.id)

    async def close(self) -> None:
        """Stop all answers; those that are not whole are kept as failed."""
        runs = [run for run in self._runs.values() if not run.answer.ended]
        self._runs.clear()
        for run in runs:
            run.answer.fail(_STOPPED)
        await _stop(*(run.task for run in runs))
        for run in runs:
            await self._keep(run.answer.kept)

    async def _run(
        self, answer: Detached, work: Callable[[Detached], Awaitable[None]]
    ) -> None:
        try:
            await work(answer)
        except asyncio.CancelledError:
            raise  # whoever stops an answer says how it ended, and keeps it
        except BaseException:
            await self._break(answer)
            raise
        await self._break(answer)

    async def _break(self, answer: Detached) -> None:
        """End an answer whose stream has none, or was refused before it began."""
        if not answer.told_its_end:
            answer.fail(_BROKE)
            await self._keep(answer.kept)

    async def _keep(self, kept: Kept) -> None:
        try:
            await self._store.put(kept)
        except StoreError as error:
            self._complain(kept.id, error)

    def _forget_old(self) -> None:
        ended = [key for key, run in self._runs.items() if run.answer.ended]
        for key in ended[: max(0, len(ended) - MAX_ENDED)]:
            del self._runs[key]


async def _stop(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=CANCEL_S)
