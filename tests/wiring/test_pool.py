"""Engines that several share: started once, ended with their last user, never dead."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from codex_oss.engines.base import Ready
from codex_oss.engines.choose import Choice
from codex_oss.errors import EngineError
from codex_oss.wiring.ending import Endings, end_all
from codex_oss.wiring.pool import Key, Pool
from codex_oss.wiring.survey import Answering, Survey
from fake_server import FakeServer, Reply, Seen, closed_port

KEY = Key(
    engine="embedded",
    model="m",
    url="",
    context_length=None,
    threads=None,
    models="/models",
)
CHOICE = Choice(engine="embedded", model="m", why="It was asked for")
MODELS = {"/v1/models": {"object": "list"}}


class Begun:
    """Starts engines at a URL, each when it may; remembers the starts and ends."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.may = asyncio.Event()
        self.may.set()
        self.fails = False
        self.ending = asyncio.Event()
        self.slowly: asyncio.Event | None = None
        self.first = asyncio.Event()
        self.begun = 0
        self.ended = 0

    async def __call__(self, end: Endings) -> Answering:
        self.begun += 1
        self.first.set()
        end.append(self._end)
        await self.may.wait()
        if self.fails:
            raise EngineError("it does not start")
        ready = Ready(
            base_url=f"{self.url}/v1",
            model="m",
            context_window=4096,
            api_key="k",
            server="llamacpp",
        )
        return Answering(survey=Survey(choice=CHOICE), ready=ready)

    async def _end(self) -> None:
        self.ending.set()
        if self.slowly is not None:
            await self.slowly.wait()
        self.ended += 1


def talk(test: Callable[[Pool, Begun], Awaitable[None]], url: str) -> None:
    """Run a test with a pool, which is closed in the end."""

    async def run() -> None:
        pool, begun = Pool({}), Begun(url)
        async with asyncio.timeout(60):
            await test(pool, begun)
            await pool.close()
        assert begun.ended == begun.begun

    asyncio.run(run())


def test_who_asks_for_the_same_gets_the_same_until_the_last_has_left() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        first: Endings = []
        second: Endings = []
        one = await pool.share().take(KEY, begun, first)
        assert await pool.share().take(KEY, begun, second) is one
        await end_all(first)
        assert (begun.begun, begun.ended) == (1, 0)
        await end_all(second)
        assert (begun.begun, begun.ended) == (1, 1)
        await pool.share().take(KEY, begun, [])
        assert begun.begun == 2

    with FakeServer(get=MODELS) as server:
        talk(test, server.url)
        assert server.requests[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, engine="ollama"),
        replace(KEY, model="n"),
        replace(KEY, context_length=8192),
        replace(KEY, threads=1),
    ],
)
def test_who_asks_for_another_gets_another(other: Key) -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        await pool.share().take(KEY, begun, [])
        await pool.share().take(other, begun, [])
        assert begun.begun == 2

    with FakeServer(get=MODELS) as server:
        talk(test, server.url)


def test_two_who_come_at_once_wait_for_one_start() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        begun.may.clear()
        takes = [
            asyncio.ensure_future(pool.share().take(KEY, begun, [])) for _ in range(2)
        ]
        await begun.first.wait()
        begun.may.set()
        one, two = await asyncio.gather(*takes)
        assert one is two
        assert begun.begun == 1

    talk(test, "http://127.0.0.1:9")


def test_who_leaves_during_the_start_does_not_break_it_off_for_others() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        begun.may.clear()
        ends: list[Endings] = [[], []]
        takes = [
            asyncio.ensure_future(pool.share().take(KEY, begun, end)) for end in ends
        ]
        await begun.first.wait()
        takes[0].cancel()
        await asyncio.wait(takes[:1])
        await end_all(ends[0])
        assert begun.ended == 0
        begun.may.set()
        assert (await takes[1]).ready.model == "m"

    talk(test, "http://127.0.0.1:9")


def test_the_last_who_leaves_breaks_the_start_off() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        begun.may.clear()
        end: Endings = []
        take = asyncio.ensure_future(pool.share().take(KEY, begun, end))
        await begun.first.wait()
        take.cancel()
        await asyncio.wait([take])
        await end_all(end)
        assert begun.ended == 1

    talk(test, "http://127.0.0.1:9")


def test_who_is_broken_off_while_leaving_does_not_keep_it_from_ending() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        begun.slowly = asyncio.Event()
        end: Endings = []
        await pool.share().take(KEY, begun, end)
        leaving = asyncio.ensure_future(end_all(end))
        await begun.ending.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        begun.slowly.set()

    talk(test, "http://127.0.0.1:9")


def test_a_start_that_fails_is_everybodys_error_and_the_next_is_a_new_one() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        begun.fails = True
        ends: list[Endings] = [[], []]
        told = await asyncio.gather(
            *(pool.share().take(KEY, begun, end) for end in ends),
            return_exceptions=True,
        )
        assert [str(each) for each in told] == ["it does not start"] * 2
        begun.fails = False
        await pool.share().take(KEY, begun, [])
        assert begun.begun == 2
        for end in ends:
            await end_all(end)
        assert begun.ended == 1

    talk(test, "http://127.0.0.1:9")


def test_an_engine_that_has_died_is_not_handed_out() -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        with closed_port() as port:
            begun.url = f"http://127.0.0.1:{port}"
            dead: Endings = []
            share = pool.share()
            assert await share.lives()
            await share.take(KEY, begun, dead)
            assert not await share.lives()
            begun.url = server.url
            answering = await pool.share().take(KEY, begun, [])
        assert answering.ready.base_url == f"{server.url}/v1"
        assert begun.begun == 2
        await end_all(dead)
        assert await pool.share().take(KEY, begun, []) is answering

    with FakeServer(get=MODELS) as server:
        talk(test, server.url)


@pytest.mark.parametrize(
    ("said", "begun_in_all"),
    [
        (Reply(status=503, body="{}"), 1),
        (Reply(status=500, body="{}"), 1),
        (Reply(status=401, body="{}"), 2),
        (Reply(status=404, body="{}"), 2),
        (Reply(raw=b""), 2),
    ],
    ids=["busy", "fault", "key", "path", "dying"],
)
def test_one_that_is_busy_lives_and_a_stranger_at_its_port_does_not(
    said: Reply, begun_in_all: int
) -> None:
    async def test(pool: Pool, begun: Begun) -> None:
        await pool.share().take(KEY, begun, [])
        await pool.share().take(KEY, begun, [])
        assert begun.begun == begun_in_all

    def busy(seen: Seen) -> Reply:
        return said

    with FakeServer(get={"/v1/models": busy}) as server:
        talk(test, server.url)
