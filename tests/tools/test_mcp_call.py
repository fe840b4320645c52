"""Calls of MCP tools: who is asked, and what is told."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

import mcp_scripted
from codex_oss import events
from codex_oss.config.schema import McpServer
from codex_oss.items import FunctionCall
from codex_oss.policy import (
    Answer,
    AnswerServer,
    CallTool,
    Filled,
    Granular,
    Permissions,
)
from codex_oss.policy.form import Form
from codex_oss.ports import Output, Scope
from codex_oss.tools.mcp_call import MAX_NEWS, note, open_desk, tools_of
from codex_oss.tools.output import Budget
from codex_oss.tools.permit import Permit
from mcp_sessions import Session
from people import Person

ASKING = Permissions(mode="workspace-write", approval="on-request")


class Turn:
    """A turn in which tools of a scripted server are called."""

    def __init__(self, mode: str, person: Person, **settings: Any) -> None:
        server = McpServer(
            command=sys.executable, args=(mcp_scripted.__file__, mode), **settings
        )
        self.session = Session(a=server)
        self.permit = Permit(ASKING, person)
        self.events: list[events.Event] = []
        self.stopped = 0
        self.changed = 0

    async def changing(self, paths: object) -> None:
        assert paths is None
        self.changed += 1

    def stop(self) -> None:
        self.stopped += 1

    def call(self, *names: str, **arguments: Any) -> list[Output]:
        scope = Scope(
            cwd=Path("/"),
            emit=self.events.append,
            new_item_id=lambda: "item_1",
            interrupt=self.stop,
            changing=self.changing,
        )
        outputs: list[Output] = []

        async def work() -> None:
            desk = open_desk(self.session["a"], self.permit, Budget(1000), [])
            tools = {tool.remote.name: tool for tool in tools_of([desk])}
            text = json.dumps(arguments)
            calls = [FunctionCall(name=n, arguments=text, call_id="c") for n in names]
            running = [tools[call.name].run(call, scope) for call in calls]
            outputs.extend(await asyncio.gather(*running))

        assert self.session.run(work) == []
        return outputs


def test_a_person_is_asked_with_the_arguments_and_says_yes() -> None:
    person = Person("yes")
    (output,) = Turn("demo", person).call("write-thing", n=1)
    assert output == Output("echo: write-thing")
    assert [question.action for question in person.asked] == [
        CallTool(server="a", tool="write-thing", arguments='{"n":1}')
    ]


def test_what_may_change_files_is_remembered_before() -> None:
    for name, person, changed in (
        ("write-thing", Person("yes"), 1),
        ("write-thing", Person("no"), 0),
        ("echo", Person("no"), 0),
    ):
        turn = Turn("demo", person)
        turn.call(name)
        assert turn.changed == changed, name


def test_a_person_says_no() -> None:
    turn = Turn("demo", Person("no"))
    (output,) = turn.call("write-thing")
    assert output == Output("user rejected MCP tool call", success=False)
    *_, last = turn.events
    assert isinstance(last, events.ItemCompleted)
    assert last.item == events.McpToolCall(
        id="item_1",
        server="a",
        tool="write-thing",
        arguments={},
        error=events.McpError("user rejected MCP tool call"),
        status="failed",
    )


def test_a_person_stops_the_turn() -> None:
    turn = Turn("demo", Person("stop"))
    turn.call("write-thing")
    assert turn.stopped == 1


def test_a_yes_for_the_session_counts_for_the_tool_with_any_arguments() -> None:
    person = Person("session")
    turn = Turn("demo", person)
    turn.call("write-thing", n=1)
    turn.call("write-thing", n=2)
    assert len(person.asked) == 1


def test_a_question_of_the_server_is_shown_to_the_person() -> None:
    person = Person("yes")
    (output,) = Turn("ask", person).call("echo")
    assert output == Output('{"action": "accept", "content": {}}')
    assert [question.action for question in person.asked] == [
        AnswerServer(server="a", message="Sure?", form=Form())
    ]


FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer", "maximum": 9}},
}


@pytest.mark.parametrize(
    ("answer", "told", "stopped"),
    [
        (Filled({"n": 7}), {"action": "accept", "content": {"n": 7}}, 0),
        ("yes", {"action": "accept", "content": {}}, 0),
        ("no", {"action": "decline"}, 0),
        ("later", {"action": "cancel"}, 0),
        ("stop", {"action": "cancel"}, 1),
    ],
)
def test_the_answer_to_a_form_reaches_the_server(
    answer: Answer, told: dict[str, Any], stopped: int
) -> None:
    turn = Turn("ask", Person(answer))
    (output,) = turn.call("echo", **FORM)
    assert json.loads(str(output.content)) == told
    assert turn.stopped == stopped


def test_a_server_is_answered_anew_each_time() -> None:
    person = Person("session")
    Turn("ask", person).call("echo", "echo", **FORM)
    assert len(person.asked) == 2


def test_a_form_is_declined_where_servers_may_not_ask() -> None:
    person = Person("yes")
    turn = Turn("ask", person)
    granular = Granular(mcp_elicitations=False)
    turn.permit.permissions = Permissions(mode="workspace-write", approval=granular)
    (output,) = turn.call("echo", **FORM)
    assert json.loads(str(output.content)) == {"action": "decline"}
    assert person.asked == []
    said = "MCP server a asked for something, and that was declined: "
    assert turn.session.told == [f"{said}rejected by user approval settings"]


def test_a_filled_in_form_allows_no_call() -> None:
    (output,) = Turn("demo", Person(Filled({}))).call("write-thing")
    assert output == Output("user rejected MCP tool call", success=False)


def test_calls_of_one_server_run_one_after_the_other() -> None:
    turn = Turn("demo", Person("no"))
    turn.call("echo", "img", text="x")
    kinds = [type(event).__name__ for event in turn.events]
    assert kinds == ["ItemStarted", "ItemCompleted"] * 2


def test_calls_run_side_by_side_where_the_server_is_made_for_it() -> None:
    turn = Turn("demo", Person("no"), supports_parallel_tool_calls=True)
    turn.call("echo", "img", text="x")
    kinds = [type(event).__name__ for event in turn.events]
    assert kinds == ["ItemStarted", "ItemStarted", "ItemCompleted", "ItemCompleted"]


def test_what_a_server_makes_happen_again_and_again_is_told_once() -> None:
    news: list[str] = []
    for number in range(1000):
        note(news, "again")
        note(news, f"another {number}")
    assert news == ["again", *(f"another {n}" for n in range(MAX_NEWS - 1))]
