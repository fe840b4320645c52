"""A server that is warmed before it is asked."""

import msgspec
import pytest

from asking import (
    ASK_WITH_TOOL,
    chat_provider,
    events_of,
    responses_provider,
    use_model,
)
from asking_ollama import use
from codex_oss.items import user
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_ollama import FakeOllama, OllamaModel
from fake_server import LLAMACPP, FakeServer, chat_text, chat_turn, message, turn

PREFIX = msgspec.structs.replace(
    ASK_WITH_TOOL, instructions="Be good.", input=[user("You are in /w.")]
)
WHOLE = msgspec.structs.replace(PREFIX, input=[*PREFIX.input, user("Mend it.")])


async def warm_then_ask(model: Model) -> None:
    await model.load()
    await model.warm(PREFIX)
    await events_of(model, WHOLE)


def test_a_chat_server_reads_the_beginning_and_writes_one_token() -> None:
    script = [chat_turn(chat_text("A"))]
    with FakeServer(script, get=LLAMACPP) as server:
        use_model(chat_provider(server.url), warm_then_ask)
    warmed, asked = (seen.json for seen in server.posts)
    assert warmed.pop("max_tokens") == 1
    said = warmed.pop("messages")
    assert said[-1] == {"role": "user", "content": "."}
    assert said[:-1] == asked.pop("messages")[: len(said) - 1]
    assert warmed == asked  # the same tools, above all


def test_a_responses_server_reads_the_beginning_and_writes_one_token() -> None:
    with FakeServer([turn(message("A"))]) as server:
        use_model(responses_provider(server.url), warm_then_ask)
    warmed, asked = (seen.json for seen in server.posts)
    assert warmed.pop("max_output_tokens") == 1
    said = warmed.pop("input")
    assert said[:-1] == asked.pop("input")[: len(said) - 1]
    assert warmed == asked


@pytest.mark.parametrize("wire", ["chat", "responses"])
def test_a_hosted_server_is_never_warmed(wire: str) -> None:
    provider = {"chat": chat_provider, "responses": responses_provider}[wire]

    async def warm(model: Model) -> None:
        await model.load()
        await model.warm(PREFIX)

    with FakeServer(get=LLAMACPP) as server:
        use_model(provider(server.url, local=False), warm)
    assert server.posts == []


def test_ollama_loads_and_reads_with_the_context_of_every_request() -> None:
    with FakeOllama() as server:
        use(server, warm_then_ask)
    assert server.loads == [("m:latest", 32768)]
    warmed, asked = server.chats
    assert warmed["options"].pop("num_predict") == 1
    said = warmed.pop("messages")
    assert said[:-1] == asked.pop("messages")[: len(said) - 1]
    assert warmed == asked


async def warm(model: Model) -> None:
    await model.load()
    await model.warm(PREFIX)


def test_a_model_of_a_cloud_behind_ollama_is_never_warmed() -> None:
    cloud = OllamaModel("m:latest", remote_host="https://ollama.com")
    with FakeOllama(cloud) as server:
        use(server, warm)
    assert (server.loads, server.chats) == ([], [])


def test_a_model_that_ollama_lacks_is_not_asked_for() -> None:
    with FakeOllama(OllamaModel("other:1b")) as server:
        use(server, warm)
    assert (server.loads, server.chats) == ([], [])


def test_warming_learns_what_a_server_refuses() -> None:
    refused = {"status": 400, "body": {"error": "unknown field parallel_tool_calls"}}
    asked = msgspec.structs.replace(WHOLE, parallel_tool_calls=True)

    async def both(model: Model) -> list[responses.Event]:
        await model.warm(asked)
        return await events_of(model, asked)

    script = [refused, chat_turn(chat_text("A"))]
    with FakeServer(script, get=LLAMACPP) as server:
        use_model(chat_provider(server.url), both)
    assert ["parallel_tool_calls" in seen.json for seen in server.posts] == [
        True,
        False,
        False,
    ]
