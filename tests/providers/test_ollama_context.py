"""Ollama's context: chosen once, kept, and never cut in silence."""

from typing import Any

import msgspec
import pytest

from asking import ASK, events_of
from asking_ollama import Taken, ask, refuse, use
from codex_oss.errors import (
    ContextOverflow,
)
from codex_oss.facts import Remark, Truncated
from codex_oss.items import (
    user,
)
from codex_oss.ports import Model
from codex_oss.providers.ollama import OllamaModel
from codex_oss.providers.ollama_facts import (
    Granted,
    choose_context,
    notes_on,
    same_model,
)
from fake_ollama import FakeOllama
from fake_ollama import OllamaModel as Installed

LONG = "The server reads the whole prompt, or says that it cannot. " * 1500


@pytest.mark.parametrize(
    ("wanted", "loaded", "trained", "default", "chosen"),
    [
        (8192, 65536, 131072, 32768, 8192),
        (None, 65536, 131072, 32768, 65536),
        (None, 16384, 131072, 32768, 16384),
        (None, 4096, 131072, 32768, 32768),
        (None, None, 131072, 65536, 65536),
        (None, None, 8192, 32768, 8192),
        (None, None, None, 32768, 32768),
    ],
)
def test_the_context_is_the_persons_else_the_loaded_else_what_fits(
    wanted: int | None,
    loaded: int | None,
    trained: int | None,
    default: int,
    chosen: int,
) -> None:
    assert chosen == choose_context(
        wanted=wanted, loaded=loaded, trained=trained, default=default
    )


@pytest.mark.parametrize(
    ("model", "env", "num_ctx", "asked"),
    [
        (Installed(), {}, 65536, 65536),
        (Installed(), {"OLLAMA_CONTEXT_LENGTH": "65536"}, None, 65536),
        (Installed(), {"OLLAMA_CONTEXT_LENGTH": "4096"}, None, 32768),
        (Installed(), {"OLLAMA_CONTEXT_LENGTH": "many"}, None, 32768),
        (Installed(num_ctx=65536), {}, None, 65536),
        (Installed(trained=8192), {}, None, 8192),
    ],
)
def test_the_context_that_is_asked_for(
    model: Installed, env: dict[str, str], num_ctx: int | None, asked: int
) -> None:
    with FakeOllama(model) as server:
        window = use(server, lambda m: m.window(), env=env, num_ctx=num_ctx)
        ask(server, env=env, num_ctx=num_ctx)

    assert window == asked
    assert server.loads == [("m:latest", asked)]


def test_the_model_is_loaded_once_for_a_whole_conversation() -> None:
    async def talk(model: Model) -> None:
        for _ in range(3):
            await events_of(model)

    with FakeOllama(grants=20_000) as server:
        use(server, talk)

    assert [chat["options"]["num_ctx"] for chat in server.chats] == [32768] * 3
    assert server.loads == [("m:latest", 20_000)]
    assert server.asked_for("/api/show") == 1
    assert server.asked_for("/api/ps") == 3  # at first, then after it, and at the end


def test_a_model_that_is_loaded_with_enough_is_not_loaded_anew() -> None:
    with FakeOllama() as server:
        server.load("m:latest", 49152)
        ask(server)

    assert server.loads == [("m:latest", 49152)]


def test_what_was_given_is_known_after_the_first_answer() -> None:
    async def learn(model: Model) -> tuple[Any, ...]:
        assert isinstance(model, OllamaModel)
        before = (await model.window(), model.granted, model.notes)
        await events_of(model)
        return *before, await model.window(), model.granted, model.notes

    with FakeOllama(Installed(vram=0.25), grants=8192) as server:
        learned = use(server, learn)

    assert learned == (
        32768,
        None,
        [],
        8192,
        Granted(asked=32768, given=8192, size=1024**3, size_vram=1024**3 // 4),
        [
            "Ollama gives m 8192 tokens of context; 32768 were asked for.",
            (
                "8192 tokens of context are few for a coding agent: 32768 or more are "
                "better."
            ),
            (
                "25% of m is in graphics memory, the rest runs on the CPU, slowly. "
                "A smaller context or model may fit whole."
            ),
        ],
    )


def test_a_model_without_a_graphics_card_is_not_advised_to_be_smaller() -> None:
    granted = Granted(asked=32768, given=32768, size=1024**3, size_vram=0)
    assert notes_on("m", granted, "0.33.0") == [
        "m runs on the CPU only, which is slow."
    ]


def test_what_was_given_is_told_once() -> None:
    first, second = Taken(), Taken()

    async def pour(model: Model) -> list[str]:
        await model.pour(ASK, first)
        await model.pour(ASK, second)
        assert isinstance(model, OllamaModel)
        return model.notes

    with FakeOllama(Installed(vram=0.25), grants=8192) as server:
        notes = use(server, pour)

    told = [fact.text for fact in first.facts if isinstance(fact, Remark)]
    assert told == notes
    assert "8192 tokens of context; 32768 were asked for." in told[0]
    assert [fact for fact in second.facts if isinstance(fact, Remark)] == []


def test_a_model_that_runs_elsewhere_keeps_its_context() -> None:
    cloud = Installed(remote_host="https://ollama.com:443", trained=262144)
    with FakeOllama(cloud) as server:
        window = use(server, lambda m: m.window())
        ask(server)

    assert window == 262144
    assert server.chats[0]["options"] == {}


def test_a_person_who_set_keep_alive_is_not_overruled() -> None:
    with FakeOllama() as server:
        ask(server, env={"OLLAMA_KEEP_ALIVE": "-1"})

    assert "keep_alive" not in server.chats[0]


@pytest.mark.parametrize(
    ("asked", "listed", "same"),
    [
        ("qwen3", "qwen3:latest", True),
        ("qwen3:8b", "qwen3:8b", True),
        ("hf.co/A/b:Q4", "hf.co/a/b:q4", True),
        ("host:5000/a", "host:5000/a:latest", True),
        ("qwen3", "qwen3:8b", False),
    ],
)
def test_models_by_their_names(asked: str, listed: str, same: bool) -> None:  # noqa: FBT001  a row
    assert same_model(asked, listed) is same


# --- nothing is cut ------------------------------------------------------------------


@pytest.mark.parametrize("version", ["0.33.0", "0.12.6"])
def test_a_prompt_that_does_not_fit_is_refused(version: str) -> None:
    long = msgspec.structs.replace(ASK, input=[user(LONG), user("hello")])
    with FakeOllama(Installed(trained=16384), version=version) as server:
        assert refuse(server, long) == f"ContextOverflow: {ContextOverflow()}"
    assert server.dropped == 0


def test_an_old_server_that_cuts_in_silence_is_found_out() -> None:
    long = msgspec.structs.replace(ASK, input=[user(LONG), user("hello")])
    outlet = Taken()

    async def pour(model: Model) -> list[str]:
        await model.pour(long, outlet)
        assert isinstance(model, OllamaModel)
        return model.notes

    with FakeOllama(Installed(trained=16384), version="0.12.3") as server:
        notes = use(server, pour)

    assert server.dropped == 1
    assert [f for f in outlet.facts if isinstance(f, Truncated)] == [
        Truncated(tokens_sent=11 * 1500 + 1, tokens_read=11)
    ]
    assert notes == [
        (
            "Ollama 0.12.3 drops the oldest messages of a prompt that does not fit, "
            "and says nothing. Update it."
        )
    ]


def test_the_chat_wire_is_cut_and_that_is_told() -> None:
    long = msgspec.structs.replace(ASK, input=[user(LONG), user("hello")])
    outlet = Taken()
    with FakeOllama() as server:
        use(server, lambda model: model.pour(long, outlet), wire="chat")

    assert server.dropped == 1
    assert Truncated(tokens_sent=16501, tokens_read=11) in outlet.facts
