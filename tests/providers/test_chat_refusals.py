"""Chat models and servers that refuse parts of a request."""

from typing import Any

import pytest

from asking import ASK, ASK_WITH_TOOL, chat_provider, events_of, use_model
from codex_oss.errors import BadRequest
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_server import (
    Answer,
    FakeServer,
    Reply,
    Scripted,
    Seen,
    chat_text,
    chat_turn,
)

HI = chat_turn(chat_text("hi"))
PROPS: dict[str, Any] = {
    "default_generation_settings": {"n_ctx": 8192},
    "chat_template_caps": {"supports_tools": True},
}
TOOLLESS = PROPS | {"chat_template_caps": {"supports_tools": False}}


def ask(
    server: FakeServer, request: responses.Request = ASK, **provider: Any
) -> list[responses.Event]:
    return use_model(
        chat_provider(server.url, **provider), lambda model: events_of(model, request)
    )


def refusing(*fields: str) -> Scripted:
    """Return a server that refuses some fields, one at a time."""

    def answer(seen: Seen) -> Answer:
        for field in fields:
            if field in seen.json:
                text = f"Unrecognized request argument supplied: {field}"
                return Reply(status=400, body={"error": {"message": text}})
        return HI

    return answer


def test_fields_that_are_refused_are_left_out_from_then_on() -> None:
    request = responses.Request(
        model="m",
        input=ASK.input,
        text=responses.TextParams(format={"type": "json_object"}),
        reasoning=responses.ReasoningParams(effort="low"),
    )
    fields = ("stream_options", "reasoning_effort", "response_format")

    async def use(model: Model) -> int:
        await events_of(model, request)
        tries = len(server.posts)
        await events_of(model, request)
        return tries

    with FakeServer([refusing(*fields)]) as server:
        assert use_model(chat_provider(server.url), use) == 4
    assert [[f for f in fields if f in seen.json] for seen in server.posts] == [
        ["stream_options", "reasoning_effort", "response_format"],
        ["reasoning_effort", "response_format"],
        ["response_format"],
        [],
        [],
    ]


def test_variables_that_a_server_does_not_take_are_left_out() -> None:
    request = responses.Request(
        model="qwen3-8b",
        input=ASK.input,
        reasoning=responses.ReasoningParams(effort="none"),
    )
    refuse = refusing("chat_template_kwargs")
    with FakeServer([refuse], get={"/props": PROPS}) as server:
        ask(server, request)
    assert [seen.json.get("chat_template_kwargs") for seen in server.posts] == [
        {"enable_thinking": False},
        None,
    ]


def test_a_field_that_was_not_sent_is_not_left_out_twice() -> None:
    reply = Reply(status=400, body={"error": "stream_options, whatever you do"})
    with FakeServer([reply]) as server, pytest.raises(BadRequest):
        ask(server)
    assert len(server.posts) == 2


def native(seen: Seen) -> bool:
    return "tools" in seen.json


def test_a_template_without_tools_gets_them_in_the_prompt() -> None:
    with FakeServer([HI], get={"/props": TOOLLESS}) as server:
        ask(server, ASK_WITH_TOOL)
    [seen] = server.posts
    assert not native(seen)
    assert "add" in str(seen.json["messages"])


@pytest.mark.parametrize(
    "text", ["m does not support tools", '"auto" needs --enable-auto-tool-choice']
)
def test_a_server_that_refuses_tools_gets_them_in_the_prompt_from_then_on(
    text: str,
) -> None:
    def answer(seen: Seen) -> Any:
        return Reply(status=400, body={"error": text}) if native(seen) else HI

    async def use(model: Model) -> None:
        for _ in range(2):
            await events_of(model, ASK_WITH_TOOL)

    with FakeServer([answer], get={"/props": PROPS}) as server:
        use_model(chat_provider(server.url), use)
    assert not any(native(seen) for seen in server.posts[-2:])
    assert "add" in str(server.posts[-1].json["messages"])


@pytest.mark.parametrize(("mode", "sent"), [("native", True), ("constrained", False)])
def test_a_tool_mode_that_is_set_is_not_asked_about(mode: str, sent: bool) -> None:  # noqa: FBT001
    with FakeServer([HI]) as server:
        ask(server, ASK_WITH_TOOL, tool_mode=mode)
    assert [native(seen) for seen in server.posts] == [sent]


def test_native_tools_that_are_refused_are_the_persons_to_decide() -> None:
    reply = Reply(status=400, body={"error": "m does not support tools"})
    with (
        FakeServer([reply]) as server,
        pytest.raises(BadRequest, match="does not support tools") as caught,
    ):
        ask(server, ASK_WITH_TOOL, tool_mode="native")
    assert "tool_mode" in caught.value.hint
