"""Events as Codex's messages, where the transcripts have none."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from codex_oss import events
from codex_oss.items import FunctionCall, FunctionCallOutput, Item
from codex_oss.mcp_server.calling import OpenCalls
from codex_oss.mcp_server.messages import Translator, Turn
from codex_oss.mcp_server.patches import changes, hunks_in
from codex_oss.mcp_server.progress import LINE, progress

Json = dict[str, Any]
TURN = Turn(thread_id="t1", turn_id="u1", cwd="/w", prompt="hello", window=8192)


def translator() -> Translator:
    return Translator(TURN, events.TokenUsage(), OpenCalls())


def fed(*happened: events.Event, kept: Sequence[Item] = ()) -> list[Json]:
    made = translator()
    told = [made.keep(kept)] if kept else []
    told += [made.feed(event, (), 10.0 + n) for n, event in enumerate(happened)]
    return [msg for messages in told for msg in messages]


def test_a_notice_is_an_error_only_where_the_turn_ends_with_it() -> None:
    failed = events.TurnFailed(error=events.Failure("no"))
    again, last = events.Notice(message="again"), events.Notice(message="no")
    told = fed(events.TurnStarted(), again, events.Asked(), last, failed)[-3:]
    assert told == [
        {"type": "stream_error", "message": "again"},
        {"type": "error", "message": "no"},
        {
            "type": "task_complete",
            "turn_id": "u1",
            "last_agent_message": None,
            "started_at": 10,
            "completed_at": 14,
            "duration_ms": 4000,
        },
    ]


def test_a_turn_that_somebody_ended_is_aborted() -> None:
    failure = events.Failure("turn interrupted")
    told = fed(events.TurnStarted(), events.TurnFailed(error=failure))[-1]
    assert told == {
        "type": "turn_aborted",
        "turn_id": "u1",
        "reason": "interrupted",
        "started_at": 10,
        "completed_at": 11,
        "duration_ms": 1000,
    }


def test_tokens_are_those_of_the_turn_and_of_the_conversation() -> None:
    before = events.TokenUsage(input_tokens=100, output_tokens=10)
    after = events.TokenUsage(input_tokens=150, output_tokens=15)
    made = Translator(TURN, before, OpenCalls())
    told, _ = made.feed(events.TurnCompleted(usage=after), (), 1.0)
    total, last = told["info"]["total_token_usage"], told["info"]["last_token_usage"]
    assert (total["input_tokens"], total["total_tokens"]) == (150, 165)
    assert (last["input_tokens"], last["total_tokens"]) == (50, 55)
    assert told["info"]["model_context_window"] == 8192


def test_an_mcp_call_has_a_beginning_and_an_end() -> None:
    item = events.McpToolCall(id="i1", server="files", tool="read", arguments={"a": 1})
    done = events.McpToolCall(
        id="i1", server="files", tool="read", arguments={"a": 1}, result={"ok": True}
    )
    invocation = {"server": "files", "tool": "read", "arguments": {"a": 1}}
    assert fed(events.ItemStarted(item=item), events.ItemCompleted(item=done)) == [
        {"type": "mcp_tool_call_begin", "call_id": "i1", "invocation": invocation},
        {
            "type": "mcp_tool_call_end",
            "call_id": "i1",
            "invocation": invocation,
            "duration": {"secs": 1, "nanos": 0},
            "result": {"Ok": {"ok": True}},
        },
    ]


def test_the_plan_is_told_at_every_change() -> None:
    steps = [events.TodoEntry("look", True), events.TodoEntry("mend", False)]
    plan = events.TodoList(id="i1", items=steps)
    told = {
        "type": "plan_update",
        "explanation": None,
        "plan": [
            {"step": "look", "status": "completed"},
            {"step": "mend", "status": "pending"},
        ],
    }
    happened = [
        events.ItemStarted(item=plan),
        events.ItemUpdated(item=plan),
        events.ItemCompleted(item=plan),
    ]
    assert fed(*happened) == [told, told]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (events.TextDelta(text="a"), {"type": "agent_message_delta", "delta": "a"}),
        (
            events.ReasoningDelta(text="a"),
            {"type": "agent_reasoning_delta", "delta": "a"},
        ),
        (
            events.OutputDelta(item_id="i1", text="hi\n"),
            {
                "type": "exec_command_output_delta",
                "call_id": "i1",
                "stream": "stdout",
                "chunk": "aGkK",
            },
        ),
        (
            events.Blocked(
                item_id="i1", what="The network is closed", remedy="Open it."
            ),
            {"type": "warning", "message": "The network is closed. Open it."},
        ),
        (
            events.Compacted(before=9, after=1, how="summarised"),
            {"type": "context_compacted"},
        ),
        (
            events.ItemCompleted(item=events.ErrorItem(id="i1", message="old")),
            {"type": "warning", "message": "old"},
        ),
    ],
)
def test_what_live_screens_show_is_told_too(
    event: events.Event, expected: Json
) -> None:
    assert fed(event) == [expected]


@pytest.mark.parametrize(
    "event",
    [events.Asked(), events.Reading(done=1, total=2), events.Answering()],
)
def test_waiting_is_not_told(event: events.Event) -> None:
    assert fed(event) == []


def test_two_commands_at_once_have_the_ids_of_their_calls() -> None:
    calls = [
        FunctionCall(
            name="exec_command", arguments='{"cmd": "b", "workdir": "x"}', call_id="c1"
        ),
        FunctionCall(name="exec_command", arguments='{"cmd": "a"}', call_id="c2"),
    ]
    started = [
        events.ItemStarted(
            item=events.CommandExecution(id=each, command=f"sh -lc {each}")
        )
        for each in ("a", "b")
    ]
    told = [msg for msg in fed(*started, kept=calls) if "call_id" in msg]
    assert [(msg["call_id"], msg["cwd"]) for msg in told] == [
        ("c2", "file:///w"),
        ("c1", "file:///w/x"),
    ]


def test_the_same_command_twice_has_two_ids() -> None:
    said = '{"cmd": "a"}'
    first = FunctionCall(name="exec_command", arguments=said, call_id="c1")
    second = FunctionCall(name="exec_command", arguments=said, call_id="c2")
    made = translator()
    ids: list[str] = []
    for call, item_id in ((first, "i1"), (second, "i2")):
        made.keep([call])
        item = events.CommandExecution(id=item_id, command="sh -lc a")
        ids.append(made.feed(events.ItemStarted(item=item), (), 1.0)[-1]["call_id"])
        made.keep([FunctionCallOutput(call_id=call.call_id, output="")])
    assert ids == ["c1", "c2"]


PATCH = """*** Begin Patch
*** Add File: new
+one
*** Delete File: sub/old
*** Update File: was
*** Move to: is
@@ def f
-a
+b
*** End Patch"""


@pytest.mark.parametrize(
    "arguments",
    [
        {"input": PATCH},
        {"cmd": f"cd x && apply_patch <<'EOF'\n{PATCH}\nEOF\n"},
    ],
)
def test_a_patch_is_told_by_its_files(arguments: Json) -> None:
    call = FunctionCall(name="x", arguments=json.dumps(arguments), call_id="c1")
    assert changes(hunks_in(call), "/w") == {
        "/w/new": {"type": "add", "content": "one\n"},
        "/w/sub/old": {"type": "delete"},
        "/w/was": {
            "type": "update",
            "unified_diff": "@@\n-a\n+b\n",
            "move_path": "/w/is",
        },
    }


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        (
            "edit_file",
            {"path": "a", "old_text": "x\ny", "new_text": "z"},
            {
                "type": "update",
                "unified_diff": "@@\n-x\n-y\n+z\n",
                "move_path": None,
            },
        ),
        (
            "write_file",
            {"path": "a", "content": "z\n"},
            {"type": "add", "content": "z\n"},
        ),
        (
            "apply_patch",
            {"input": "a\n<<<<<<< SEARCH\nx\n=======\nz\n>>>>>>> REPLACE"},
            {"type": "update", "unified_diff": "@@\n-x\n+z\n", "move_path": None},
        ),
    ],
)
def test_other_edits_are_told_like_patches(
    name: str, arguments: Json, told: Json
) -> None:
    call = FunctionCall(name=name, arguments=json.dumps(arguments), call_id="c1")
    assert changes(hunks_in(call), "/w") == {"/w/a": told}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"input": 7}', "nonsense", '"x"'])
def test_what_is_no_patch_changes_nothing(text: str) -> None:
    for name in ("apply_patch", "edit_file", "write_file", "exec_command"):
        call = FunctionCall(name=name, arguments=text, call_id="c1")
        assert changes(hunks_in(call), "/w") == {}


def test_progress_is_one_short_line() -> None:
    said = progress({"type": "agent_message", "message": "a\n\n  b" + "c" * 500})
    assert said.startswith("a b")
    assert len(said) == LINE
    assert progress({"type": "token_count"}) == ""
