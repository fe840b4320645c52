"""A model made ready while nobody asks it anything."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from codex_oss import events
from codex_oss.agent.context import Frame
from codex_oss.agent.session import Parts, Session
from codex_oss.agent.warmth import Warmth
from codex_oss.errors import ServerFault
from codex_oss.facts import Reading, Retried, Truncated
from codex_oss.items import user
from codex_oss.wire import responses
from fakes import FakeClock, MemoryJournal, ScriptedModel, finished, said

REQUEST = responses.Request(model="m", input=[user("w")])


class Cold(ScriptedModel):
    """A model whose load and warm-up end when a test says so."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__([said("hi"), finished()])
        self.told: list[str] = []
        self.loaded = asyncio.Event()
        self.read = asyncio.Event()
        self._error = error

    async def load(self) -> None:
        await self._do("load", self.loaded)

    async def warm(self, request: responses.Request) -> None:
        self.warmed.append(request)
        await self._do("read", self.read)

    async def _do(self, what: str, end: asyncio.Event) -> None:
        self.told.append(what)
        try:
            if self._error is not None:
                raise self._error
            await end.wait()
            self.told.append(f"{what} ended")
        except asyncio.CancelledError:
            self.told.append(f"{what} cancelled")
            raise


def run(use: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await use()

    asyncio.run(bounded())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def session_of(model: ScriptedModel) -> Session:
    return Session(
        Parts(
            thread_id="t",
            model=model,
            tools={},
            frame=Frame(model="m", instructions="be good", tools=[], cache_key="t"),
            surroundings=[user("w")],
            cwd=Path("/w"),
            journal=MemoryJournal(),
            clock=FakeClock(),
            stream_retries=0,
            meta={},
        )
    )


def test_a_load_is_waited_for_and_reading_is_broken_off() -> None:
    async def use() -> None:
        model = Cold()
        warmth = Warmth(model)
        warmth.begin(REQUEST)
        warmth.begin(REQUEST)  # has begun already
        ready = asyncio.ensure_future(warmth.ready())
        await settle()
        assert (model.told, ready.done()) == (["load"], False)
        model.loaded.set()
        await ready
        assert model.told[:2] == ["load", "load ended"]
        assert model.told.count("read") <= 1
        assert "read ended" not in model.told

    run(use)


def test_what_was_read_in_time_is_left_alone() -> None:
    async def use() -> None:
        model = Cold()
        model.loaded.set()
        model.read.set()
        warmth = Warmth(model)
        warmth.begin(REQUEST)
        await settle()
        await warmth.ready()
        assert model.told == ["load", "load ended", "read", "read ended"]
        assert model.warmed == [REQUEST]

    run(use)


def test_a_model_that_is_not_warmed_is_ready_at_once() -> None:
    run(Warmth(Cold()).ready)


def test_nobody_hears_of_a_warm_up_that_fails() -> None:
    async def use() -> None:
        warmth = Warmth(Cold(ServerFault("no memory")))
        warmth.begin(REQUEST)
        await settle()
        await warmth.ready()

    run(use)


def test_a_bug_in_a_warm_up_is_heard_of() -> None:
    async def use() -> None:
        warmth = Warmth(Cold(KeyError("bug")))
        warmth.begin(REQUEST)
        await settle()
        with pytest.raises(KeyError):
            await warmth.ready()

    run(use)


def test_a_session_that_is_not_used_ends_its_warm_up() -> None:
    async def use() -> None:
        model = Cold()
        session = session_of(model)
        session.warm()
        await settle()
        await session.close()
        assert model.told == ["load", "load cancelled"]
        assert model.closed

    run(use)


def test_an_interrupt_ends_the_wait_for_a_load() -> None:
    async def use() -> None:
        model = Cold()
        session = session_of(model)
        session.warm()
        told: list[events.Event] = []
        async for event in session.submit(user("go")):
            told.append(event)
            if isinstance(event, events.Asked):
                session.interrupt()
        assert isinstance(told[-1], events.TurnFailed)
        assert model.requests == []
        await session.close()

    run(use)


def test_the_warm_up_begins_as_the_first_request_does() -> None:
    async def use() -> None:
        model = ScriptedModel([said("hi"), finished()], [said("ho"), finished()])
        session = session_of(model)
        session.warm()
        await settle()
        for _ in range(2):
            async for _ in session.submit(user("go")):
                pass
        [warmed], first = model.warmed, model.requests[0]
        assert warmed.input == first.input[: len(warmed.input)] == [user("w")]
        same = ("model", "instructions", "tools", "reasoning", "prompt_cache_key")
        assert all(getattr(warmed, n) == getattr(first, n) for n in same)
        assert model.loads == 1

    run(use)


def test_a_live_screen_hears_of_the_wait_and_of_what_the_server_says() -> None:
    async def use() -> None:
        model = ScriptedModel([said("hi"), finished()])
        model.facts = [
            Retried(reason="busy"),
            Reading(processed=4200, total=8000, cached=100),
            Truncated(tokens_sent=9000, tokens_read=4096),
        ]
        told = [event async for event in session_of(model).submit(user("go"))]
        warning = events.ErrorItem(
            id="item_0",
            message="The server read 4,096 tokens of a prompt of 9,000 or more: it "
            "dropped a part of it. Give the model a larger context.",
        )
        assert told[:5] == [
            events.TurnStarted(),
            events.Asked(),
            events.Reading(done=4200, total=8000),
            events.ItemCompleted(item=warning),
            events.Answering(),
        ]

    run(use)
