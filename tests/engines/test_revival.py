"""An engine that ended: started again when it is asked, but not for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

from codex_oss import process
from codex_oss.engines import revival
from codex_oss.engines.revival import DEADLY, MOST, WITHIN_S, Revival
from codex_oss.errors import Busy, EngineEnded, EngineError
from codex_oss.facts import Fact, Remark

LIMIT_S = 60
KILLED = 137
TOLD = "llama.cpp has ended (signal 9, most likely for lack of memory)"


class Child:
    """A process that ends when it is told to."""

    def __init__(self) -> None:
        self.end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def exit_code(self) -> int | None:
        return self.end.result() if self.end.done() else None

    async def wait(self) -> int:
        return await asyncio.shield(self.end)

    async def kill(self) -> int:
        await asyncio.sleep(0)  # it takes a moment
        self.end.set_result(143)
        return 143


class Rig:
    """An engine whose starts are counted, and what its requests were told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.children = [Child()]
        self.may = asyncio.Event()
        self.may.set()
        self.begun = asyncio.Event()
        self.fails: EngineError | None = None
        self.facts: list[Fact] = []
        self.revival = Revival(
            "llama.cpp",
            cast("process.Child", self.children[0]),
            self._begin,
            log=lambda: Path("/logs/one.log"),
            now=lambda: self.now,
        )

    async def _begin(self) -> process.Child:
        self.begun.set()
        await self.may.wait()
        if self.fails is not None:
            raise self.fails
        self.children.append(Child())
        return cast("process.Child", self.children[-1])

    @property
    def starts(self) -> int:
        return len(self.children) - 1

    async def ask(self, asked: bytes = b"a") -> Callable[[bool], None]:
        return await self.revival.ready(asked, self.facts.append)

    def die(self, code: int = KILLED) -> None:
        self.children[-1].end.set_result(code)

    async def die_over(self, asked: bytes = b"a") -> None:
        """Have the engine end while it works on a request."""
        over = await self.ask(asked)
        self.die()
        over(True)

    async def refusal(self, asked: bytes = b"a") -> EngineEnded:
        with pytest.raises(EngineEnded) as caught:
            await self.ask(asked)
        return caught.value


def talk(test: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        rig = Rig()
        async with asyncio.timeout(LIMIT_S):
            await test(rig)
            await rig.revival.close()

    asyncio.run(run())


def test_an_engine_that_runs_is_left_alone() -> None:
    async def test(rig: Rig) -> None:
        (await rig.ask())(False)
        (await rig.ask())(False)
        assert (rig.starts, rig.facts) == (0, [])
        assert await rig.revival.ended() == ""
        assert rig.revival.able()

    talk(test)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        (KILLED, "signal 9, most likely for lack of memory"),
        (134, "it crashed with signal 6"),
        (1, "exit code 1"),
    ],
)
def test_one_that_ended_is_started_by_who_asks_next_and_that_is_told(
    code: int, how: str
) -> None:
    async def test(rig: Rig) -> None:
        rig.die(code)
        (await rig.ask())(False)
        (await rig.ask())(False)
        assert rig.starts == 1
        text = f"llama.cpp has ended ({how}). It is started again."
        assert rig.facts == [Remark(text)]

    talk(test)


def test_all_who_come_meanwhile_wait_for_one_start() -> None:
    async def test(rig: Rig) -> None:
        rig.die()
        rig.may.clear()
        asks = [asyncio.ensure_future(rig.ask(b"%d" % n)) for n in range(3)]
        await rig.begun.wait()
        rig.may.set()
        await asyncio.gather(*asks)
        assert rig.starts == 1
        assert len(rig.facts) == 3

    talk(test)


def test_who_leaves_meanwhile_does_not_break_the_start_off() -> None:
    async def test(rig: Rig) -> None:
        rig.die()
        rig.may.clear()
        ask = asyncio.ensure_future(rig.ask())
        await rig.begun.wait()
        ask.cancel()
        await asyncio.wait([ask])
        rig.may.set()
        await rig.ask()
        assert rig.starts == 1

    talk(test)


def test_a_start_that_takes_too_long_is_waited_for_with_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revival, "BACK_S", 0.01)

    async def test(rig: Rig) -> None:
        rig.die()
        rig.may.clear()
        with pytest.raises(Busy) as caught:
            await rig.ask()
        assert "still loads its model" in str(caught.value)
        assert caught.value.delay_s == revival.LATER_S

    talk(test)


def test_a_request_over_which_it_ended_is_put_to_it_once_more_and_no_third_time() -> (
    None
):
    async def test(rig: Rig) -> None:
        for _ in range(DEADLY):
            await rig.die_over(b"deadly")
        error = await rig.refusal(b"deadly")
        assert str(error) == (
            f"{TOLD}, again over the same request: it is not put to it once more"
        )
        assert "/logs/one.log" in error.hint
        assert rig.starts == DEADLY - 1
        (await rig.ask(b"other"))(False)  # it is not what ended it
        assert rig.starts == DEADLY
        rig.die()
        rig.now += WITHIN_S
        await rig.ask(b"deadly")
        assert rig.starts == DEADLY + 1

    talk(test)


def test_only_the_oldest_request_is_what_it_ended_over() -> None:
    async def test(rig: Rig) -> None:
        for _ in range(DEADLY):
            first, second = await rig.ask(b"deadly"), await rig.ask(b"waits behind it")
            rig.die()
            second(True)
            first(True)
        await rig.ask(b"waits behind it")
        assert rig.starts == DEADLY
        rig.die()
        await rig.refusal(b"deadly")

    talk(test)


def test_a_request_that_was_answered_is_not_what_it_ended_over() -> None:
    async def test(rig: Rig) -> None:
        for _ in range(DEADLY):
            (await rig.ask(b"fine"))(False)
            rig.die()
        await rig.ask(b"fine")
        assert rig.starts == DEADLY

    talk(test)


def test_a_connection_that_breaks_off_is_not_the_engines_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(revival, "DYING_S", 0.01)

    async def test(rig: Rig) -> None:
        for _ in range(DEADLY):
            (await rig.ask())(True)
            assert await rig.revival.ended() == ""
        rig.die()
        await rig.ask()  # it ended over nothing
        rig.die()
        await rig.revival.ended()
        assert rig.starts == 1

    talk(test)


def test_after_a_broken_connection_its_end_is_waited_for() -> None:
    async def test(rig: Rig) -> None:
        (await rig.ask())(True)
        ended = asyncio.ensure_future(rig.revival.ended())
        await asyncio.sleep(0)
        rig.die()
        assert await ended == TOLD

    talk(test)


def test_ends_that_come_too_often_are_left_to_the_person_for_a_while() -> None:
    async def test(rig: Rig) -> None:
        for _ in range(MOST):
            rig.die()
            (await rig.ask())(False)
        assert rig.revival.able()
        rig.die()
        assert await rig.revival.ended() == TOLD
        assert not rig.revival.able()
        error = await rig.refusal()
        assert str(error) == f"{TOLD}, too often lately: it is not started again now"
        assert "10 minutes" in error.hint
        assert rig.starts == MOST
        rig.now += WITHIN_S
        assert rig.revival.able()
        await rig.ask()
        assert rig.starts == MOST + 1

    talk(test)


def test_why_it_cannot_be_started_again_is_told_and_the_next_may_try() -> None:
    async def test(rig: Rig) -> None:
        rig.die()
        rig.fails = EngineError("There is not enough memory", hint="End programs.")
        error = await rig.refusal()
        assert str(error) == (
            f"{TOLD} and cannot be started again: There is not enough memory"
        )
        assert error.hint == "End programs."
        assert not rig.revival.able()  # who needs one now had better begin anew
        rig.fails = None
        await rig.ask()
        assert (rig.starts, rig.revival.able()) == (1, True)

    talk(test)


def test_who_waits_when_it_is_closed_is_told_and_nothing_is_started() -> None:
    async def test(rig: Rig) -> None:
        rig.die()
        rig.may.clear()
        ask = asyncio.ensure_future(rig.refusal())
        await rig.begun.wait()
        await rig.revival.close()
        assert str(await ask) == TOLD
        assert not rig.revival.able()
        await rig.refusal()
        assert rig.starts == 0

    talk(test)


# --- for the sake of others ----------------------------------------------------------


def test_one_that_rests_comes_back_when_it_is_asked_and_that_is_no_fault() -> None:
    async def test(rig: Rig) -> None:
        for _ in range(MOST + 1):
            await rig.revival.rest()
            assert not rig.revival.runs
            assert rig.revival.idle_since() is None
            assert rig.revival.able()
            (await rig.ask())(False)
            assert rig.revival.runs
        assert rig.starts == MOST + 1
        text = "llama.cpp was ended to make room for another model. It is loaded again."
        assert rig.facts == [Remark(text)] * (MOST + 1)
        rig.die()  # its ends are counted as before
        (await rig.ask())(False)
        assert rig.facts[-1] == Remark(f"{TOLD}. It is started again.")

    talk(test)


def test_one_that_rests_and_cannot_come_back_is_not_counted_on() -> None:
    async def test(rig: Rig) -> None:
        await rig.revival.rest()
        rig.fails = EngineError("llama.cpp could not listen on 127.0.0.1")
        assert "to make room for another model and cannot be started again" in str(
            await rig.refusal()
        )
        assert not rig.revival.able()

    talk(test)


def test_who_asks_one_that_is_just_put_to_rest_waits_for_it_to_come_back() -> None:
    async def test(rig: Rig) -> None:
        resting = asyncio.ensure_future(rig.revival.rest())
        await asyncio.sleep(0)
        (await rig.ask())(False)
        await resting
        assert rig.starts == 1

    talk(test)


def test_one_is_idle_since_its_last_answer_and_not_while_it_works() -> None:
    async def test(rig: Rig) -> None:
        assert rig.revival.idle_since() == 1000.0
        over = await rig.ask()
        assert rig.revival.idle_since() is None
        rig.now = 1010.0
        over(False)
        assert rig.revival.idle_since() == 1010.0

    talk(test)
