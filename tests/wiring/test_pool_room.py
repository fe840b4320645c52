"""Engines that share the machine's memory: the idle ones make room for the next."""

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest

import fake_gguf
from codex_oss import process
from codex_oss.engines import fit
from codex_oss.engines.base import Ready
from codex_oss.engines.choose import Choice
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.engines.revival import Revival
from codex_oss.net import Client
from codex_oss.ports import unheard
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.model import Served, start_engine
from codex_oss.wiring.pool import Key, Pool
from codex_oss.wiring.survey import Answering, Survey
from config_home import loader
from llamacpp_bench import FAKE, props

LIMIT_S = 60
GB = 10**9
CHOICE = Choice(engine="embedded", model="m", why="It was asked for")


# --- whether there is room -----------------------------------------------------------


@pytest.mark.parametrize(
    ("need", "held", "cards", "fits"),
    [
        (9 * GB, 0, (), True),
        (9 * GB, GB, (), False),
        (10 * GB, 0, (), False),
        (9 * GB, GB, (Card(name="c", memory=GB, free=GB),), True),
    ],
)
def test_files_of_models_that_run_are_not_free(
    need: int, held: int, cards: tuple[Card, ...], *, fits: bool
) -> None:
    host = Host(memory=16 * GB, free=10 * GB, cards=cards)
    assert fit.has_room(need, host, held=held) is fits


def test_an_unknown_machine_has_room() -> None:
    assert fit.has_room(9 * GB, Host(), held=GB)


# --- who makes room ------------------------------------------------------------------


class Child:
    """A process that ends when it is told to."""

    def __init__(self) -> None:
        self.exit_code: int | None = None

    async def kill(self) -> int:
        self.exit_code = 143
        return 143


class Machine:
    """Ten gigabytes of memory, and engines whose models take four each."""

    def __init__(self) -> None:
        self.now = 0.0
        self.children: dict[str, list[Child]] = {}
        self.revivals: dict[str, Revival] = {}
        self.pool = Pool({}, self._host)

    async def _host(self) -> Host:
        taken = sum(self.runs(name) for name in self.children)
        return Host(memory=12 * GB, free=(10 - 4 * taken) * GB)

    def runs(self, name: str) -> bool:
        return self.children[name][-1].exit_code is None

    async def engine(self, name: str) -> Revival:
        """Take an engine of the pool, as a conversation does."""
        key = Key(name, "m", "", None, None, "/models")

        async def child() -> process.Child:
            await self.pool.make_room(4 * GB)
            self.children.setdefault(name, []).append(Child())
            return cast("process.Child", self.children[name][-1])

        async def begin(end: Endings) -> Answering:
            revival = Revival(name, await child(), child, now=lambda: self.now)
            end.append(revival.close)
            ready = Ready(
                base_url="http://127.0.0.1:1/v1",
                model="m",
                context_window=1,
                api_key=None,
                server="llamacpp",
            )
            return Answering(survey=Survey(choice=CHOICE), ready=ready, reviver=revival)

        answering = await self.pool.share().take(key, begin, [])
        assert answering.reviver is not None
        self.revivals[name] = answering.reviver
        return answering.reviver

    async def use(self, name: str) -> None:
        (await self.revivals[name].ready(b"a", unheard))(False)


def talk(test: Callable[[Machine], Awaitable[None]]) -> None:
    async def run() -> None:
        machine = Machine()
        async with asyncio.timeout(LIMIT_S):
            await test(machine)
            await machine.pool.close()

    asyncio.run(run())


def test_the_one_that_was_not_used_for_the_longest_time_goes_and_comes_back() -> None:
    async def test(machine: Machine) -> None:
        for name in ("first", "second"):
            await machine.engine(name)
        for machine.now, name in ((1.0, "first"), (2.0, "second"), (3.0, "first")):
            await machine.use(name)
        machine.now = 4.0
        await machine.engine("third")
        names = ("first", "second", "third")
        assert [machine.runs(name) for name in names] == [True, False, True]
        machine.now = 5.0
        await machine.use("second")
        assert [machine.runs(name) for name in names] == [False, True, True]

    talk(test)


def test_one_that_is_at_work_is_left_alone() -> None:
    async def test(machine: Machine) -> None:
        overs = [
            await (await machine.engine(name)).ready(b"a", unheard)
            for name in ("first", "second")
        ]
        await machine.engine("third")
        assert all(machine.runs(name) for name in machine.children)
        for over in overs:
            over(False)

    talk(test)


def test_a_conversation_that_joins_one_that_rests_gets_it_awake() -> None:
    async def test(machine: Machine) -> None:
        first = await machine.engine("first")
        await first.rest()
        assert await machine.engine("first") is first
        assert machine.runs("first")

    talk(test)


# --- the embedded engine -------------------------------------------------------------


def test_two_models_take_turns_where_only_one_has_room(tmp_path: Path) -> None:
    env = {
        "HOME": str(tmp_path),
        "CODEX_OSS_HOME": str(tmp_path / "state"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(FAKE),
        "FAKE_LLAMACPP": "serve",
        "LLAMACPP_FOLDER": str(tmp_path),
    }
    revivals: list[Revival] = []

    async def small() -> Host:
        return Host(memory=1, free=0 if any(r.runs for r in revivals) else 1 << 50)

    async def take(pool: Pool, client: Client, name: str, end: Endings) -> int:
        model = tmp_path / name
        model.write_bytes(fake_gguf.encode())
        loaded = loader(tmp_path)("", env=env)
        provider = loaded.config.model_providers["embedded"]
        served = Served("embedded", provider, str(model), pool=pool.share())
        engaged = await start_engine(served, loaded, env, client, io.StringIO(), end)
        revival = engaged.answering.reviver
        assert revival is not None
        revivals.append(revival)
        assert {id(r) for r in revivals if r.runs} == {id(revival)}
        return (await props(engaged.answering.ready, client))["pid"]

    async def run() -> list[int]:
        pool, client, end = Pool(env, small), Client({}), Endings()
        try:
            async with asyncio.timeout(LIMIT_S):
                names = ("a.gguf", "b.gguf", "a.gguf")
                return [await take(pool, client, name, end) for name in names]
        finally:
            await end_all(end)
            await client.close()
            await pool.close()

    assert len(set(asyncio.run(run()))) == 3
    assert revivals[2] is revivals[0]
