"""Models over the Chat Completions API."""

import asyncio
from typing import Any

import pytest

from asking import (
    ASK,
    ASK_WITH_TOOL,
    chat_provider,
    events_of,
    use_model,
)
from codex_oss.errors import (
    BadRequest,
    ContextOverflow,
    NotFound,
    ServerFault,
    StreamCut,
)
from codex_oss.items import FunctionCall, Item, Message, text_of
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_server import (
    WAIT_S,
    FakeServer,
    Reply,
    chat_call,
    chat_end,
    chat_text,
    chat_turn,
    sse,
)

HI = chat_turn(chat_text("hi"))
PROPS: dict[str, Any] = {
    "default_generation_settings": {"n_ctx": 8192},
    "chat_template_caps": {"supports_tools": True},
}


def ask(
    server: FakeServer, request: responses.Request = ASK, **provider: Any
) -> list[responses.Event]:
    return use_model(
        chat_provider(server.url, **provider), lambda model: events_of(model, request)
    )


def items(events: list[responses.Event]) -> list[Item]:
    return [e.item for e in events if isinstance(e, responses.OutputItemDone)]


def said(events: list[responses.Event]) -> list[str]:
    return [text_of(i.content) for i in items(events) if isinstance(i, Message)]


def test_a_question_is_translated_and_so_is_the_answer() -> None:
    stream = chat_turn(chat_text("hi"), prompt_tokens=7, completion_tokens=2)
    with FakeServer([stream]) as server:
        events = ask(server)
    [seen] = server.posts
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["accept"] == "text/event-stream"
    assert seen.json == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert said(events) == ["hi"]
    assert isinstance(events[0], responses.Created)
    end = events[-1]
    assert isinstance(end, responses.Completed)
    assert end.response.created_at == 1_700_000_000
    assert end.response.usage is not None
    assert (end.response.usage.input_tokens, end.response.usage.output_tokens) == (7, 2)


def test_a_call_comes_back_as_a_call() -> None:
    stream = chat_turn(chat_call("add", {"a": 1}))
    with FakeServer([stream], get={"/props": PROPS}) as server:
        events = ask(server, ASK_WITH_TOOL)
    [call] = items(events)
    assert isinstance(call, FunctionCall)
    assert (call.name, call.arguments, call.call_id) == ("add", '{"a": 1}', "call_1")
    [tool] = server.posts[0].json["tools"]
    assert tool["function"]["name"] == "add"


@pytest.mark.parametrize("size", [1, 3, 50])
def test_the_answer_is_the_same_however_the_stream_is_cut(size: int) -> None:
    data = sse(HI)
    chunks = [data[i : i + size] for i in range(0, len(data), size)]
    with FakeServer([Reply(chunks=chunks)]) as server:
        assert said(ask(server)) == ["hi"]


def test_the_answer_ends_with_done_though_the_connection_stays() -> None:
    with FakeServer([Reply(chunks=[sse(HI)], silent=True)]) as server:
        assert isinstance(ask(server)[-1], responses.Completed)


def test_an_answer_without_done_is_whole_when_it_has_a_finish_reason() -> None:
    with FakeServer([HI[:-1]]) as server:
        assert isinstance(ask(server)[-1], responses.Completed)


@pytest.mark.parametrize("cut", [True, False])
def test_an_answer_without_an_end_is_a_cut(cut: bool) -> None:  # noqa: FBT001
    script = [Reply(events=[chat_text("hi")], cut=cut)]
    with FakeServer(script) as server, pytest.raises(StreamCut):
        ask(server)


def test_silence_is_a_cut() -> None:
    script = [Reply(chunks=[sse([chat_text("h")])], silent=True)]
    with (
        FakeServer(script) as server,
        pytest.raises(StreamCut, match=r"^idle timeout waiting for SSE$"),
    ):
        ask(server, stream_idle_timeout_ms=50)


def test_an_answer_that_was_cut_by_a_limit_is_incomplete() -> None:
    with FakeServer([[chat_text("h"), *chat_end("length")]]) as server:
        end = ask(server)[-1]
    assert isinstance(end, responses.IncompleteResponse)


def test_an_error_inside_the_stream_fails_the_response() -> None:
    error = {"error": {"message": "exceeds the available context size", "code": 400}}
    with FakeServer([[chat_text("h"), error]]) as server:
        end = ask(server)[-1]
    assert isinstance(end, responses.Failed)
    assert end.response.error is not None
    assert end.response.error.code == "context_length_exceeded"


def test_a_server_that_does_not_stream_is_understood() -> None:
    message = {"role": "assistant", "content": "hi"}
    body = {"choices": [{"message": message, "finish_reason": "stop"}]}
    with FakeServer([Reply(body=body)]) as server:
        events = ask(server)
    assert said(events) == ["hi"]
    assert isinstance(events[-1], responses.Completed)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(body={"what": "else"}), ServerFault),
        (Reply(headers={"content-type": "text/html"}, body=b"<html>"), NotFound),
        (Reply(status=400, body={"error": "bad"}), BadRequest),
        (Reply(status=400, body={"error": "maximum context length"}), ContextOverflow),
    ],
    ids=["other JSON", "page", "400", "overflow"],
)
def test_what_is_no_answer_is_told_for_what_it_is(
    reply: Reply, kind: type[Exception]
) -> None:
    with FakeServer([reply]) as server, pytest.raises(kind):
        ask(server)


def test_closing_the_stream_hangs_up() -> None:
    async def use(model: Model) -> bool:
        stream = model.stream(ASK)
        await anext(stream)
        await stream.aclose()
        return await asyncio.to_thread(server.posts[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=[sse([chat_text("h")])], silent=True)]) as server:
        assert use_model(chat_provider(server.url), use)


def test_cancelling_the_task_hangs_up() -> None:
    async def use(model: Model) -> bool:
        task = asyncio.create_task(events_of(model))
        await asyncio.to_thread(server.wait_requests, 5)  # after four questions
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(server.posts[0].gone.wait, WAIT_S)

    with FakeServer([Reply(silent=True)]) as server:
        assert use_model(chat_provider(server.url), use)


def test_the_window_is_what_the_server_says() -> None:
    async def use(model: Model) -> list[int | None]:
        return [await model.window(), await model.window()]

    with FakeServer(get={"/props": PROPS}) as server:
        assert use_model(chat_provider(server.url), use) == [8192, 8192]
    assert len(server.requests) == 1
