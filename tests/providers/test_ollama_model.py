"""A model over Ollama's own chat API, there and back."""

import asyncio
from itertools import groupby
from typing import Any

import msgspec
import pytest

from asking import ASK, ASK_WITH_TOOL
from asking_ollama import Taken, ask, items, said, thinking, use
from codex_oss.items import (
    FunctionCall,
    InputImage,
    InputText,
    Message,
    Part,
    Reasoning,
)
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_ollama import FakeOllama, Say
from fake_ollama import OllamaModel as Installed
from fake_server import WAIT_S, FakeServer, Gate, Reply

PIXEL = "iVBORw0KGgo="


@pytest.mark.parametrize("path", ["/v1", "/v1/", "", "/"])
def test_a_question_goes_to_the_native_route_with_its_context(path: str) -> None:
    with FakeOllama(answers=[Say(("Hel", "lo."), thoughts=("hm",))]) as server:
        events = ask(server, path=path)

    assert server.chats == [
        {
            "model": "m",
            "messages": [{"role": "user", "content": "hello"}],
            "options": {"num_ctx": 32768},
            "keep_alive": "30m",
            "truncate": False,
            "shift": False,
            "stream": True,
        }
    ]
    assert said(events) == ["Hello."]
    assert isinstance(items(events)[0], Reasoning)
    end = events[-1]
    assert isinstance(end, responses.Completed)
    usage = end.response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens) == (11, 3)


def test_calls_come_whole_and_go_back_as_objects() -> None:
    calls = (("add", {"a": 1}), ("add", {"a": 2}))
    with FakeOllama(answers=[Say("Adding.", calls=calls), Say("3")]) as server:
        first = items(ask(server, ASK_WITH_TOOL))
        made = [item for item in first if isinstance(item, FunctionCall)]
        history = msgspec.structs.replace(
            ASK_WITH_TOOL, input=[*ASK_WITH_TOOL.input, *first]
        )
        ask(server, history)

    assert [(c.name, c.arguments) for c in made] == [
        ("add", '{"a": 1}'),
        ("add", '{"a": 2}'),
    ]
    sent = server.chats[1]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool"]
    assert [c["function"] for c in sent[1]["tool_calls"]] == [
        {"name": "add", "arguments": {"a": 1}},
        {"name": "add", "arguments": {"a": 2}},
    ]
    assert [(m["tool_name"], m["tool_call_id"]) for m in sent[2:]] == [
        ("add", made[0].call_id),
        ("add", made[1].call_id),
    ]


def test_an_answer_that_fills_its_limit_is_incomplete() -> None:
    short = msgspec.structs.replace(ASK, max_output_tokens=1)
    with FakeOllama(answers=[Say(("one ", "two"))]) as server:
        end = ask(server, short)[-1]

    assert isinstance(end, responses.IncompleteResponse)
    assert end.response.incomplete_details == responses.IncompleteDetails(
        "max_output_tokens"
    )
    assert server.chats[0]["options"] == {"num_ctx": 32768, "num_predict": 1}


def kinds(events: list[responses.Event]) -> list[type]:
    return [kind for kind, _ in groupby(events, type)]


def test_pouring_gives_the_events_of_streaming() -> None:
    with FakeOllama(answers=[Say(("Hel", "lo."), thoughts=("hm",))]) as server:
        outlet = Taken()
        use(server, lambda model: model.pour(ASK, outlet))
        streamed = ask(server)

    # What comes in one read is one delta.
    assert kinds(outlet.events) == kinds(streamed)
    assert said(outlet.events) == ["Hello."]


def test_cancelling_closes_the_connection_at_once() -> None:
    gate = Gate()

    async def cancel(model: Model) -> None:
        task = asyncio.create_task(model.pour(ASK, Taken()))
        await asyncio.to_thread(gate.wait_reached)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with FakeOllama(answers=[Say(("a" * 70_000,) * 9, gate=gate)]) as server:
        use(server, cancel)
        gate.open()
        [chat] = [seen for seen in server.requests if seen.path == "/api/chat"]
        assert chat.gone.wait(WAIT_S)


# --- what a model cannot -------------------------------------------------------------


@pytest.mark.parametrize(
    ("capabilities", "effort", "think"),
    [
        (("completion", "thinking"), "high", "high"),
        (("completion", "thinking"), "none", False),
        (("completion",), "high", None),
    ],
)
def test_only_models_that_think_are_told_how_long(
    capabilities: tuple[str, ...], effort: str, think: object
) -> None:
    with FakeOllama(Installed(capabilities=capabilities)) as server:
        ask(server, thinking(effort))

    assert server.chats[0].get("think") == think


def test_images_go_to_models_that_see_and_a_note_to_others() -> None:
    image = InputImage(image_url=f"data:image/png;base64,{PIXEL}")
    parts: list[Part] = [InputText(text="What?"), image]
    look = msgspec.structs.replace(ASK, input=[Message(role="user", content=parts)])
    sent: list[dict[str, Any]] = []
    for capabilities in (("completion", "vision"), ("completion",)):
        with FakeOllama(Installed(capabilities=capabilities)) as server:
            ask(server, look)
        sent += server.chats[0]["messages"]

    assert sent == [
        {"role": "user", "content": "What?", "images": [PIXEL]},
        {
            "role": "user",
            "content": "What?\n(an image stood here; this model cannot see images)",
        },
    ]


def test_a_model_without_tools_is_held_to_a_form() -> None:
    call = '{"tool": "add", "arguments": {"a": 1}}'
    with FakeOllama(Installed(capabilities=("completion",)), answers=[Say(call)]) as s:
        [made] = items(ask(s, ASK_WITH_TOOL))

    [body] = s.chats
    assert "tools" not in body
    assert body["messages"][0]["role"] == "system"
    assert body["format"]["anyOf"][0]["properties"]["tool"] == {"const": "add"}
    assert body["options"] == {"num_ctx": 32768, "temperature": 0.0}
    assert isinstance(made, FunctionCall)
    assert (made.name, msgspec.json.decode(made.arguments)) == ("add", {"a": 1})


def test_what_an_older_server_refuses_is_left_out() -> None:
    """An old server names no capabilities, and refuses instead."""
    words = {
        "tools": '"m" does not support tools',
        "think": '"m" does not support thinking',
    }
    answers: list[dict[str, Any]] = []

    def chat(seen: Any) -> Reply:
        answers.append(seen.json)
        for field, refused in words.items():
            if field in seen.json:
                return Reply(status=400, body={"error": refused})
        return Reply(
            headers={"content-type": "application/x-ndjson"},
            chunks=[
                b'{"message":{"role":"assistant","content":"{\\"answer\\":\\"ok\\"}"}}\n',
                b'{"done":true}\n',
            ],
        )

    request = msgspec.structs.replace(
        ASK_WITH_TOOL, reasoning=responses.ReasoningParams(effort="high")
    )
    with FakeServer(
        post={"/api/chat": chat, "/api/show": {"modelfile": ""}},
        get={"/api/ps": {"models": []}, "/api/version": {"version": "0.6.0"}},
    ) as server:
        events = ask(server, request)

    assert [("tools" in a, a.get("think")) for a in answers] == [
        (True, "high"),
        (False, "high"),
        (False, None),
    ]
    assert said(events) == ["ok"]
