"""Nothing that a command starts outlives it, whatever ends it: real processes only."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from children import (
    AGENT,
    BWRAP,
    Heard,
    agent,
    begin,
    begin_any,
    begin_inside,
    bounded,
    needs_bwrap,
    needs_linux,
    numbers_from,
    runs,
    until_ended,
)
from codex_oss.process import Child, marks

pytestmark = needs_linux

# Each tells its number and then only sleeps: in the command's group, in a session of
# its own, adopted by init without an environment, and deaf to all that can be refused.
LEFT_BEHIND = (
    "sh -c 'echo $$; exec sleep 1000' &"
    " (trap '' HUP; exec setsid sh -c 'echo $$; exec sleep 1000') &"
    " (env -i setsid sh -c 'echo $$; (exec sleep 1000) & exec sleep 1000' &);"
    " setsid sh -c 'trap \"\" HUP INT TERM; echo $$; while :; do sleep 1000; done' &"
)
COUNT = 4
STAYS = f"{LEFT_BEHIND} exec sleep 1000"

Way = Callable[..., Awaitable[Child]]


async def ended(pids: list[int]) -> None:
    assert len(pids) >= COUNT
    async with asyncio.timeout(60):
        for pid in pids:
            await until_ended(pid)


def test_the_end_of_a_command_ends_what_it_left_behind() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin(f"{LEFT_BEHIND} read wait; exit 3", heard, tty=True)
        pids = await heard.numbers(COUNT)
        assert all(map(runs, pids))
        child.write(b"\n")
        assert await child.wait() == 3
        assert not any(map(runs, pids))

    bounded(run)


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
def test_killing_a_command_ends_all_of_it_before_it_returns(*, tty: bool) -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin(STAYS, heard, tty=tty)
        pids = await heard.numbers(COUNT)
        await child.kill(grace_s=0.1)
        assert not any(map(runs, pids))

    bounded(run)


def test_those_that_left_the_group_get_their_grace() -> None:
    async def run() -> None:
        heard = Heard()
        slow = "trap 'echo bye $1; exit' TERM; echo $$; while :; do sleep 0.05; done"
        far = f"setsid sh -c '{slow.replace(chr(39), chr(34))}' sh far &"
        near = f"sh -c '{slow.replace(chr(39), chr(34))}' sh near &"
        child = await begin(f"{far} {near} exec sleep 1000", heard)
        await heard.numbers(2)
        assert await child.kill(grace_s=1000) == 128 + signal.SIGTERM
        farewells = {line for line in heard.data.splitlines() if line[:3] == b"bye"}
        assert farewells == {b"bye far", b"bye near"}

    bounded(run)


def test_the_grace_of_those_that_are_left_is_cut_short_by_a_cancellation() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin(STAYS, heard)
        pids = await heard.numbers(COUNT)
        killing = asyncio.create_task(child.kill(grace_s=1000))
        await until_ended(pids[0])  # it is of the group: all have been asked
        killing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await killing
        await child.wait()
        assert not any(map(runs, pids))

    bounded(run)


def test_a_bomb_of_processes_is_ended() -> None:
    async def run() -> None:
        heard = Heard()
        # Each of the eight leaves the group and starts another before it ends.
        again = 'echo $$; setsid sh -c "$1" sh "$1" & exit'
        script = (
            f"for n in 1 2 3 4 5 6 7 8; do setsid sh -c '{again}' sh '{again}' & done"
        )
        child = await begin(f"{script}; exec sleep 1000", heard)
        await heard.numbers(40)
        await child.kill(grace_s=0)
        mark = child._mark
        with marks.wearers(mark, since=(0, 0.0)) as left:
            assert left == []

    bounded(run)


def test_what_others_run_is_left_alone() -> None:
    async def run() -> None:
        heard = Heard()
        neighbour = await begin("exec sleep 1000", Heard())
        child = await begin(STAYS, heard)
        await heard.numbers(COUNT)
        await child.kill(grace_s=0)
        assert runs(neighbour.pid)
        await neighbour.kill()

    with subprocess.Popen(("sleep", "1000")) as other:
        bounded(run)
        assert other.poll() is None
        other.kill()


@needs_bwrap
@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
def test_nothing_is_left_of_a_sandboxed_command_that_is_killed(*, tty: bool) -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin_inside(STAYS, heard, tty=tty)
        await heard.numbers(COUNT)
        inside = inside_of(child.pid)
        await child.kill(grace_s=0.1)
        assert len(inside) > COUNT
        await ended(inside)

    bounded(run)


@needs_bwrap
def test_the_end_of_a_sandboxed_command_ends_what_it_left_behind() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin_inside(f"{LEFT_BEHIND} read wait; exit 3", heard, tty=True)
        await heard.numbers(COUNT)
        inside = inside_of(child.pid)
        child.write(b"\n")
        assert await child.wait() == 3
        assert len(inside) > COUNT
        await ended(inside)

    bounded(run)


def inside_of(bwrap: int) -> list[int]:
    """Return the processes below bwrap, by their numbers outside."""
    found = [bwrap]
    for pid in found:
        children = Path(f"/proc/{pid}/task/{pid}/children")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, children.read_text().split())
    return found[1:]


# --- our own end --------------------------------------------------------------------

ENDS = pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP],
    ids=["killed", "terminated", "hung-up"],
)


@ENDS
@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
def test_nothing_outlives_this_program(number: int, *, tty: bool) -> None:
    with agent(("/bin/sh", "-c", STAYS), tty=tty) as (ours, terminal):
        pids = numbers_from(terminal, COUNT + 1)
        ours.send_signal(number)
        bounded(lambda: ended(pids))


@ENDS
@needs_bwrap
def test_nothing_sandboxed_outlives_this_program(number: int) -> None:
    argv = (*BWRAP, "--new-session", "--", "/bin/sh", "-c", STAYS)
    with agent(argv, by_bwrap=True) as (ours, terminal):
        told = numbers_from(terminal, COUNT + 1)
        bwrap = next(pid for pid in told if is_child(pid, ours.pid))
        pids = [bwrap, *inside_of(bwrap)]
        ours.send_signal(number)
        bounded(lambda: ended(pids))


def test_nothing_outlives_the_terminal_of_this_program() -> None:
    with agent(("/bin/sh", "-c", STAYS)) as (_, terminal):
        pids = numbers_from(terminal, COUNT + 1)
        os.close(terminal)
        bounded(lambda: ended(pids))


def test_where_there_are_no_marks_the_guard_walks_from_parents_to_children() -> None:
    """As on macOS: those without parent are missed, those below the command are not."""
    script = (
        "sh -c 'echo $$; exec sleep 1000' & setsid sh -c 'echo $$; exec sleep 1000' &"
        " sh -c 'setsid sh -c \"echo \\$\\$; exec sleep 1000\" & wait' & wait"
    )
    with agent(("/bin/sh", "-c", script), marked=False) as (ours, terminal):
        pids = numbers_from(terminal, 4)
        ours.kill()
        bounded(lambda: ended(pids))


def test_a_program_of_ours_inside_a_command_takes_its_commands_with_it() -> None:
    """The outer mark is on the inner program and not on its guard."""
    inner = json.dumps([["/bin/sh", "-c", STAYS], False, False, True])
    path = f"PYTHONPATH={os.pathsep.join(sys.path)}"
    argv = ("/usr/bin/env", path, sys.executable, "-c", AGENT, inner)

    async def run() -> None:
        heard = Heard()
        child = await begin_any(argv, heard)
        pids = await heard.numbers(COUNT + 1)
        await child.kill(grace_s=0)
        await ended(pids)

    bounded(run)


def test_without_marks_those_below_a_command_end_with_it_by_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(marks, "new", lambda: marks.NONE)

    async def run() -> None:
        heard = Heard()
        script = "trap '' TERM; setsid sh -c 'echo $$; exec sleep 1000' & echo $$; wait"
        child = await begin(script, heard)
        pids = await heard.numbers(2)
        await child.kill(grace_s=0.05)
        async with asyncio.timeout(60):
            for pid in pids:
                await until_ended(pid)

    bounded(run)


def is_child(pid: int, parent: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        stat = Path(f"/proc/{pid}/stat").read_text()
        return int(stat.rpartition(")")[2].split()[1]) == parent
    return False
