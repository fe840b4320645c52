"""Children at a terminal of their own."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

import pytest

from children import (
    Heard,
    begin,
    begin_inside,
    bounded,
    needs_bwrap,
    needs_linux,
    runs,
    until_ended,
)
from codex_oss.process import Child

EVERYWHERE = pytest.mark.parametrize(
    "way",
    [
        pytest.param(begin, id="outside"),
        pytest.param(begin_inside, id="bwrap", marks=needs_bwrap),
    ],
)
Way = Callable[..., Awaitable[Child]]


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


@EVERYWHERE
def test_long_input_reaches_a_slow_reader_whole(way: Way) -> None:
    async def run() -> None:
        heard = Heard()
        child = await way(
            "stty raw isig -echo; echo up; head -c 300000 | wc -c", heard, tty=True
        )
        await heard.until(b"up")
        assert child.write(b"x" * 300_000)
        await child.wait()
        assert heard.data.split() == [b"up", b"300000"]

    bounded(run)


@EVERYWHERE
@pytest.mark.parametrize(("key", "name"), [(b"\x03", "INT"), (b"\x1c", "QUIT")])
def test_a_key_lets_a_command_end_in_its_own_way(
    way: Way, key: bytes, name: str
) -> None:
    async def run() -> None:
        heard = Heard()
        script = f"trap 'echo caught; exit 9' {name}; echo up"
        child = await way(f"{script}; while :; do sleep 0.05; done", heard, tty=True)
        await heard.until(b"up")
        assert child.write(key)
        assert await child.wait() == 9
        assert heard.data.endswith(b"caught\r\n")

    bounded(run)


@EVERYWHERE
def test_control_c_is_an_ordinary_byte_where_the_terminal_says_so(way: Way) -> None:
    async def run() -> None:
        heard = Heard()
        child = await way("stty raw -echo; echo up; head -c 3 | od -c", heard, tty=True)
        await heard.until(b"up")
        assert child.write(b"a\x03b")
        assert await child.wait() == 0
        assert b"a 003   b" in heard.data

    bounded(run)


@EVERYWHERE
def test_what_is_typed_around_control_c_keeps_its_order(way: Way) -> None:
    async def run() -> None:
        heard = Heard()
        script = "read a; echo got $a; until read b; do :; done; echo $a+$b"
        child = await way(f"trap 'echo caught' INT; {script}", heard, tty=True)
        assert child.write(b"one\n")
        await heard.until(b"got one")
        assert child.write(b"\x03two\n")
        assert await child.wait() == 0
        assert b"caught" in heard.data
        assert heard.data.endswith(b"one+two\r\n")

    bounded(run)


@EVERYWHERE
def test_a_new_size_is_told_to_what_runs_at_the_terminal(way: Way) -> None:
    async def run() -> None:
        heard = Heard()
        script = "trap 'stty size; exit' WINCH; echo up; while :; do sleep 0.05; done"
        child = await way(script, heard, tty=True)
        await heard.until(b"up")
        assert child.resize(50, 132)
        assert await child.wait() == 0
        assert heard.data == b"up\r\n50 132\r\n"
        assert not child.resize(1, 1)

    bounded(run)


def test_a_child_without_terminal_has_no_size() -> None:
    async def run() -> None:
        child = await begin("sleep 1000", Heard())
        assert not child.resize(50, 132)
        await child.kill()

    bounded(run)


@EVERYWHERE
def test_a_shell_controls_its_jobs(way: Way) -> None:
    """Ctrl-Z stops a job, `fg` continues it, Ctrl-C ends it and not the shell."""

    async def run() -> None:
        heard = Heard()
        child = await way("export PS1=; exec sh -i", heard, tty=True)
        assert child.write(b"cat\n")
        assert child.write(b"first\n")
        await heard.until(b"first\r\nfirst\r\n")
        assert child.write(b"\x1a")
        await heard.until(b"Stopped")
        assert child.write(b"fg\n")
        await heard.until(b"\ncat")
        assert child.write(b"second\n")
        await heard.until(b"second\r\nsecond\r\n")
        assert child.write(b"\x03")
        await heard.until(b"^C\r\n")
        assert child.write(b"echo alive\n")
        await heard.until(b"\nalive\r\n")
        await child.kill()

    bounded(run)


@EVERYWHERE
def test_ending_a_terminal_hangs_up_first(way: Way) -> None:
    async def run() -> None:
        heard = Heard()
        script = "trap 'echo bye; exit 7' HUP; echo up; while :; do sleep 0.05; done"
        child = await way(script, heard, tty=True)
        await heard.until(b"up")
        assert await child.kill(grace_s=1000) == 7
        assert heard.data.endswith(b"bye\r\n")

    bounded(run)


@needs_linux
def test_a_shell_at_a_terminal_and_its_stopped_job_end_in_grace() -> None:
    """A shell at a terminal takes no notice of SIGTERM."""

    async def run() -> None:
        heard = Heard()
        child = await begin("export PS1=; exec sh -i", heard, tty=True)
        child.write(b"sh -c 'echo $$; kill -STOP $$; sleep 1000'; echo back\n")
        await heard.until(b"\nback\r\n")
        (pid,) = await heard.numbers(1)
        assert runs(pid)
        await child.kill(grace_s=1000)
        await until_ended(pid)

    bounded(run)


@needs_linux
def test_output_ends_when_nobody_has_the_terminal_open() -> None:
    """The system tells it by an error, EIO, while the child still runs."""

    async def run() -> None:
        heard = Heard()
        script = "echo up; exec <&- >&- 2>&-; exec sleep 1000"
        child = await begin(script, heard, tty=True)
        await heard.until(b"up")
        while child.write(b""):  # noqa: ASYNC110  nobody else hears of it
            await asyncio.sleep(0)
        os.kill(child.pid, 0)
        assert await child.kill(grace_s=1000) == 128 + signal.SIGHUP

    bounded(run)
