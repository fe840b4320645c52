"""One model at several servers: conversations stay, and go on when one dies."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack
from typing import ClassVar, TypeVar

import pytest

from asking import Pauses
from asking_ollama import Taken
from codex_oss.config.provider import Provider
from codex_oss.errors import (
    BadRequest,
    Busy,
    CodexOssError,
    Loading,
    ModelError,
    ServerFault,
    StreamCut,
    Unreachable,
)
from codex_oss.facts import Retried
from codex_oss.items import Message, OutputText, text_of, user
from codex_oss.net import Client
from codex_oss.ports import Model, Note, Outlet, unheard
from codex_oss.providers import ProbeMemory, connect
from codex_oss.providers.endpoint import site
from codex_oss.providers.replicas import Replicas
from codex_oss.providers.replicated import ReplicatedModel, conversation
from codex_oss.providers.retry import Pause
from codex_oss.wire import responses
from fake_server import (
    WAIT_S,
    Answer,
    FakeServer,
    Reply,
    Scripted,
    Seen,
    chat_text,
    chat_turn,
    sse,
)

T = TypeVar("T")

CREATED = responses.Created(response=responses.Response(id="r"))
DELTA = responses.OutputTextDelta(delta="a")
COMPLETED = responses.Completed(response=responses.Response(id="r"))
ANSWER: tuple[responses.Event, ...] = (CREATED, DELTA, COMPLETED)
FAILED = responses.Failed(
    response=responses.Response(
        id="r", error=responses.ResponseError("server_error", "out of memory")
    )
)
Script = tuple[responses.Event | CodexOssError, ...]


def request(key: str | None = "a", text: str = "hi") -> responses.Request:
    return responses.Request(model="m", input=[user(text)], prompt_cache_key=key)


class Server:
    """A model that answers by script; the last answer repeats."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts or (ANSWER,))
        self.keys: list[str | None] = []
        self.pause: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        self.keys.append(request.prompt_cache_key or None)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        for step in script:
            await self.pause()
            if isinstance(step, CodexOssError):
                raise step
            yield step

    async def load(self) -> None:
        return

    async def warm(self, request: responses.Request) -> None:
        self.keys.append(request.prompt_cache_key or None)

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        async for event in self.stream(request):
            outlet.put([event])

    async def window(self) -> int | None:
        return None

    async def sees(self) -> bool | None:
        return None

    async def close(self) -> None:
        pass


class Fleet:
    """Servers by their ranks for conversation ``a``, and the model in front."""

    def __init__(self, *servers: Server, limit: int = 0) -> None:
        self.clock = Sleepless()
        urls = [f"http://10.0.0.{n}:8000/v1" for n in range(len(servers))]
        sites = [site("x", Provider(name="X", base_url=u), {}, "1") for u in urls]
        self.replicas = Replicas(sites, Client({}), self.clock)
        ranked = self.replicas.ranked("a")
        self.urls = [each.url for each in ranked]
        self.model = ReplicatedModel(
            dict(zip(self.urls, servers, strict=True)),
            self.replicas,
            limit=limit,
            pause=Pause(self.clock, lambda: 0.5),
        )


class Sleepless(Pauses):
    """A clock whose sleeps take no time, but for checks, which never come."""

    async def sleep(self, seconds: float) -> None:
        if asyncio.current_task() in Sleepless.mains:
            await super().sleep(seconds)
        else:
            await asyncio.Event().wait()

    mains: ClassVar[set[asyncio.Task[object] | None]] = set()


def run(use: Callable[[], Awaitable[T]]) -> T:
    async def bounded() -> T:
        Sleepless.mains = {asyncio.current_task()}
        async with asyncio.timeout(WAIT_S):
            return await use()

    return asyncio.run(bounded())


async def streamed(model: Model, asked: responses.Request) -> list[responses.Event]:
    return [event async for event in model.stream(asked)]


async def poured(model: Model, asked: responses.Request) -> Taken:
    kept = Taken()
    await model.pour(asked, kept)
    return kept


# --- conversations -------------------------------------------------------------------


def test_turns_of_conversations_stay_at_their_server_under_load() -> None:
    """50 conversations of 20 turns at a time, at 4 servers that take their time."""
    chance = random.Random(7)

    async def talk(fleet: Fleet, key: str) -> None:
        for turn in range(20):
            for _ in range(chance.randrange(5)):  # commands run in between
                await asyncio.sleep(0)
            await streamed(fleet.model, request(key, f"turn {turn}"))

    async def check() -> None:
        servers = [Server() for _ in range(4)]
        for server in servers:
            server.pause = lambda: _breathe(chance.randrange(1, 6))
        fleet = Fleet(*servers)
        keys = [f"conversation {number}" for number in range(50)]
        await asyncio.gather(*(talk(fleet, key) for key in keys))
        at_home = 0
        for key in keys:
            counts = [server.keys.count(key) for server in servers]
            assert sum(counts) == 20
            at_home += max(counts)
        assert at_home >= 0.95 * 50 * 20
        assert min(len(server.keys) for server in servers) > 100

    run(check)


async def _breathe(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


def test_a_conversation_without_a_key_is_known_by_how_it_began() -> None:
    opening = [user("mend the parser"), user("quickly")]
    first = responses.Request(model="m", input=[*opening])
    answer = Message(role="assistant", content=[OutputText(text="Done.")])
    later = responses.Request(
        model="m", input=[*opening, answer, user("and the tests")]
    )
    other = responses.Request(model="m", input=[user("mend the lexer")])
    assert conversation(first) == conversation(later)
    assert conversation(first) != conversation(other)
    assert conversation(request("key", "x")) == "key"
    assert conversation(responses.Request(model="m", input=[])) is None


# --- another server ------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        (Unreachable("nobody there"),),
        (CREATED, StreamCut("gone")),
        (ServerFault("500"),),
        (Busy("queue full"),),
        (Loading("reads its model"),),
        (CREATED, FAILED),
    ],
)
def test_what_fails_before_anything_was_shown_is_asked_elsewhere(
    script: Script,
) -> None:
    async def check() -> None:
        fleet = Fleet(Server(script), Server())
        assert await streamed(fleet.model, request()) == list(ANSWER)
        kept = await poured(Fleet(Server(script), Server()).model, request())
        assert [e for e in kept.events if e is not CREATED] == [DELTA, COMPLETED]
        assert [type(fact) for fact in kept.facts] == [Retried]
        await fleet.model.close()

    run(check)


@pytest.mark.parametrize("error", [StreamCut("gone"), ServerFault("500")])
def test_what_fails_after_the_first_delta_is_asked_of_nobody_else(
    error: ModelError,
) -> None:
    async def check() -> None:
        for ask in (streamed, poured):
            second = Server()
            fleet = Fleet(Server((CREATED, DELTA, error)), second)
            with pytest.raises(type(error)) as caught:
                await ask(fleet.model, request())
            assert caught.value is error
            assert second.keys == []
            await fleet.model.close()

    run(check)


def test_the_next_turn_after_a_cut_goes_elsewhere_at_once() -> None:
    async def check() -> None:
        first, second = Server((DELTA, StreamCut("gone"))), Server()
        fleet = Fleet(first, second)
        with pytest.raises(StreamCut):
            await streamed(fleet.model, request())
        assert await streamed(fleet.model, request()) == list(ANSWER)
        assert (len(first.keys), len(second.keys)) == (1, 1)
        await fleet.model.close()

    run(check)


def test_a_request_that_is_wrong_is_wrong_everywhere() -> None:
    async def check() -> None:
        second = Server()
        fleet = Fleet(Server((BadRequest("no such field"),)), second)
        with pytest.raises(BadRequest):
            await streamed(fleet.model, request())
        assert second.keys == []

    run(check)


def test_when_no_server_answers_all_are_asked_again_and_then_all_are_named() -> None:
    async def check() -> None:
        one, other = (Server((Unreachable(why),)) for why in ("no route", "refused"))
        fleet = Fleet(one, other, limit=2)
        with pytest.raises(Unreachable) as caught:
            await streamed(fleet.model, request())
        told = f"{fleet.urls[0]}: no route; {fleet.urls[1]}: refused"
        assert str(caught.value) == f"none of the 2 servers answers: {told}"
        assert (len(one.keys), len(other.keys)) == (3, 3)
        assert fleet.clock.slept == [0.2, 0.4]
        await fleet.model.close()

    run(check)


def test_when_all_read_their_model_they_are_waited_for() -> None:
    async def check() -> None:
        loading = (Loading("reads its model", delay_s=2),)
        fleet = Fleet(Server(loading, loading, ANSWER), Server(loading))
        assert await streamed(fleet.model, request()) == list(ANSWER)
        assert fleet.clock.slept == [2, 2]

    run(check)


def test_a_listener_that_leaves_frees_the_server() -> None:
    async def check() -> None:
        fleet = Fleet(Server(), Server())
        answer = fleet.model.stream(request())
        await anext(answer)
        assert sum(each.in_flight for each in fleet.replicas.health()) == 1
        await answer.aclose()
        assert sum(each.in_flight for each in fleet.replicas.health()) == 0

    run(check)


def test_what_is_read_beforehand_is_read_where_the_conversation_goes() -> None:
    async def check() -> None:
        servers = [Server(), Server(), Server()]
        fleet = Fleet(*servers)
        await fleet.model.warm(request())
        assert [server.keys for server in servers] == [["a"], [], []]

    run(check)


# --- real servers --------------------------------------------------------------------


def connected(urls: list[str], client: Client) -> Model:
    provider = Provider(
        name="Fake",
        base_url=f"{urls[0]}/v1",
        base_urls=tuple(f"{url}/v1" for url in urls),
        wire_api="chat",
    )
    return connect(
        "fake",
        provider,
        "m",
        env={},
        client=client,
        memory=ProbeMemory(),
        version="1",
        clock=Sleepless(),
    )


def texts(events: list[responses.Event]) -> list[str]:
    items = [e.item for e in events if isinstance(e, responses.OutputItemDone)]
    return [text_of(item.content) for item in items if isinstance(item, Message)]


def models(count: int) -> list[Scripted]:
    return [chat_turn(chat_text(f"server {number}")) for number in range(count)]


def test_a_server_that_dies_between_turns_is_replaced_and_nothing_is_lost() -> None:
    async def check(stack: ExitStack, servers: list[FakeServer]) -> None:
        client = Client({})
        model = connected([server.url for server in servers], client)
        keys = [f"k{number}" for number in range(40)]

        async def all_turns() -> dict[str, str]:
            told = {k: texts(await streamed(model, request(k))) for k in keys}
            assert all(len(each) == 1 for each in told.values())
            return {key: each[0] for key, each in told.items()}

        homes = await all_turns()
        assert await all_turns() == homes
        assert set(Counter(homes.values())) == {"server 0", "server 1", "server 2"}
        stack.pop_all().close()
        stays = {k: home for k, home in homes.items() if home != "server 2"}
        after = await all_turns()
        assert {key: after[key] for key in stays} == stays
        assert "server 2" not in after.values()
        await model.close()

    with (
        FakeServer(models(1)) as one,
        FakeServer(models(2)[1:]) as two,
        ExitStack() as stack,
    ):
        three = stack.enter_context(FakeServer(models(3)[2:]))
        run(lambda: check(stack, [one, two, three]))


def test_a_server_that_hangs_up_in_the_middle_of_an_answer_is_not_hidden() -> None:
    answers: list[Scripted] = [
        Reply(chunks=[sse([chat_text("I have")])], cut=True),
        chat_turn(chat_text("once more")),
    ]

    def answer(_: Seen) -> Answer:
        scripted = answers.pop(0)
        assert not callable(scripted)
        return scripted

    async def check(urls: list[str]) -> list[str]:
        model = connected(urls, Client({}))
        try:
            with pytest.raises(StreamCut):
                await streamed(model, request())
            return texts(await streamed(model, request()))
        finally:
            await model.close()

    with FakeServer([answer]) as one, FakeServer([answer]) as two:
        assert run(lambda: check([one.url, two.url])) == ["once more"]
        assert [len(server.posts) for server in (one, two)] == [1, 1]
