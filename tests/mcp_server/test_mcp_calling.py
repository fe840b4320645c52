"""Which call of the model an event or a question is about."""

import json

import pytest

from codex_oss.items import FunctionCall, FunctionCallOutput
from codex_oss.mcp.offer import FLAT_NAME, flat_name
from codex_oss.mcp_server.calling import OpenCalls


def call(call_id: str, name: str, arguments: object) -> FunctionCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return FunctionCall(name=name, arguments=text, call_id=call_id)


def opened(*calls: FunctionCall) -> OpenCalls:
    made = OpenCalls()
    for each in calls:
        made.keep(each)
    return made


def test_a_tool_is_known_by_its_whole_name_and_its_arguments() -> None:
    made = opened(
        call("c1", "mcp__other__rewrite", {}),
        call("c2", "mcp__files__write", {"path": "a"}),
        call("c3", "mcp__files__write", {"path": "b"}),
        call("c4", "mcp_call", {"name": "mcp__files__write", "arguments": {"n": 1}}),
    )
    found = [
        made.of_tool("files", "write", given)
        for given in ('{"path": "b"}', '{"n": 1}', '{"path": "c"}', "nonsense")
    ]
    assert [each and each.call_id for each in found] == ["c3", "c4", None, None]


def test_a_tool_with_a_name_too_long_for_models_is_known() -> None:
    tool = "t" * FLAT_NAME
    made = opened(call("c1", flat_name("files", tool, ()), {}))
    found = made.of_tool("files", tool, "{}")
    assert found is not None
    assert found.call_id == "c1"


@pytest.mark.parametrize("arguments", ["nonsense", "[1]", '{"cmd": 7}'])
def test_calls_with_wrong_arguments_are_nobodys(arguments: str) -> None:
    assert opened(call("c1", "exec_command", arguments)).of_command("ls") is None


def test_a_call_with_an_output_is_open_no_more() -> None:
    made = opened(call("c1", "exec_command", {"cmd": "ls"}))
    assert made.of_command("ls") is not None
    made.keep(FunctionCallOutput(call_id="c1", output="done"))
    assert made.of_command("ls") is None


def test_two_calls_of_the_same_command_are_two() -> None:
    made = opened(
        call("c1", "exec_command", {"cmd": "ls"}),
        call("c2", "exec_command", {"cmd": "ls"}),
    )
    assert made.take("item1", made.of_command("ls")) == "c1"
    assert made.take("item2", made.of_command("ls")) == "c2"
