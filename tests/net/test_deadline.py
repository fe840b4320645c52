"""A time limit that moves: it comes when it was last said to, with one timer."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any

from codex_oss.net.deadline import Deadline


class CountingLoop(asyncio.SelectorEventLoop):
    """A loop that counts the timers it was asked for."""

    timers = 0

    def call_at(self, when: float, *args: Any, **more: Any) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when, *args, **more)


async def expired(set_up: Callable[[Deadline], None], within_s: float) -> bool:
    """Tell whether a deadline comes."""
    came = asyncio.Event()
    deadline = Deadline(came.set)
    set_up(deadline)
    try:
        async with asyncio.timeout(within_s):
            await came.wait()
    except TimeoutError:
        return False
    finally:
        deadline.close()
    return True


def test_a_deadline_comes() -> None:
    assert asyncio.run(expired(lambda one: one.set(0.001), 10))


def test_a_deadline_that_was_moved_nearer_comes_then() -> None:
    def set_up(one: Deadline) -> None:
        one.set(100)
        one.set(0.001)

    assert asyncio.run(expired(set_up, 10))


def test_a_deadline_that_was_moved_away_does_not_come_before() -> None:
    def set_up(one: Deadline) -> None:
        one.set(0.001)
        one.set(100)

    assert not asyncio.run(expired(set_up, 0.02))


def test_a_deadline_may_be_moved_away_without_a_call() -> None:
    def set_up(one: Deadline) -> None:
        one.set(0.001)
        one.at = inf

    assert not asyncio.run(expired(set_up, 0.02))


def test_a_deadline_that_was_cleared_does_not_come() -> None:
    def set_up(one: Deadline) -> None:
        one.set(0.001)
        one.clear()

    assert not asyncio.run(expired(set_up, 0.02))


def test_a_deadline_that_was_cleared_can_be_set_again() -> None:
    def set_up(one: Deadline) -> None:
        one.set(0.001)
        one.clear()
        one.set(0.002)

    assert asyncio.run(expired(set_up, 10))


def test_moving_a_deadline_away_needs_no_further_timer() -> None:
    async def move() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        deadline = Deadline(lambda: None)
        for _ in range(1000):
            deadline.set(100)
        deadline.close()
        return loop.timers

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(move()) == 1
