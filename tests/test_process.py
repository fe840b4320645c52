"""Real child processes: output, terminals, ends, and nobody left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.process import Child, HeadTail, start

LIMIT_S = 20
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


class Heard:
    """Collects output and lets a test wait for some of it."""

    def __init__(self) -> None:
        self.data = b""
        self._more = asyncio.Event()

    def __call__(self, data: bytes) -> None:
        self.data += data
        self._more.set()

    async def until(self, text: bytes) -> None:
        while text not in self.data:
            self._more.clear()
            await self._more.wait()


async def begin(script: str, heard: Callable[[bytes], None], **how: bool) -> Child:
    return await start(
        ("/bin/sh", "-c", script), cwd=Path("/"), env=ENV, on_output=heard, **how
    )


def bounded(test: Callable[[], Awaitable[None]]) -> None:
    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


async def until_ended(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, gone.set)
    await gone.wait()
    asyncio.get_running_loop().remove_reader(fd)
    os.close(fd)


needs_linux = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="needs Linux to look at processes"
)


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


def test_a_program_that_is_not_there_is_the_systems_error() -> None:
    async def run() -> None:
        with pytest.raises(FileNotFoundError):
            await start(("/nope",), cwd=Path("/"), env=ENV, on_output=Heard())
        with pytest.raises(FileNotFoundError):
            await start(("/bin/sh",), cwd=Path("/nope"), env=ENV, on_output=Heard())
        with pytest.raises(OSError, match="null byte"):
            await start(("/bin/sh", "\0"), cwd=Path("/"), env=ENV, on_output=Heard())

    bounded(run)


@needs_linux
def test_a_grandchild_that_holds_the_output_does_not_delay_the_end() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("sleep 1000 & echo $!", heard)
        async with asyncio.timeout(5):
            assert await child.wait() == 0
        await until_ended(int(heard.data))

    bounded(run)


def test_a_grandchild_that_never_stops_writing_does_not_delay_the_end() -> None:
    async def run() -> None:
        child = await begin("yes & exit 5", Heard())
        async with asyncio.timeout(10):
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


def test_a_terminal_echoes_input_and_ends_lines_with_two_characters() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("read x; echo got $x", heard, tty=True)
        assert child.write(b"abc\n")
        assert await child.wait() == 0
        assert heard.data == b"abc\r\ngot abc\r\n"
        assert not child.write(b"more")

    bounded(run)


def test_a_terminal_is_the_controlling_one_and_has_a_size() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("echo here > /dev/tty; stty size", heard, tty=True)
        assert await child.wait() == 0
        assert heard.data == b"here\r\n24 80\r\n"

    bounded(run)


def test_control_c_interrupts_what_runs_in_the_terminal() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin("exec cat", heard, tty=True)
        child.write(b"up\n")
        await heard.until(b"up\r\nup\r\n")
        child.write(b"\x03")
        assert await child.wait() == 128 + signal.SIGINT

    bounded(run)


def test_long_input_reaches_a_slow_reader_whole() -> None:
    async def run() -> None:
        heard = Heard()
        child = await begin(
            "stty raw -echo; echo up; head -c 300000 | wc -c", heard, tty=True
        )
        await heard.until(b"up")
        assert child.write(b"x" * 300_000)
        await child.wait()
        assert heard.data.split() == [b"up", b"300000"]

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
        assert await child.kill() == 7
        assert heard.data.endswith(b"bye\n")
        assert await child.kill() == 7

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
def test_children_die_when_this_program_is_killed() -> None:
    agent = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from codex_oss.process import start

        async def main():
            def show(data):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            script = "sleep 1000 & echo $$ $!; wait"
            await (await start(("/bin/sh", "-c", script), cwd=Path("/"),
                               env=dict(os.environ), on_output=show)).wait()

        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        (sys.executable, "-c", agent), stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        pids = [int(word) for word in running.stdout.readline().split()]
        running.kill()

    async def run() -> None:
        for pid in pids:
            await until_ended(pid)

    assert len(pids) == 2
    bounded(run)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([b"abc"], "abc"),
        ([b"01234567"], "01234567"),
        ([b"0123456789"], "0123\n... 2 bytes omitted ...\n6789"),
        ([b"01", b"2345", b"", b"678", b"9ab"], "0123\n... 4 bytes omitted ...\n89ab"),
        ([b"a\xffb"], "a\ufffdb"),
        # The gap does not cut characters of two, three and four bytes in halves.
        (["123é___é123".encode()], "123\n... 7 bytes omitted ...\n123"),
        (["12€___€12".encode()], "12\n... 9 bytes omitted ...\n12"),
        (["1😀____😀1".encode()], "1\n... 12 bytes omitted ...\n1"),
        (["😀____😀".encode()], "😀\n... 4 bytes omitted ...\n😀"),
    ],
)
def test_a_buffer_keeps_head_and_tail(parts: list[bytes], text: str) -> None:
    buffer = HeadTail(8)
    for part in parts:
        buffer.add(part)
    assert buffer.text() == text
    assert buffer.total == sum(map(len, parts))
    buffer.clear()
    assert (buffer.text(), buffer.total) == ("", 0)


@given(st.lists(st.binary(max_size=40)))
def test_a_buffer_gives_the_same_text_for_every_chunking(parts: list[bytes]) -> None:
    pieces, whole = HeadTail(16), HeadTail(16)
    for part in parts:
        pieces.add(part)
    whole.add(b"".join(parts))
    assert pieces.text() == whole.text()
