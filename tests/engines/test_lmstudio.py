"""LM Studio as an engine: the context that is loaded, what is downloaded, what ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import fake_lms
from codex_oss.engines import ENGINES, discover
from codex_oss.engines.base import (
    Engine,
    EngineEvent,
    Loading,
    Looking,
    Options,
    Place,
    Pulling,
    Ready,
    Starting,
)
from codex_oss.errors import DownloadError, EngineError
from codex_oss.net import Client
from fake_lmstudio import FakeLmStudio, LmModel
from fake_server import FakeServer, closed_port
from with_ollama import LIMIT_S, Somebody, options, told

KEY = "openai/gpt-oss-20b"


def use(
    given: Options, act: Callable[[Engine], Awaitable[None]], *, look: bool = True
) -> None:
    """Make the engine of a server, as it is found, act on it, and close it."""

    async def bounded() -> None:
        client = Client({})
        place = Place(url=given.url, said_by="test", key=given.key)
        found = await discover.identify(client, place, timeout_s=60) if look else None
        engine = ENGINES["lmstudio"](replace(given, found=found), client)
        try:
            async with asyncio.timeout(LIMIT_S):
                await act(engine)
        finally:
            await engine.close()
            await client.close()

    asyncio.run(bounded())


def brought_up(
    given: Options, model: str | None = KEY, **more: Any
) -> list[EngineEvent]:
    """Return the events of one start."""
    events: list[EngineEvent] = []

    async def act(engine: Engine) -> None:
        events.extend(await told(engine.ensure(model)))

    use(given, act, **more)
    return [replace(e, seconds=0) if isinstance(e, Loading) else e for e in events]


def ready(server: FakeServer, context: int, **more: Any) -> Ready:
    return Ready(
        base_url=f"{server.url}/v1",
        model=KEY,
        context_window=context,
        api_key=None,
        server="lmstudio",
        supports_tools=True,
        **more,
    )


# --- loading -------------------------------------------------------------------------


def test_a_model_is_loaded_with_room_and_unloaded_in_the_end(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        events = brought_up(options(tmp_path, server.url))
        assert events == [Loading(KEY), ready(server, 32768, ours=True)]
        assert server.loads == [(KEY, 32768)]
        assert server.loaded == {}


def test_a_model_that_has_enough_is_used_as_it_is_and_stays(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        server.load(KEY, 20000)
        assert brought_up(options(tmp_path, server.url)) == [ready(server, 20000)]
        assert server.loaded == {KEY: 20000}


def test_a_model_with_the_usual_4096_tokens_is_loaded_anew(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        server.load(KEY, 4096)
        *_, last = brought_up(options(tmp_path, server.url))
        assert last == ready(
            server,
            32768,
            ours=True,
            notes=(
                (
                    f"{KEY} was loaded with 4096 tokens of context; it was loaded anew "
                    "with 32768."
                ),
            ),
        )


def test_the_context_of_the_configuration_counts(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        server.load(KEY, 20000)
        given = replace(options(tmp_path, server.url), context_length=65536)
        *_, last = brought_up(given)
        assert isinstance(last, Ready)
        assert last.context_window == 65536


def test_less_context_than_was_asked_for_is_said(tmp_path: Path) -> None:
    with FakeLmStudio(LmModel(trained=8192)) as server:
        given = replace(options(tmp_path, server.url), context_length=65536)
        *_, last = brought_up(given)
        assert last == ready(
            server,
            8192,
            ours=True,
            notes=(
                f"8192 tokens of context were given to {KEY}; 65536 were asked for.",
            ),
        )


def test_no_more_is_asked_for_than_the_model_was_trained_on(tmp_path: Path) -> None:
    with FakeLmStudio(LmModel(trained=8192)) as server:
        *_, last = brought_up(options(tmp_path, server.url))
        assert last == ready(server, 8192, ours=True)


def test_without_a_name_what_is_loaded_is_taken(tmp_path: Path) -> None:
    models = (
        LmModel("a", kind="embedding"),
        LmModel("b", tools=False),
        LmModel("c"),
        LmModel("d"),
    )
    with FakeLmStudio(*models) as server:
        *_, first = brought_up(options(tmp_path, server.url), None)
        server.load("d", 32768)
        *_, second = brought_up(options(tmp_path, server.url), None)
    assert [each.model for each in (first, second) if isinstance(each, Ready)] == [
        "c",
        "d",
    ]


def test_a_key_is_sent_with_every_question(tmp_path: Path) -> None:
    with FakeLmStudio(key="s3cret") as server:
        given = replace(options(tmp_path, server.url), key="s3cret")
        assert brought_up(given)[-1] == ready(server, 32768, ours=True)


def test_the_last_of_several_tasks_unloads_what_the_first_has_loaded(
    tmp_path: Path,
) -> None:
    async def both(given: Options) -> None:
        client = Client({})
        place = Place(url=given.url, said_by="test")
        found = await discover.identify(client, place, timeout_s=60)
        first, second = (
            ENGINES["lmstudio"](replace(given, found=found), client) for _ in range(2)
        )
        await told(first.ensure(KEY))
        (ready_at_once,) = await told(second.ensure(KEY))
        assert ready_at_once == ready(server, 32768)
        await first.close()
        assert server.loaded == {KEY: 32768}
        await second.close()
        assert server.loaded == {}
        await client.close()

    with FakeLmStudio() as server:
        asyncio.run(asyncio.wait_for(both(options(tmp_path, server.url)), LIMIT_S))


def test_what_a_killed_task_has_left_in_memory_stays(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        given = options(tmp_path, server.url)
        brought_up(given)
        (used,) = given.logs.parent.glob("lmstudio/*.used")
        used.write_text(f"{KEY}\n")
        server.load(KEY, 32768)
        brought_up(given)
        assert server.loaded == {KEY: 32768}


def test_where_nothing_can_be_noted_the_own_model_is_unloaded(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    with FakeLmStudio() as server:
        brought_up(options(tmp_path, server.url))
        assert server.loaded == {}


# --- downloads -----------------------------------------------------------------------


def test_a_missing_model_is_downloaded_by_the_server_when_wanted(
    tmp_path: Path,
) -> None:
    wanted, person = LmModel("new/model", size=400), Somebody()
    with FakeLmStudio(downloads=[wanted]) as server:
        given = replace(options(tmp_path, server.url), consent=person)
        events = brought_up(given, "new/model")
    pulled = [event for event in events if isinstance(event, Pulling)]
    assert isinstance(events[0], Looking)
    assert (pulled[0].done, pulled[0].total) == (0, 400)
    assert isinstance(events[-1], Ready)
    (question,) = person.asked
    assert (question.kind, question.what) == ("pull", "new/model")
    assert question.command == "lms get new/model"


def test_a_download_that_nobody_wants_does_not_begin(tmp_path: Path) -> None:
    with FakeLmStudio(downloads=[LmModel("new/model")]) as server:
        given = replace(options(tmp_path, server.url), consent=Somebody(says=False))
        with pytest.raises(DownloadError, match="the answer was no"):
            brought_up(given, "new/model")
        assert not any("download" in seen.path for seen in server.requests)


def test_without_anybody_to_ask_the_command_is_told(tmp_path: Path) -> None:
    with FakeLmStudio() as server, pytest.raises(EngineError) as caught:
        brought_up(options(tmp_path, server.url), "new/model")
    assert str(caught.value) == (
        f"model `new/model` is not in LM Studio at {server.url}; there is {KEY}"
    )
    assert caught.value.hint == "lms get new/model"


def test_a_download_that_fails_is_told(tmp_path: Path) -> None:
    broken = LmModel("new/model", broken=True)
    with FakeLmStudio(downloads=[broken]) as server:
        given = replace(options(tmp_path, server.url), consent=Somebody())
        with pytest.raises(DownloadError, match="could not download new/model"):
            brought_up(given, "new/model")


def test_a_name_that_nobody_knows_is_told(tmp_path: Path) -> None:
    with FakeLmStudio() as server:
        given = replace(options(tmp_path, server.url), consent=Somebody())
        with pytest.raises(DownloadError, match="catalogue has no new/model"):
            brought_up(given, "new/model")


def test_a_server_without_models_proposes_one(tmp_path: Path) -> None:
    with FakeLmStudio(LmModel("a", kind="embedding")) as server:
        with pytest.raises(EngineError) as caught:
            brought_up(options(tmp_path, server.url), None)
        assert caught.value.hint == f"lms get {KEY}"


# --- the server ----------------------------------------------------------------------


def test_the_server_is_started_when_wanted_and_stopped_in_the_end(
    tmp_path: Path,
) -> None:
    fake_lms.install(tmp_path / "bin")
    person = Somebody()
    with closed_port() as port:
        root = f"http://127.0.0.1:{port}"
    given = replace(options(tmp_path, root), consent=person)
    events = brought_up(given, look=False)
    assert isinstance(events[0], Starting)
    assert isinstance(events[-1], Ready)
    (question,) = person.asked
    assert (question.kind, question.command) == (
        "start",
        f"lms server start --port {port}",
    )

    async def gone() -> bool:
        place = Place(url=root, said_by="test")
        return await discover.identify(Client({}), place, timeout_s=60) is None

    assert asyncio.run(gone())


def test_without_the_program_it_is_said_how_to_start_the_server(
    tmp_path: Path,
) -> None:
    with closed_port() as port:
        given = options(tmp_path, f"http://127.0.0.1:{port}", PATH="/nonexistent")
        with pytest.raises(EngineError, match="LM Studio does not answer") as caught:
            brought_up(given, look=False)
    assert "lms server start" in caught.value.hint


def old(context: int | None) -> FakeServer:
    """Return a server as before 0.4, which says less of itself."""
    state = {"state": "loaded", "loaded_context_length": context}
    model = {"id": KEY, "type": "llm", "max_context_length": 131072}
    model |= state if context else {"state": "not-loaded"}
    listed = {
        "data": [{"id": KEY, "object": "model", "owned_by": "organization_owner"}]
    }
    return FakeServer(
        get={
            "/v1/models": listed,
            "/api/v0/models": {"data": [model]},
            "/api/v1/models": {"error": "Unexpected endpoint or method."},
        }
    )


def test_an_older_server_is_taken_with_what_it_says_of_itself(tmp_path: Path) -> None:
    with old(16384) as server:
        *_, last = brought_up(options(tmp_path, server.url, PATH="/nonexistent"))
    assert isinstance(last, Ready)
    assert (last.model, last.context_window) == (KEY, 16384)


@pytest.fixture
def called(tmp_path: Path) -> Path:
    """Install an `lms` that writes down how it is called; return where."""
    log, lms = tmp_path / "called", tmp_path / "bin" / "lms"
    lms.parent.mkdir()
    lms.write_text(f'#!/bin/sh\necho "$@" >>{log}\n')
    lms.chmod(0o755)
    return log


def test_an_older_server_s_missing_model_is_downloaded_by_the_program(
    tmp_path: Path, called: Path
) -> None:
    person = Somebody()
    with old(None) as server:
        given = replace(options(tmp_path, server.url), consent=person)
        brought_up(given, "new/model")
    assert called.read_text().splitlines() == ["get new/model --yes"]
    assert [question.command for question in person.asked] == ["lms get new/model"]


def test_an_older_server_s_model_is_loaded_by_the_program(
    tmp_path: Path, called: Path
) -> None:
    with old(None) as server:
        brought_up(options(tmp_path, server.url))
    assert called.read_text().splitlines() == [
        f"load {KEY} --context-length 32768 --yes",
        f"unload {KEY}",
    ]
