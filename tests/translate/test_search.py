"""Tools that a client brings into its conversation, or lets the model search for."""

import json
from typing import Any

from chat_streams import EXEC, PLAIN, call, function_call, ids
from codex_oss.items import (
    AdditionalTools,
    CustomToolCall,
    CustomToolCallOutput,
    Item,
    ToolSearchCall,
    ToolSearchOutput,
    user,
)
from codex_oss.translate.request import to_chat
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import SEARCH_SCHEMA, ToolMap
from codex_oss.wire import chat, responses
from response_grammar import check_grammar, items

SEARCH = responses.ToolSearchTool(
    execution="client", description="Finds tools.", parameters=SEARCH_SCHEMA
)
ECHO: dict[str, Any] = {
    "type": "function",
    "name": "echo",
    "description": "Echo text back",
    "strict": False,
    "defer_loading": True,
    "parameters": {"type": "object", "properties": {"text": {"type": "string"}}},
}
DEMO = {"type": "namespace", "name": "mcp__demo", "description": "", "tools": [ECHO]}
SEARCHED = ToolSearchCall(
    id="tsc_1", call_id="ts1", status="completed", arguments={"query": "echo"}
)
FOUND = ToolSearchOutput(call_id="ts1", status="completed", tools=[DEMO])
NOTHING = ToolSearchOutput(call_id="ts1", status="completed", tools=[])


def request(*given: Item, tools: Any = (EXEC, SEARCH)) -> responses.Request:
    return responses.Request(model="m", input=[user("Go"), *given], tools=[*tools])


def sent(*given: Item, **more: Any) -> chat.Request:
    asked = request(*given, **more)
    return to_chat(asked, ToolMap.of(asked), PLAIN)


def answered(chunk: dict[str, Any], *given: Item, **more: Any) -> list[Item]:
    asked = request(*given, **more)
    subject = Translator(asked, ToolMap.of(asked), PLAIN, new_id=ids())
    decoded = chat.decode_chunk(json.dumps(chunk))
    assert decoded
    events = [*subject.feed(decoded), *subject.finish(clean=True)]
    check_grammar(events)
    return items(events)


# --- search ------------------------------------------------------------------------


def test_the_search_for_tools_is_a_function() -> None:
    assert sent().tools[1] == chat.FunctionTool(
        chat.Function(
            name="tool_search", description="Finds tools.", parameters=SEARCH_SCHEMA
        )
    )


def test_a_search_that_the_client_does_not_do_is_not_offered() -> None:
    hosted = responses.ToolSearchTool(description="Finds tools.")
    assert list(ToolMap([hosted]).schemas) == []


def test_a_call_of_the_search_is_an_item_of_its_own() -> None:
    for arguments in ('{"query": "echo", "limit": 2}', '{"query":"echo","limit":"2"}'):
        assert answered(call(arguments, name="tool_search", id="ts1")) == [
            ToolSearchCall(
                id="tsc_2",
                call_id="ts1",
                status="completed",
                execution="client",
                arguments={"query": "echo", "limit": 2},
            )
        ]


def test_found_tools_are_named_and_offered() -> None:
    asked = sent(SEARCHED, FOUND)
    assert asked.messages[1:] == [
        chat.Assistant(
            content="",
            tool_calls=[
                chat.ToolCall(
                    "ts1", chat.ToolFunction("tool_search", '{"query":"echo"}')
                )
            ],
        ),
        chat.Tool(
            tool_call_id="ts1",
            content="You can call these tools now:\n- mcp__demo__echo: Echo text back",
        ),
    ]
    names = [tool.function.name for tool in asked.tools]
    assert names == ["exec_command", "tool_search", "mcp__demo__echo"]


def test_a_search_may_find_nothing() -> None:
    assert sent(SEARCHED, NOTHING).messages[-1] == chat.Tool(
        tool_call_id="ts1", content="No tool was found."
    )


def test_a_found_tool_gets_its_namespace_back() -> None:
    made = call('{"text": "hi"}', name="mcp__demo__echo", id="c1")
    assert answered(made, SEARCHED, FOUND) == [
        function_call(2, '{"text": "hi"}', "c1", "echo", namespace="mcp__demo")
    ]


def test_tools_that_are_found_again_are_offered_once() -> None:
    again = ToolSearchOutput(call_id="ts2", tools=[DEMO])
    assert sent(SEARCHED, FOUND, again).tools == sent(SEARCHED, FOUND).tools


def test_tools_without_a_search_are_not_the_persons_words() -> None:
    assert sent(FOUND).messages == sent().messages


# --- tools in the conversation -----------------------------------------------------

LITE = AdditionalTools(
    role="developer",
    tools=[
        {
            "type": "namespace",
            "name": "functions",
            "description": "",
            "tools": [
                {"type": "custom", "name": "exec", "description": "Runs JavaScript."},
                {"type": "function", "name": "wait", "parameters": {"type": "object"}},
            ],
        },
        {
            "type": "namespace",
            "name": "collaboration",
            "tools": [{"type": "function", "name": "list_agents"}],
        },
    ],
)


def test_tools_of_the_conversation_are_offered() -> None:
    names = [tool.function.name for tool in sent(LITE, tools=()).tools]
    assert names == ["exec", "wait", "collaboration__list_agents"]
    assert sent(LITE, tools=()).messages == sent(tools=()).messages


def test_their_calls_go_back_as_the_client_knows_them() -> None:
    code = "text(1)"
    for arguments in (code, json.dumps({"input": code})):
        made = call(arguments, name="exec", id="c1")
        assert answered(made, LITE, tools=()) == [
            CustomToolCall(
                id="ctc_2", call_id="c1", name="exec", input=code, status="completed"
            )
        ]
    made = call("{}", name="list_agents", id="c1")
    assert answered(made, LITE, tools=()) == [
        function_call(2, "{}", "c1", "list_agents", namespace="collaboration")
    ]


def test_the_top_level_namespace_is_none_in_the_history_too() -> None:
    made = CustomToolCall(name="exec", namespace="functions", input="1", call_id="c1")
    result = CustomToolCallOutput(call_id="c1", output="ok")
    said = sent(LITE, made, result, tools=()).messages[1]
    assert said == chat.Assistant(
        content="",
        tool_calls=[chat.ToolCall("c1", chat.ToolFunction("exec", '{"input":"1"}'))],
    )


# --- the wire ----------------------------------------------------------------------


def test_these_items_survive_a_round_trip() -> None:
    for item in (SEARCHED, FOUND, LITE):
        data = responses.encode(item)
        assert responses.decode_item(data) == item
    assert responses.decode_request(
        responses.encode(request(SEARCHED, FOUND, LITE))
    ) == request(SEARCHED, FOUND, LITE)
