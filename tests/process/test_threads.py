"""Work in a thread, which nobody leaves before it is over."""

import asyncio
import threading

import pytest

from codex_oss.process.threads import to_its_end

LIMIT_S = 60


class Work:
    """Work that goes on until it is let go, and then returns or raises."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.over = False
        self.stopped = asyncio.Event()
        self._fault = fault

    def __call__(self) -> str:
        self.begun.set()
        assert self.may_end.wait(LIMIT_S)
        self.over = True
        if self._fault is not None:
            raise self._fault
        return "done"

    def stop(self) -> None:
        self.stopped.set()


def cancelled(work: Work, times: int) -> asyncio.CancelledError:
    """Cancel who waits for the work, so many times; return what is raised."""

    async def run() -> asyncio.CancelledError:
        async with asyncio.timeout(LIMIT_S):
            waiting = asyncio.ensure_future(to_its_end(work, work.stop))
            await asyncio.to_thread(work.begun.wait, LIMIT_S)
            for _ in range(times):
                work.stopped.clear()
                waiting.cancel()
                await work.stopped.wait()
                assert not waiting.done()
            work.may_end.set()
            with pytest.raises(asyncio.CancelledError) as caught:
                await waiting
            assert work.over
            return caught.value

    return asyncio.run(run())


def test_what_work_returns_or_raises_is_what_is_had() -> None:
    good, bad = Work(), Work(ValueError("no"))
    good.may_end.set()
    bad.may_end.set()

    assert asyncio.run(to_its_end(good)) == "done"
    with pytest.raises(ValueError, match="no"):
        asyncio.run(to_its_end(bad))


@pytest.mark.parametrize("times", [1, 2, 3])
def test_cancelling_waits_for_the_end_however_often(times: int) -> None:
    assert cancelled(Work(), times).__cause__ is None


def test_who_is_cancelled_learns_what_went_wrong() -> None:
    fault = ValueError("no")
    assert cancelled(Work(fault), 2).__cause__ is fault
