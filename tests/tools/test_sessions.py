"""Commands behind a conversation: their life, how many there may be, list and stop."""

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from children import ENV, bounded
from codex_oss import events, process
from codex_oss.process import Child
from codex_oss.tools import sessions
from codex_oss.tools.sessions import Background, Running, Sessions

LINE = "/bin/sh -c x"


class Screen:
    """Collects what a command tells, and lets a test wait for its output."""

    def __init__(self) -> None:
        self.events: list[events.Event] = []
        self._more = asyncio.Event()

    def __call__(self, event: events.Event) -> None:
        self.events.append(event)
        self._more.set()

    @property
    def text(self) -> str:
        return "".join(e.text for e in self.events if isinstance(e, events.OutputDelta))

    @property
    def items(self) -> list[events.Event]:
        return [e for e in self.events if not isinstance(e, events.OutputDelta)]

    async def until(self, text: str) -> None:
        while text not in self.text:
            self._more.clear()
            await self._more.wait()


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def item(output: str, code: int | None) -> events.CommandExecution:
    ended: events.Status = "completed" if code == 0 else "failed"
    return events.CommandExecution(
        id="item",
        command=LINE,
        aggregated_output=output,
        exit_code=code,
        status="in_progress" if code is None else ended,
    )


def nothing() -> bool | None:
    return None


async def child_of(running: Running, script: str, *, tty: bool = False) -> Child:
    return await process.start(
        ("/bin/sh", "-c", script),
        cwd=Path("/"),
        env=ENV,
        on_output=running.hear,
        tty=tty,
    )


async def begin(
    script: str,
    screen: Callable[[events.Event], None],
    *,
    tty: bool = False,
    at_end: Callable[[], bool | None] = nothing,
    now: Callable[[], float] = lambda: 0.0,
) -> Running:
    running = Running("item", LINE, screen, cwd="/there", now=now)
    running.run(await child_of(running, script, tty=tty), tty=tty, at_end=at_end)
    return running


def counting(numbers: Sequence[int]) -> Callable[[int], int]:
    """Return a source of these "random" numbers, and then of ever higher ones."""
    given = iter(numbers)
    return lambda limit: next(given, limit - 1)


# --- one command ----------------------------------------------------------------------


def test_a_command_tells_its_start_its_output_and_its_end() -> None:
    async def run() -> None:
        screen = Screen()
        running = await begin("echo hi; exit 3", screen, at_end=lambda: True)
        await running.wait()
        assert screen.events == [
            events.ItemStarted(item=item("", None)),
            events.OutputDelta(item_id="item", text="hi\n"),
            events.ItemCompleted(item=item("hi\n", 3)),
        ]
        assert (running.exit_code, running.reached) == (3, True)
        assert running.take_unread() == ("hi\n", 3)
        assert running.take_unread() == ("", 0)

    bounded(run)


def test_everybody_who_waits_hears_of_the_end_also_who_came_before_the_start() -> None:
    async def run() -> None:
        running = Running("item", LINE, Screen())
        early = [asyncio.create_task(running.wait()) for _ in range(3)]
        await asyncio.sleep(0)
        running.run(await child_of(running, "exit 5"), tty=False, at_end=nothing)
        early[0].cancel()
        await asyncio.gather(*early[1:])
        await running.wait()
        assert running.exit_code == 5
        with pytest.raises(asyncio.CancelledError):
            await early[0]

    bounded(run)


def test_a_character_that_never_ends_is_shown_at_the_end() -> None:
    async def run() -> None:
        screen = Screen()
        running = await begin(r"printf 'a\342\202'", screen)
        await running.wait()
        assert screen.text == "a\ufffd"

    bounded(run)


def test_a_command_that_never_started_has_ended_for_all_who_wait() -> None:
    async def run() -> None:
        screen = Screen()
        running = Running("item", LINE, screen)
        waiting = asyncio.create_task(running.wait())
        running.fail("no such shell")
        await waiting
        await running.kill()
        assert screen.events == [
            events.ItemStarted(item=item("", None)),
            events.ItemCompleted(item=item("no such shell", sessions.NOT_STARTED)),
        ]

    bounded(run)


def test_what_starts_although_it_was_called_off_is_ended_and_let_go_of() -> None:
    async def run() -> None:
        screen, let_go = Screen(), asyncio.Event()

        def at_end() -> None:
            let_go.set()

        running = Running("item", LINE, screen)
        await running.kill()
        child = await child_of(running, "exec sleep 1000")
        running.run(child, tty=False, at_end=at_end)
        await let_go.wait()
        assert child.exit_code is not None
        assert running.exit_code == sessions.NOT_STARTED
        assert len(screen.items) == 2

    bounded(run)


def test_an_interrupt_reaches_a_command_with_and_without_terminal() -> None:
    async def run() -> None:
        script = "trap 'exit 9' INT; echo up; while :; do sleep 0.05; done"
        for tty in (False, True):
            screen = Screen()
            running = await begin(script, screen, tty=tty)
            await screen.until("up")
            assert running.interrupt()
            await running.wait()
            assert running.exit_code == 9
        assert not running.resize(10, 20)
        assert not Running("item", LINE, Screen()).interrupt()

    bounded(run)


# --- all of them ----------------------------------------------------------------------


def test_a_list_shows_each_command_in_the_order_of_their_start() -> None:
    async def run() -> None:
        clock, screen = Clock(), Screen()
        kept = Sessions(counting([7, 3]))
        first = await begin("exec sleep 1000", screen, now=clock)
        clock.time += 10
        second = await begin("exit 0", screen, now=clock)
        assert [await kept.add(first), await kept.add(second)] == [1007, 1003]
        clock.time += 0.5
        await second.wait()
        kept.use(1007)
        shown: dict[str, Any] = {"command": LINE, "cwd": "/there"}
        assert kept.list() == [
            Background(id=1007, seconds=10.5, running=True, **shown),
            Background(id=1003, seconds=0.5, running=False, exit_code=0, **shown),
        ]
        await kept.close()
        assert kept.list() == []

    bounded(run)


def test_stopping_one_leaves_its_output_to_the_model_and_the_others_alone() -> None:
    async def run() -> None:
        kept, screen = Sessions(counting([1, 2])), Screen()
        one = await begin("echo up; exec sleep 1000", screen)
        other = await begin("exec sleep 1000", Screen())
        assert [await kept.add(one), await kept.add(other)] == [1001, 1002]
        await screen.until("up")
        assert await kept.stop(1001)
        assert not await kept.stop(1001)
        assert not await kept.stop(4711)
        assert (one.exit_code, other.exit_code) == (143, None)
        assert kept.use(1001) is one
        assert one.take_unread() == ("up\n", 3)
        assert await kept.stop_all() == 1
        assert await kept.stop_all() == 0
        assert other.exit_code == 143

    bounded(run)


def test_all_are_stopped_at_the_same_time(tmp_path: Path) -> None:
    """One ends once the other, which has been asked as well, opens the pipe."""
    os.mkfifo(tmp_path / "pipe")

    async def run() -> None:
        kept, both = Sessions(counting([1, 2])), list[Running]()
        for way in ("<", ">"):
            screen = Screen()
            last = f": {way} {tmp_path}/pipe; exit 7"
            script = f"trap '{last}' TERM; echo up; while :; do sleep 0.05; done"
            both.append(await begin(script, screen))
            await kept.add(both[-1])
            await screen.until("up")
        assert await kept.stop_all() == 2
        assert [running.exit_code for running in both] == [7, 7]

    bounded(run)


def test_the_idlest_makes_room_and_the_newest_are_never_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 4)
    monkeypatch.setattr(sessions, "NEWEST_KEPT", 2)

    async def run() -> None:
        kept = Sessions(counting(range(10)))
        scripts = ("exec sleep 1000", "exec sleep 1000", "exec sleep 1000", "exit 0")
        all_running = [await begin(script, Screen()) for script in scripts]
        numbers = [await kept.add(running) for running in all_running]
        await all_running[3].wait()
        kept.use(numbers[0])  # 1 is now the idlest; 3, which has ended, is among the
        fifth = await begin("exec sleep 1000", Screen())  # newest two with 0
        assert await kept.add(fifth) == 1004
        assert all_running[1].exit_code == 143
        assert [n in kept for n in numbers] == [True, False, True, True]
        # 0 and 3 are before the newest now: who has ended goes first.
        kept.use(numbers[2])
        sixth = await begin("exec sleep 1000", Screen())
        assert await kept.add(sixth) == 1005
        assert [n in kept for n in numbers] == [True, False, True, False]
        await kept.close()

    bounded(run)


def test_many_that_come_at_once_are_not_one_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "SESSION_LIMIT", 3)
    monkeypatch.setattr(sessions, "NEWEST_KEPT", 1)

    async def run() -> None:
        kept = Sessions(counting(range(20)))
        begun = [await begin("exec sleep 1000", Screen()) for _ in range(9)]
        await asyncio.gather(*(kept.add(running) for running in begun))
        assert len(kept.list()) == 3
        assert sum(running.exit_code is None for running in begun) == 3
        await kept.close()
        assert all(running.exit_code is not None for running in begun)

    bounded(run)


def test_the_model_is_warned_before_one_has_to_make_room() -> None:
    async def run() -> None:
        kept = Sessions(counting(range(100)))
        for _ in range(sessions.WARNING_AT - 1):
            await kept.add(Running("item", LINE, Screen()))
        assert kept.warning() == ""
        await kept.add(Running("item", LINE, Screen()))
        assert kept.warning() == (
            "60 commands are open in sessions, and at most 64 can be. Use open ones "
            "again or end some; otherwise the one that was idle for longest is ended "
            "when another is started."
        )
        await kept.close()

    bounded(run)


def test_sixty_four_commands_run_and_end_at_the_same_time() -> None:
    async def run() -> None:
        kept = Sessions(counting(range(100)))
        begun = await asyncio.gather(
            *(begin("exec sleep 1000", Screen()) for _ in range(65))
        )
        for running in begun:
            await kept.add(running)
        assert [running.exit_code is None for running in begun] == [False] + [True] * 64
        await kept.close()
        assert {running.exit_code for running in begun} == {143}

    bounded(run)
