"""Requests that allow the model only some of the tools that it is shown."""

import json
from typing import Any

import pytest

from chat_streams import (
    LS,
    TOOLS,
    call,
    function_call,
    message,
    run,
    text,
    translator,
)
from codex_oss.items import CustomToolCall, user
from codex_oss.translate.options import callable_in
from codex_oss.translate.quirks import Mending, Quirks
from codex_oss.translate.request import to_chat
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from response_grammar import items

ASKING = Quirks(mending=Mending(ask_again=True, emulate=True))


def only(*listed: Any, mode: str = "auto") -> dict[str, Any]:
    return {"type": "allowed_tools", "mode": mode, "tools": list(listed)}


PATCH = only({"type": "custom", "name": "apply_patch"})


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ({"type": "function", "name": "exec_command"}, ["exec_command"]),
        ({"type": "custom", "name": "apply_patch"}, ["apply_patch"]),
        ({"type": "function", "name": "echo"}, ["mcp__demo__echo"]),
        (
            {"type": "function", "name": "echo", "namespace": "mcp__demo"},
            ["mcp__demo__echo"],
        ),
        ({"type": "function", "name": "echo", "namespace": "mcp__other"}, []),
        ({"type": "namespace", "name": "mcp__demo"}, ["mcp__demo__echo"]),
        ({"type": "tool_search"}, ["tool_search"]),
        ({"type": "web_search"}, []),
        ("exec_command", []),
    ],
)
def test_a_tool_is_listed_by_its_kind_and_name(listed: Any, names: list[str]) -> None:
    assert [*callable_in(only(listed), ToolMap(TOOLS)).schemas] == names


def test_a_tool_keeps_the_name_under_which_the_model_knows_it() -> None:
    twins = [
        responses.NamespaceTool(name="a", tools=[responses.FunctionTool(name="b__c")]),
        responses.NamespaceTool(name="a__b", tools=[responses.FunctionTool(name="c")]),
    ]
    tools = ToolMap(twins)
    assert [*tools.schemas] == ["a__b__c", "a__b__c_2"]
    assert [*callable_in(only({"type": "function", "name": "c"}), tools).schemas] == [
        "a__b__c_2"
    ]


def test_the_prompt_has_all_tools_all_the_same() -> None:
    free = responses.Request(model="m", input=[user("Hi")], tools=TOOLS)
    held = responses.Request(
        model="m", input=[user("Hi")], tools=TOOLS, tool_choice=PATCH
    )
    tools = ToolMap(TOOLS)
    assert to_chat(held, tools, Quirks()) == to_chat(free, tools, Quirks())
    constrained = Quirks(tool_mode="constrained")
    written, free_written = (to_chat(each, tools, constrained) for each in (held, free))
    assert written.messages == free_written.messages
    assert "exec_command" in str(free_written.response_format)
    assert "exec_command" not in str(written.response_format)
    assert "apply_patch" in str(written.response_format)


def test_a_call_of_another_tool_is_asked_for_again_and_not_played() -> None:
    subject = _translator(PATCH)
    events = subject.feed(_chunk(call(LS, name="exec_command", id="c1")))
    events += subject.finish(clean=True)
    [rejected] = subject.rejected
    assert (rejected.name, rejected.arguments) == ("exec_command", LS)
    assert "apply_patch" in rejected.reason
    assert "echo" not in rejected.reason
    assert items(events) == []


def test_a_call_of_a_tool_in_the_list_goes_out() -> None:
    events = run(
        call('{"input": "x"}', name="apply_patch", id="c1"),
        reason="tool_calls",
        quirks=ASKING,
        tool_choice=PATCH,
    )
    assert items(events) == [
        CustomToolCall(
            id="ctc_2", call_id="c1", name="apply_patch", input="x", status="completed"
        )
    ]


def test_a_call_of_another_tool_that_is_written_as_text_is_text() -> None:
    said = '{"name": "exec_command", "arguments": {"cmd": "ls"}}'
    listed = only({"type": "function", "name": "exec_command"})
    assert items(run(*text(said), tool_choice=PATCH)) == [message("msg_2", said)]
    assert items(run(*text(said), tool_choice=listed)) == [
        function_call(3, '{"cmd":"ls"}', "call_2")
    ]


def _chunk(body: dict[str, Any]) -> chat.Chunk | chat.ChunkError:
    chunk = chat.decode_chunk(json.dumps(body))
    assert chunk is not None
    return chunk


def _translator(choice: dict[str, Any]) -> Translator:
    return translator(ASKING, tool_choice=choice)
