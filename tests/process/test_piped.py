"""Programs that are talked to on stdin and stdout: real processes only."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from children import ENV, bounded, needs_linux, runs, until_ended
from codex_oss.process import piped as piping
from codex_oss.process.piped import Piped, start_piped

# In its own group, in another session, without a parent; deaf to what can be refused.
DEAF = (
    "trap '' HUP INT TERM;"
    " (setsid sh -c 'echo $$; exec sleep 1000' &);"
    " sh -c 'echo $$; exec sleep 1000' &"
    " echo $$; while :; do sleep 1000; done"
)
COUNT = 3
AGENT = """
import asyncio, os, sys
from pathlib import Path
from codex_oss.process import marks
from codex_oss.process.piped import start_piped

if sys.argv[2] == "unmarked":
    marks.new = lambda: marks.NONE

async def main():
    argv = ("/bin/sh", "-c", sys.argv[1])
    piped = await start_piped(argv, cwd=Path("/"), env=dict(os.environ), limit=100)
    async for line in piped.lines():
        print(int(line), flush=True)

asyncio.run(main())
"""


async def begin(script: str, limit: int = 65536) -> Piped:
    argv = ("/bin/sh", "-c", script)
    return await start_piped(argv, cwd=Path("/"), env=ENV, limit=limit)


async def numbers(piped: Piped, count: int) -> list[int]:
    found: list[int] = []
    async with contextlib.aclosing(piped.lines()) as lines:
        async for line in lines:
            found.append(int(line))
            if len(found) == count:
                break
    return found


def test_what_is_written_is_answered_and_what_it_says_is_kept() -> None:
    async def run() -> None:
        piped = await begin("echo one word >&2; read x; echo got $x; exit 3")
        await piped.write(b"this\n")
        assert [line async for line in piped.lines()] == [b"got this\n"]
        assert await piped.code() == 3
        assert piped.said() == "one word"
        await piped.end()

    bounded(run)


def test_the_signal_that_ended_it_is_its_code() -> None:
    async def run() -> None:
        piped = await begin("kill -9 $$")
        assert [line async for line in piped.lines()] == []
        assert await piped.code() == -signal.SIGKILL
        await piped.end()

    bounded(run)


def test_a_line_that_is_too_long_is_an_error() -> None:
    async def run() -> None:
        piped = await begin("head -c 1000 /dev/zero; exec sleep 1000", limit=100)
        with pytest.raises(ValueError, match="limit"):
            await anext(piped.lines())
        await piped.end()

    bounded(run)


def test_a_program_that_does_not_exist_is_an_error_of_the_system() -> None:
    async def run() -> None:
        with pytest.raises(FileNotFoundError):
            await start_piped(("/no/such",), cwd=Path("/"), env=ENV, limit=1)

    bounded(run)


@needs_linux
def test_the_end_reaches_all_that_it_started() -> None:
    async def run() -> None:
        piped = await begin(DEAF)
        pids = await numbers(piped, COUNT)
        assert all(map(runs, pids))
        await piped.end()
        assert not any(map(runs, pids))

    bounded(run)


@needs_linux
@pytest.mark.parametrize(
    ("script", "marks", "count"),
    [(DEAF, "marked", COUNT), ("trap '' TERM; echo $$; sleep 1000", "unmarked", 1)],
    ids=["marked", "unmarked"],
)
def test_it_ends_when_we_are_killed_though_it_takes_no_notice_of_its_stdin(
    script: str, marks: str, count: int
) -> None:
    with subprocess.Popen(
        (sys.executable, "-c", AGENT, script, marks),
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as ours:
        assert ours.stdout is not None
        pids = [int(ours.stdout.readline()) for _ in range(count)]
        assert all(map(runs, pids))
        ours.kill()

        async def ended() -> None:
            for pid in pids:
                await until_ended(pid)

        bounded(ended)


def test_being_cancelled_at_the_end_still_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(piping, "GRACE_S", 1000)

    async def run() -> None:
        piped = await begin("trap '' TERM; echo $$; while :; do sleep 1000; done")
        (pid,) = await numbers(piped, 1)
        ending = asyncio.create_task(piped.end())
        await asyncio.wait([ending], timeout=0.05)
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert not runs(pid)

    bounded(run)
