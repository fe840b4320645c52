"""Real child processes: their output, their input, their end."""

import asyncio
import os
import signal
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from children import (
    ENV,
    LIMIT_S,
    Heard,
    begin,
    begin_any,
    begin_inside,
    bounded,
    has_bwrap,
    needs_bwrap,
    needs_linux,
    runs,
    until_ended,
)
from codex_oss.errors import SandboxError
from codex_oss.process import Child, Confined, HeadTail, start


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("echo out; echo err >&2; exit 3", 3, b"out\nerr\n"),
        ("kill -KILL $$", 137, b""),
        ("cat; echo end", 0, b"end\n"),
        ("ls /proc/self/fd 2>/dev/null | wc -l | tr -d ' '", 0, b"4\n"),
    ],
    ids=["merged", "signal", "empty-input", "no-inherited-descriptors"],
)
def test_output_and_exit_code_arrive(script: str, code: int, output: bytes) -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin(script, heard)
        assert await child.wait() == code
        assert heard.data == output
        assert (child.exit_code, child.pid) == (code, 0)

    bounded(run)


def test_a_program_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    nowhere = tmp_path / "nope"

    async def run() -> None:
        with pytest.raises(FileNotFoundError):
            await start((str(nowhere),), cwd=Path("/"), env=ENV, on_output=Heard())
        with pytest.raises(FileNotFoundError):
            await start(("/bin/sh",), cwd=nowhere, env=ENV, on_output=Heard())
        with pytest.raises(OSError, match="null byte"):
            await start(("/bin/sh", "\0"), cwd=Path("/"), env=ENV, on_output=Heard())

    bounded(run)


@needs_linux
def test_a_grandchild_that_holds_the_output_does_not_delay_the_end() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("sleep 1000 & echo $!", heard)
        async with asyncio.timeout(60):
            assert await child.wait() == 0
        await until_ended(int(heard.data))

    bounded(run)


def test_a_grandchild_that_never_stops_writing_does_not_delay_the_end() -> None:
    async def run() -> None:
        child = await begin("yes & exit 5", Heard())
        async with asyncio.timeout(60):
            assert await child.wait() == 5

    bounded(run)


def test_a_flood_is_read_to_its_end_in_bounded_memory() -> None:
    async def run() -> None:
        largest, kept = 0, HeadTail()

        def take(data: bytes) -> None:
            nonlocal largest
            largest = max(largest, len(data))
            kept.add(data)

        child = await begin("yes | head -c 100000000", take)
        assert await child.wait() == 0
        assert kept.total == 100_000_000
        assert largest <= 64 * 1024
        half = "y\n" * (256 * 1024)
        assert (
            kept.text()
            == f"{half}\n... {100_000_000 - 2**20} bytes omitted ...\n{half}"
        )

    bounded(run)


def test_the_child_waits_while_the_event_loop_is_busy() -> None:
    async def run() -> None:
        chunks: list[bytes] = []
        child = await begin("head -c 10000000 /dev/zero", chunks.append)
        for _ in range(3):
            await asyncio.sleep(0)
        assert sum(map(len, chunks)) < 10_000_000
        await child.wait()
        assert sum(map(len, chunks)) == 10_000_000

    bounded(run)


def test_input_is_refused_without_a_terminal_and_beyond_its_limit() -> None:
    async def run() -> None:
        heard = Heard()
        piped = await begin("sleep 1000", heard)
        assert not piped.write(b"x")
        await piped.kill()
        child = await begin("sleep 1000", heard, tty=True)
        assert not child.write(b"x" * (2**20 + 1))
        await child.kill()

    bounded(run)


def test_a_child_may_end_in_its_own_way_when_asked_to() -> None:
    async def run() -> None:
        heard = Heard()
        script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
        child = await begin(script, heard)
        await heard.until(b"up")
        assert await child.kill(grace_s=1000) == 7
        assert heard.data.endswith(b"bye\n")
        assert await child.kill(grace_s=1000) == 7

    bounded(run)


@needs_linux
def test_a_child_that_refuses_is_killed_with_its_group() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("trap '' TERM; sleep 1000 & echo $!; wait", heard)
        await heard.until(b"\n")
        assert await child.kill(grace_s=0.05) == 128 + signal.SIGKILL
        await until_ended(int(heard.data.split()[0]))

    bounded(run)


@needs_linux
def test_cancelling_a_kill_kills_at_once() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("trap '' TERM; echo $$; while :; do sleep 1; done", heard)
        await heard.until(b"\n")
        killing = asyncio.create_task(child.kill(grace_s=1000))
        await asyncio.sleep(0)
        killing.cancel()
        assert await child.wait() == 128 + signal.SIGKILL
        with pytest.raises(asyncio.CancelledError):
            await killing

    bounded(run)


@needs_linux
def test_cancelling_a_wait_leaves_the_child_alone() -> None:
    async def run() -> None:
        child = await begin("sleep 1000", Heard())
        waiting = asyncio.create_task(child.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert child.exit_code is None
        os.kill(child.pid, 0)
        await child.kill()

    bounded(run)


@needs_linux
def test_cancelling_a_start_ends_what_was_started_before_it_returns(
    tmp_path: Path,
) -> None:
    pid_file = tmp_path / "pid"
    begun, may_start = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        may_start.wait(LIMIT_S)

    async def run() -> None:
        script = f"echo $$ > {pid_file}; exec sleep 1000"
        confined = Confined(restrict=hold)
        starting = asyncio.create_task(
            begin_any(("/bin/sh", "-c", script), Heard(), confined=confined)
        )
        await asyncio.to_thread(begun.wait, LIMIT_S)
        starting.cancel()
        may_start.set()
        with pytest.raises(asyncio.CancelledError):
            await starting

    bounded(run)
    # It may have ended before it could say a word.
    pid = pid_file.read_text() if pid_file.exists() else ""
    assert not pid or not runs(int(pid))


@pytest.mark.parametrize("tty", [False, True], ids=["pipe", "terminal"])
@needs_linux
@needs_bwrap
def test_no_descriptor_of_ours_reaches_a_child(*, tty: bool) -> None:
    async def run() -> None:
        held = os.open("/dev/zero", os.O_RDONLY)
        os.set_inheritable(held, True)
        script = "ls -l /proc/self/fd | awk 'NF > 3 { print $(NF - 2) }'"
        try:
            for way in (begin, begin_inside):
                heard = Heard()
                await (await way(script, heard, tty=tty)).wait()
                # 3 is the directory that `ls` reads.
                assert heard.data.split() == [b"0", b"1", b"2", b"3"]
        finally:
            os.close(held)

    bounded(run)


def test_a_descriptor_to_be_inherited_reaches_the_child_and_stays_ours() -> None:
    async def run() -> None:
        out, into = os.pipe()
        os.write(into, b"through\n")
        os.close(into)
        heard = Heard()
        child = await begin_any(
            ("/bin/sh", "-c", f"cat /dev/fd/{out}"),
            heard,
            confined=Confined(inherit=(out,)),
        )
        assert await child.wait() == 0
        assert heard.data == b"through\n"
        os.close(out)

    bounded(run)


def test_a_thread_is_restricted_before_its_child_starts_and_no_other() -> None:
    async def run() -> None:
        names: list[str] = []
        confined = Confined(
            restrict=lambda: names.append(threading.current_thread().name)
        )
        child = await begin_any(("/bin/true",), Heard(), confined=confined)
        assert await child.wait() == 0
        assert names == ["restricted"]
        assert not any(t.name in names for t in threading.enumerate())

    bounded(run)


def test_a_restriction_that_fails_starts_nothing_and_is_raised(tmp_path: Path) -> None:
    def refuse() -> None:
        raise SandboxError("no")

    async def run() -> None:
        with pytest.raises(SandboxError, match="no"):
            await begin_any(
                ("/usr/bin/touch", str(tmp_path / "ran")),
                Heard(),
                confined=Confined(restrict=refuse),
            )

    bounded(run)
    assert list(tmp_path.iterdir()) == []


@needs_linux
@needs_bwrap
def test_a_child_outlives_the_thread_that_asked_for_it() -> None:
    """bwrap dies with the thread that started it: that is the child's own thread."""

    async def run() -> None:
        heard, loop = Heard(), asyncio.get_running_loop()
        asked: list[Future[Child]] = []

        def ask() -> None:
            told = begin_inside("echo up; read x; echo $x", heard, tty=True)
            asked.append(asyncio.run_coroutine_threadsafe(told, loop))

        asking = threading.Thread(target=ask)
        asking.start()
        await asyncio.to_thread(asking.join)
        await heard.until(b"up")
        child = await asyncio.wrap_future(asked[0])
        assert child.write(b"on\n")
        assert await child.wait() == 0
        assert heard.data.endswith(b"on\r\n")

    bounded(run)


def test_an_interrupt_is_heard_without_a_terminal() -> None:
    async def run() -> None:
        script = "trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.05; done"
        for way in (begin, begin_inside) if has_bwrap() else (begin,):
            heard = Heard()
            child = await way(script, heard)
            await heard.until(b"up")
            assert child.interrupt()
            assert await child.wait() == 9
            assert heard.data == b"up\ncaught\n"
            assert not child.interrupt()

    bounded(run)


def test_fifty_children_start_at_once_and_none_is_mixed_up() -> None:
    async def run() -> None:
        async def one(number: int) -> tuple[int, bytes]:
            heard = Heard()
            child = await begin(f"echo {number}; exit {number}", heard)
            return await child.wait(), heard.data

        ended = await asyncio.gather(*(one(number) for number in range(50)))
        assert ended == [(number, b"%d\n" % number) for number in range(50)]

    bounded(run)


def test_children_leave_no_descriptor_and_no_thread_behind(tmp_path: Path) -> None:
    async def run() -> None:
        def open_now() -> int:
            return len(os.listdir("/dev/fd"))  # noqa: PTH208  Path opens one more

        child = await begin("exit 0", Heard())
        await child.wait()
        await asyncio.to_thread(join_children)
        before = open_now()
        for tty in (False, True):
            with pytest.raises(FileNotFoundError):
                await begin_any((str(tmp_path / "nope"),), Heard())
            await (await begin("exit 0", Heard(), tty=tty)).wait()
        await asyncio.to_thread(join_children)
        # Fewer if something of an earlier test was closed meanwhile.
        assert open_now() <= before

    bounded(run)


def join_children() -> None:
    """Wait for the threads of children that have ended."""
    for thread in threading.enumerate():
        if thread.name.startswith("child "):
            thread.join()
