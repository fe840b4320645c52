"""Summaries of models that call tools when they may not."""

from pathlib import Path
from typing import Any

import pytest

from bridging import CODEX, Asking, through
from codex_oss.items import Message, text_of
from codex_oss.wire import responses
from fake_server import (
    LLAMACPP,
    FakeServer,
    Scripted,
    chat_call,
    chat_text,
    chat_turn,
)
from response_grammar import check_grammar, items

TOOL = {
    "type": "function",
    "name": "exec_command",
    "description": "Runs a command.",
    "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}}},
}
HELLO = chat_turn(chat_text("hi"))
CALLS = chat_turn(chat_call("exec_command", '{"cmd":"ls"}'))
SUMMARY = chat_turn(chat_text("We said hi."))
FORBIDDEN = "No tool can be called now: answer in words."


def summarize(
    script: list[Scripted], tmp: Path, **changes: Any
) -> tuple[list[responses.Event], FakeServer]:
    """Ask once with tools, then for a summary without; return the summary's events."""

    async def use(asking: Asking) -> list[responses.Event]:
        about = {"prompt_cache_key": "t1", "stream": True}
        await asking.respond({"input": "hello", "tools": [TOOL], **about}, CODEX)
        asked = {"input": [_said("hello"), _said("Summarize.")], **about}
        return (await asking.respond(asked, CODEX)).events

    with FakeServer([HELLO, *script], get=LLAMACPP) as server:
        events = through(server.url, tmp, use, **changes)
    check_grammar(events)
    return events, server


def _said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


def texts(events: list[responses.Event]) -> list[str]:
    return [text_of(i.content) for i in items(events) if isinstance(i, Message)]


def test_a_summary_of_calls_alone_is_asked_for_in_words(tmp_path: Path) -> None:
    events, server = summarize([CALLS, SUMMARY], tmp_path)
    assert texts(events) == ["We said hi."]
    _, first, again = (post.json for post in server.posts)
    assert first["tool_choice"] == again["tool_choice"] == "none"
    assert again["tools"] == first["tools"]
    assert again["messages"][: len(first["messages"])] == first["messages"]
    assert again["messages"][-1]["content"] == FORBIDDEN


def test_a_model_that_still_calls_is_asked_without_its_tools(tmp_path: Path) -> None:
    events, server = summarize([CALLS, CALLS, SUMMARY], tmp_path)
    assert texts(events) == ["We said hi."]
    _, first, _, last = (post.json for post in server.posts)
    assert "tools" in first
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(last)
    assert last["messages"] == first["messages"]


@pytest.mark.parametrize(
    ("changes", "asked"), [({}, 4), ({"ask_again": False}, 2)], ids=["asked", "not"]
)
def test_a_summary_is_asked_for_three_times_at_most(
    tmp_path: Path, changes: dict[str, Any], asked: int
) -> None:
    events, server = summarize([CALLS], tmp_path, **changes)
    assert texts(events) == []
    assert len(server.posts) == asked
