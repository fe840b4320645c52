"""Whose model it is in an Ollama server's memory, and how long it stays there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import pytest

from asking import ASK, events_of
from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers import ProbeMemory, connect
from codex_oss.providers.ollama_stay import (
    KEEP_ALIVE,
    KEEP_S,
    SLACK_S,
    UNTOUCHED,
    Before,
    Stay,
    stay,
    used_since,
)
from fake_ollama import FakeOllama, Say
from fake_server import WAIT_S, Gate

NEVER = "2318-03-01T00:00:00Z"
SOON = "2026-08-21T10:05:00.123456789+02:00"
OURS = Stay(keep_alive=KEEP_ALIVE, ours=True)


@pytest.mark.parametrize(
    ("before", "env", "told"),
    [
        (None, {}, OURS),
        (None, {"OLLAMA_KEEP_ALIVE": "1h"}, UNTOUCHED),
        (Before(32768, SOON), {}, UNTOUCHED),
        (Before(None, SOON), {}, UNTOUCHED),
        (Before(4096, SOON), {}, OURS),
        (Before(4096, NEVER), {}, Stay(keep_alive="-1s")),
        (Before(4096, ""), {}, OURS),
    ],
    ids=["absent", "said", "same", "old", "smaller", "smaller, for ever", "untold"],
)
def test_what_was_there_before_us_keeps_its_time(
    before: Before | None, env: Mapping[str, str], told: Stay
) -> None:
    assert stay(before, 32768, env) == told


def test_others_are_known_by_a_later_expiry() -> None:
    def at(seconds: float) -> str:
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{whole}.123456789Z"

    expires = 1_800_000_000 + KEEP_S
    assert not used_since(at(expires), 1_800_000_000)
    assert not used_since(at(expires + SLACK_S - 1), 1_800_000_000)
    assert used_since(at(expires + SLACK_S + 1), 1_800_000_000)
    assert not used_since("tomorrow", 0)


def session(
    server: FakeOllama,
    act: Callable[[Model], Awaitable[object]],
    *,
    env: Mapping[str, str] | None = None,
    num_ctx: int | None = None,
) -> None:
    """Use the server's model ``m`` by the machine's own clock, and close it."""

    async def bounded() -> None:
        model = connect(
            "ollama",
            Provider(name="Ollama", base_url=server.url, wire_api="ollama"),
            "m",
            env=env or {},
            client=Client({}),
            memory=ProbeMemory(),
            version="1.2.3",
            context_length=num_ctx,
        )
        try:
            async with asyncio.timeout(WAIT_S):
                await act(model)
        finally:
            await model.close()

    asyncio.run(bounded())


def test_what_we_loaded_stays_long_and_goes_with_us() -> None:
    async def use(model: Model) -> None:
        await model.load()
        assert server.kept == {"m:latest": KEEP_S}
        await events_of(model)
        assert server.kept == {"m:latest": KEEP_S}

    with FakeOllama() as server:
        session(server, use)
        assert server.loaded == {}
    assert server.loads == [("m:latest", 32768)]


def test_what_was_loaded_before_us_stays_as_it_was() -> None:
    with FakeOllama() as server:
        server.load("m:latest", 20_000)
        server.kept["m:latest"] = 123.0
        session(server, events_of)
        assert (server.loaded, server.kept) == (
            {"m:latest": 20_000},
            {"m:latest": 123.0},
        )
    assert "keep_alive" not in server.chats[0]


def test_what_is_to_stay_for_ever_does_so_also_with_our_context() -> None:
    with FakeOllama() as server:
        server.load("m:latest", 4096)
        server.kept["m:latest"] = -1.0
        session(server, events_of)
        assert (server.loaded, server.kept) == (
            {"m:latest": 32768},
            {"m:latest": -1.0},
        )


def test_a_person_s_own_time_counts() -> None:
    with FakeOllama() as server:
        session(server, events_of, env={"OLLAMA_KEEP_ALIVE": "1h"})
        assert "m:latest" in server.loaded
    assert "keep_alive" not in server.chats[0]


def test_a_model_that_was_never_used_is_not_unloaded() -> None:
    async def look(model: Model) -> None:
        await model.window()
        server.load("m:latest", 32768)  # by somebody else

    with FakeOllama() as server:
        session(server, look)
        assert "m:latest" in server.loaded


def test_a_model_that_others_have_used_since_is_theirs() -> None:
    async def use(model: Model) -> None:
        await events_of(model)
        server.get["/api/ps"] = {
            "models": [{"name": "m:latest", "expires_at": "2099-01-01T00:00:00Z"}]
        }

    with FakeOllama() as server:
        session(server, use)
        assert "m:latest" in server.loaded


def test_a_turn_that_is_broken_off_still_unloads_the_model() -> None:
    gate = Gate()

    async def cancel(model: Model) -> None:
        asked = asyncio.ensure_future(events_of(model, ASK))
        await asyncio.to_thread(gate.wait_reached)
        asked.cancel()
        await asyncio.wait((asked,))
        gate.open()

    with FakeOllama(answers=[Say("hi", gate=gate)]) as server:
        session(server, cancel)
        assert server.loaded == {}


def test_a_server_that_has_gone_does_not_keep_us_from_going() -> None:
    async def use(model: Model) -> None:
        await events_of(model)
        server.__exit__(None, None, None)

    with FakeOllama() as server:
        session(server, use)
