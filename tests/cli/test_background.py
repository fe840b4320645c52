"""Commands in the background: listed, stopped by a person, told at the end."""

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from children import ENV, bounded, until_ended
from codex_oss import process
from codex_oss.cli import background
from codex_oss.cli.slash_commands import STOPPED, slashes
from codex_oss.tools.sessions import Background, Running, Sessions
from codex_oss.wiring.session import Opened
from talking import Talking, surrounded

LIMIT_S = 60
ENDS = "exit 3"
STAYS = "trap '' TERM HUP; setsid sleep 1000 & echo $!; echo up; wait"


def counting() -> Sessions:
    numbers = iter(range(64))
    return Sessions(lambda _: next(numbers))


async def begin(commands: Sessions, script: str) -> Running:
    """Start a command, and return it once it has said its last line."""
    running = Running("item", script, lambda _: None, cwd="/there", now=lambda: 0.0)
    heard = asyncio.Event()

    def hear(data: bytes) -> None:
        running.hear(data)
        if "up" in running.output:
            heard.set()

    child = await process.start(
        ("/bin/sh", "-c", script), cwd=Path("/"), env=ENV, on_output=hear
    )
    running.run(child, tty=False, at_end=lambda: None)
    await heard.wait()
    if script.endswith(ENDS):
        await running.wait()
    await commands.add(running)
    return running


def typed(
    scripts: Sequence[str], *lines: tuple[str, str]
) -> tuple[Talking, list[Running], list[Background]]:
    """Run scripts in the background, type commands, and return what came of it."""
    commands, talk = counting(), Talking()
    around = surrounded(Path("/"), commands)

    async def run() -> tuple[list[Running], list[Background]]:
        async with asyncio.timeout(LIMIT_S):
            running = [await begin(commands, script) for script in scripts]
            for name, rest in lines:
                await slashes(around)[name].run(talk, rest)
            left = commands.list()
            await commands.close()
            return running, left

    return talk, *asyncio.run(run())


def test_a_list_shows_what_runs_where_and_what_it_said_last() -> None:
    drawing = "printf 'a\\nup\\033[2J\\n\\n'; exec sleep 1000"
    talk, _, _ = typed([drawing, f"echo up; {ENDS}"], ("/ps", ""))
    assert talk.said == [
        f"  1000  {drawing}",
        "        runs · 0 s · in /there",
        "        > up\\x1b[2J",
        f"  1001  echo up; {ENDS}",
        "        ended with code 3 · 0 s · in /there",
        "        > up",
    ]


def test_where_nothing_runs_that_is_said() -> None:
    talk, _, _ = typed([], ("/ps", ""), ("/stop", ""), ("/stop", "7"))
    assert talk.said == ["No commands run in the background."] * 3
    assert talk.remarks == []


def test_one_is_stopped_with_all_it_started_and_the_model_is_told() -> None:
    talk, running, left = typed([STAYS, "echo up; exec sleep 1000"], ("/stop", "1000"))
    assert talk.said == [f"  ended: 1000  {STAYS}"]
    assert talk.remarks == [STOPPED.format(id=1000, command=STAYS)]
    assert [each.running for each in left] == [False, True]
    bounded(lambda: until_ended(int(running[0].output.split()[0])))


@pytest.mark.parametrize("which", ["", "all"])
def test_all_are_stopped_as_codex_does_where_none_is_named(which: str) -> None:
    script = "echo up; exec sleep 1000"
    talk, _, left = typed([script, script], ("/stop", which))
    assert talk.said == [f"  ended: {number}  {script}" for number in (1000, 1001)]
    assert len(talk.remarks) == 2
    assert [each.running for each in left] == [False, False]


def test_an_id_that_nothing_has_stops_nothing() -> None:
    talk, _, left = typed(["echo up; exec sleep 1000"], ("/stop", "1001\x1b[2J"))
    assert talk.said == ["No command with the id 1001\\x1b[2J runs; /ps lists them."]
    assert talk.remarks == []
    assert [each.running for each in left] == [True]


class Kept:
    """A session's commands as the end of it finds them."""

    def __init__(self, commands: list[Background]) -> None:
        self._commands = commands
        self.closed = False

    @property
    def commands(self) -> "Kept":
        return self

    def list(self) -> list[Background]:
        return self._commands

    async def close(self) -> None:
        self.closed = True


def test_the_end_of_a_conversation_names_what_ended_with_it() -> None:
    def one(number: int, *, running: bool) -> Background:
        return Background(
            id=number, command=f"run\x1b {number}", cwd="/", seconds=65, running=running
        )

    kept = Kept([one(0, running=False), *(one(n, running=True) for n in range(1, 13))])
    err = io.StringIO()
    asyncio.run(background.close(cast("Opened", kept), err))
    assert kept.closed
    assert err.getvalue().splitlines() == [
        *(
            f"ended with this conversation: run\\x1b {n} (ran for 1 min 05 s)"
            for n in range(1, 11)
        ),
        "and 2 more commands",
    ]


def test_what_is_long_is_cut() -> None:
    assert background.one_line("x" * 201) == "x" * 199 + "…"
    assert background.age(7500) == "2 h 05 min"
    assert background.age(12) == "12 s"
