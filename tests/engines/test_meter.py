"""When a download is reported, and the speed that is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from codex_oss.engines.base import Pulling
from codex_oss.engines.meter import Meter, with_pauses

LIMIT_S = 60


def test_the_start_the_first_bytes_and_the_end_are_told_at_once() -> None:
    meter = Meter("m", 100)
    assert meter.reach(0, 10.0) == Pulling("m", 0, 100, 0.0)
    assert meter.reach(10, 10.0) == Pulling("m", 10, 100, 0.0)
    assert meter.reach(20, 10.1) is None
    assert meter.reach(100, 10.15) == Pulling("m", 100, 100, 0.0)


def test_the_rest_is_told_five_times_a_second() -> None:
    meter = Meter("m", None)
    told = [meter.reach(n, n / 100) for n in range(100)]
    assert len([event for event in told if event]) == 6


def test_what_was_there_before_does_not_count_as_speed() -> None:
    meter = Meter("m", 2000)
    meter.reach(1000, 0.0)
    assert meter.reach(1100, 1.0) == Pulling("m", 1100, 2000, 100.0)


def test_the_speed_is_that_of_the_last_seconds() -> None:
    meter = Meter("m", None)
    for second in range(10):
        meter.reach(second, float(second))
    last = meter.reach(10 + 600, 10.0)
    assert last is not None
    assert last.bytes_per_s == (610 - 5) / 5


def test_a_speed_goes_down_while_nothing_comes() -> None:
    meter = Meter("m", 1000)
    for second in range(3):
        meter.reach(100 * second, float(second))
    told = [meter.reach(200, float(second)) for second in range(3, 9)]
    speeds = [event.bytes_per_s for event in told if event]
    assert speeds == sorted(speeds, reverse=True)
    assert speeds[-1] == 0.0


def test_a_pause_is_told_until_there_is_more() -> None:
    async def run() -> None:
        more = asyncio.Event()

        async def coming() -> AsyncGenerator[bytes]:
            yield b"a"
            await more.wait()
            yield b"b"

        async with aclosing(with_pauses(coming(), pause_s=0.001)) as pieces:
            assert [await anext(pieces) for _ in range(3)] == [b"a", b"", b""]
            more.set()
            rest = [piece async for piece in pieces]
        assert b"".join(rest) == b"b"

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))


def test_what_comes_may_fail_and_is_not_waited_for_after_the_end() -> None:
    async def failing() -> AsyncGenerator[bytes]:
        yield b"a"
        raise OSError("cut")

    async def stuck() -> AsyncGenerator[bytes]:
        await asyncio.Event().wait()
        yield b"never"

    async def run() -> None:
        with pytest.raises(OSError, match="cut"):
            assert [piece async for piece in with_pauses(failing())] == [b"a"]
        async with aclosing(with_pauses(stuck(), pause_s=0.001)) as pieces:
            assert await anext(pieces) == b""

    asyncio.run(asyncio.wait_for(run(), LIMIT_S))
