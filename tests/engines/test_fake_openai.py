"""The fakes that speak OpenAI's API, held against the `openai` package."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

from fake_lmstudio import FakeLmStudio, LmModel
from fake_ollama import FakeOllama, OllamaModel, Say
from fake_server import WAIT_S, FakeServer, Gate
from fake_vllm import FakeLlamaServer, FakeSglang, FakeVllm

pytest.importorskip("openai", reason="the package `openai` is not installed")

import openai
from openai import OpenAI

Server = TypeVar("Server", bound=FakeServer)
HI: Any = [{"role": "user", "content": "hi"}]
LONG: Any = [{"role": "user", "content": "word " * 4000}]
LOOK: Any = {"type": "function", "name": "look", "parameters": {"type": "object"}}
TOOLS: Any = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
LOOKED = Say(("It ", "is."), ("hm", "m"), calls=(("look", {"at": "it"}),))


@contextmanager
def client(server: FakeServer, key: str = "none") -> Generator[OpenAI]:
    url = f"{server.url}/v1"
    with OpenAI(base_url=url, api_key=key, max_retries=0, timeout=WAIT_S) as made:
        yield made


def answers() -> list[FakeServer]:
    said = [LOOKED]
    return [
        FakeOllama(OllamaModel("m:latest"), answers=said),
        FakeVllm(answers=said),
        FakeSglang(answers=said),
        FakeLlamaServer("m", answers=said),
        FakeLmStudio(LmModel("m"), answers=said),
    ]


@pytest.mark.parametrize("fake", answers(), ids=lambda fake: type(fake).__name__)
def test_a_chat_is_the_same_whole_or_streamed(fake: FakeServer) -> None:
    options: Any = {"include_usage": True}
    with fake as server, client(server) as ask:
        chat: Any = ask.chat.completions
        whole = chat.create(model="m", messages=HI, tools=TOOLS)
        with chat.stream(
            model="m", messages=HI, tools=TOOLS, stream_options=options
        ) as told:
            streamed = told.get_final_completion()
    for answer in (whole, streamed):
        message = answer.choices[0].message
        said = message.model_dump()
        thoughts = said.get("reasoning") or said.get("reasoning_content")
        assert (message.content, thoughts) == ("It is.", "hmm")
        (call,) = message.tool_calls
        assert (call.function.name, call.function.arguments) == ("look", '{"at": "it"}')
        assert answer.choices[0].finish_reason == "tool_calls"
        assert answer.usage.completion_tokens == 2


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (
            FakeVllm(context=2048),
            "maximum context length is 2048 tokens. However, your request has 5009 ",
        ),
        (FakeSglang(context=2048), "than the model's context length (2048 tokens)"),
        (
            FakeLlamaServer("m", context=2048),
            "the available context size (2048 tokens)",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_prompt_that_is_too_long_is_refused_in_numbers(
    fake: FakeServer, words: str
) -> None:
    with (
        fake as server,
        client(server) as ask,
        pytest.raises(openai.BadRequestError) as caught,
    ):
        ask.chat.completions.create(model="m", messages=LONG)
    assert words in str(caught.value)


def test_vllm_refuses_tools_that_it_cannot_read_and_models_that_it_has_not() -> None:
    with FakeVllm(tool_parser=False) as server, client(server) as ask:
        with pytest.raises(openai.BadRequestError, match="--enable-auto-tool-choice"):
            ask.chat.completions.create(model="m", messages=HI, tools=TOOLS)
        with pytest.raises(openai.NotFoundError, match="The model `x` does not exist"):
            ask.chat.completions.create(model="x", messages=HI)


@pytest.mark.parametrize("kind", [FakeVllm, FakeSglang, FakeLlamaServer])
def test_a_key_opens_a_server(kind: Any) -> None:
    with kind("m", key="k") as server:
        with client(server, "k") as ask:
            assert ask.chat.completions.create(model="m", messages=HI).choices
        with client(server) as ask, pytest.raises(openai.AuthenticationError):
            ask.models.list()


@pytest.mark.parametrize("kind", [FakeVllm, FakeSglang])
def test_the_context_stands_beside_the_model(kind: Any) -> None:
    with kind("Qwen/Qwen3", context=16384) as server, client(server) as ask:
        (model,) = ask.models.list().data
    assert (model.id, model.model_dump()["max_model_len"]) == ("Qwen/Qwen3", 16384)


def test_what_an_earlier_prompt_began_with_is_cached() -> None:
    first: Any = [{"role": "user", "content": "x" * 400}]
    with FakeVllm() as server, client(server) as ask:
        ask.chat.completions.create(model="m", messages=first)
        more: Any = [*first, {"role": "assistant", "content": "y"}, *HI]
        usage = ask.chat.completions.create(model="m", messages=more).usage
    assert server.cached == [0, 109]
    assert usage
    assert usage.prompt_tokens_details
    assert usage.prompt_tokens_details.cached_tokens == 109


def test_a_long_read_is_told_and_waited_for() -> None:
    gate = Gate()
    slow = FakeLlamaServer("m", answers=[Say("hi", gate=gate)])
    progress: Any = {"return_progress": True}
    with slow as server, client(server) as ask:
        stream: Any = ask.chat.completions.create(
            model="m", messages=HI, stream=True, extra_body=progress
        )
        told = [next(stream).prompt_progress["processed"] for _ in range(2)]
        gate.wait_reached()
        gate.open()
        said = "".join(c.choices[0].delta.content or "" for c in stream)
    assert (told, said) == ([0, 5], "hi")


# --- Ollama's routes -----------------------------------------------------------------


def test_ollama_answers_responses_whole_or_streamed() -> None:
    with FakeOllama(answers=[LOOKED]) as server, client(server) as ask:
        whole = ask.responses.create(model="m", input="hi", tools=[LOOK])
        with ask.responses.stream(model="m", input="hi", tools=[LOOK]) as told:
            events = [event.type for event in told]
            streamed = told.get_final_response()
    assert [item.type for item in whole.output] == [
        "reasoning",
        "message",
        "function_call",
    ]
    assert streamed.output_text == whole.output_text == "It is."
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"


def test_ollama_knows_few_kinds_of_items_and_only_functions() -> None:
    odd: Any = [{"type": "custom_tool_call", "name": "p", "input": "", "call_id": "c"}]
    freeform: Any = [{"type": "custom", "name": "apply_patch"}]
    with FakeOllama() as server, client(server) as ask:
        with pytest.raises(openai.BadRequestError, match="custom_tool_call"):
            ask.responses.create(model="m", input=odd)
        reply: Any = ask.responses.create(model="m", input="hi", tools=freeform)
    (tool,) = reply.tools
    assert (tool.type, tool.name, tool.parameters) == ("function", "apply_patch", None)


def test_ollama_swallows_an_error_of_a_stream_that_has_begun() -> None:
    with (
        FakeOllama(answers=[Say("so", error="broken")]) as server,
        client(server) as ask,
        ask.responses.stream(model="m", input="x") as told,
    ):
        events = [event.type for event in told]
    assert events[-1] == "response.output_item.done"


def test_ollama_before_0_13_3_has_no_responses() -> None:
    with (
        FakeOllama(version="0.12.3") as server,
        client(server) as ask,
        pytest.raises(openai.NotFoundError),
    ):
        ask.responses.create(model="m", input="hi")
