"""Calls whose JSON is nested deeper than any reader goes: mistakes, and no crash."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.agent.calls import Calls, mend
from codex_oss.agent.handoff import Facts, facts, without_model
from codex_oss.agent.masking import sweep
from codex_oss.exec_mode import findings
from codex_oss.items import (
    Call,
    CustomToolCall,
    FunctionCall,
    FunctionCallOutput,
    Item,
    user,
)
from codex_oss.mcp_server.approval import arguments_shown
from codex_oss.mcp_server.calling import OpenCalls
from codex_oss.mcp_server.patches import hunks_in
from codex_oss.policy import Permissions
from codex_oss.ports import Scope, Tool
from codex_oss.tools.apply_patch import ApplyPatch
from codex_oss.tools.edit_file import EditFile
from codex_oss.tools.edits import Edits
from codex_oss.tools.permit import Permit
from codex_oss.tools.plan import UpdatePlan
from codex_oss.tools.seen import Seen
from codex_oss.tools.view_image import ViewImage
from codex_oss.tools.write_file import WriteWholeFile
from people import Person

NESTED = "[" * 100_000 + "]" * 100_000
ARGUMENTS = f'{{"cmd": {NESTED}}}'
PERMISSIONS = Permissions(mode="workspace-write")


def edits() -> Edits:
    return Edits(Permit(PERMISSIONS, Person("no")))


def call(name: str) -> FunctionCall:
    return FunctionCall(name=name, arguments=ARGUMENTS, call_id="c")


@pytest.mark.parametrize(
    ("tool", "asked"),
    [
        (ApplyPatch(edits(), freeform=False), call("apply_patch")),
        (
            ApplyPatch(edits(), freeform=True),
            CustomToolCall(name="apply_patch", input=NESTED, call_id="c"),
        ),
        (EditFile(edits()), call("edit_file")),
        (WriteWholeFile(edits()), call("write_file")),
        (UpdatePlan(), call("update_plan")),
        (ViewImage(), call("view_image")),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_a_tool_refuses_it_and_the_turn_goes_on(
    tool: Tool, asked: Call, tmp_path: Path
) -> None:
    tools = {tool.spec.name: tool}
    scope = Scope(cwd=tmp_path, emit=lambda _: None, new_item_id=lambda: "item_0")
    output = asyncio.run(Calls(tools, scope).run(mend(asked, tools)))

    assert not output.success
    assert isinstance(output.content, str)
    assert output.content.startswith("failed to parse function arguments: ")


def test_a_conversation_that_holds_it_can_be_made_short() -> None:
    said: list[Item] = [user("go")]
    for number in range(5):
        name, call_id = ("exec_command", "update_plan")[number % 2], f"c{number}"
        said += [
            FunctionCall(name=name, arguments=ARGUMENTS, call_id=call_id),
            FunctionCallOutput(call_id=call_id, output="x" * 1000),
        ]

    swept = sweep(said, 10**9)
    assert swept[2] == FunctionCallOutput(
        call_id="c0",
        output="[left out to make room: 1 lines of exec_command; call it again to "
        "see them]",
    )
    assert facts(said) == Facts([], [])
    assert "- exec_command: xxx" in without_model(said)


def test_no_client_s_question_is_about_it() -> None:
    calls = OpenCalls()
    calls.keep(call("exec_command"))

    assert calls.of_command("ls") is None
    assert calls.of_patch() is None
    assert calls.of_tool("files", "read", ARGUMENTS) is None
    assert hunks_in(call("anything")) == []
    assert arguments_shown(ARGUMENTS).startswith('{"cmd": [[[')


def test_no_file_was_read_by_it(tmp_path: Path) -> None:
    assert not Seen(tmp_path, [call("exec_command")]).knows(tmp_path / "f")


def test_a_review_that_is_it_is_an_explanation() -> None:
    text = f'{{"findings": {NESTED}}}'
    assert findings.read(text) == findings.Review(overall_explanation=text)
