"""Questions as Codex asks them, and replies in both styles."""

from typing import Any

import pytest
from msgspec import to_builtins

from codex_oss.mcp_server.approval import Asked, answer, elicitation
from codex_oss.policy import (
    Action,
    Answer,
    AnswerServer,
    CallTool,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)

CHANGES = {"/w/a": {"type": "add", "content": "x\n"}}
COMMON: dict[str, Any] = {
    "requestedSchema": {"type": "object", "properties": {}},
    "threadId": "t1",
    "codex_mcp_tool_call_id": "7",
    "codex_event_id": "u1",
    "codex_call_id": "c1",
}
EXEC = {
    "message": "Allow Codex to run `/bin/sh -lc 'rm x'` in `/w`?",
    "codex_elicitation": "exec-approval",
    "codex_command": ["/bin/sh", "-lc", "rm x"],
    "codex_cwd": "/w",
    "codex_parsed_cmd": [{"type": "unknown", "cmd": "rm x"}],
}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (RunCommand(command="rm x", cwd="/w"), EXEC | {"codex_reason": "why"}),
        (
            RunCommand(command="rm x", cwd="/w", justification="May I?"),
            EXEC | {"codex_reason": "May I?"},
        ),
        (
            RunAgain(command="rm x", cwd="/w", blocked="the network"),
            EXEC | {"codex_reason": "why"},
        ),
        (
            WriteFiles(paths=("/w/a",)),
            {
                "message": "Allow Codex to apply proposed code changes?",
                "codex_elicitation": "patch-approval",
                "codex_changes": CHANGES,
                "codex_reason": "why",
            },
        ),
        (
            CallTool(server="files", tool="drop"),
            {
                "message": "Allow Codex to call `drop` of the MCP server `files`?",
                "codex_elicitation": "mcp-tool-call",
                "codex_reason": "why",
            },
        ),
        (
            AnswerServer(server="files", message="Which?"),
            {
                "message": "The MCP server `files` asks: Which?",
                "codex_elicitation": "mcp-elicitation",
                "codex_reason": "why",
            },
        ),
    ],
)
def test_each_question_has_its_shape(action: Action, expected: dict[str, Any]) -> None:
    asked = Asked(
        thread_id="t1",
        turn_id="u1",
        call_id="c1",
        command=["/bin/sh", "-lc", "rm x"],
        changes=CHANGES,
    )
    told = elicitation(Question(action=action, reason="why"), asked, "7")
    assert to_builtins(told) == COMMON | expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"decision": "approved"}, "yes"),
        ({"decision": "approved_for_session"}, "session"),
        ({"decision": "denied"}, "no"),
        ({"decision": "abort"}, "stop"),
        ({"decision": "APPROVED"}, "no"),
        ({"decision": {"approved": True}}, "no"),
        ({"action": "accept"}, "yes"),
        ({"action": "accept", "content": {}}, "yes"),
        ({"action": "accept", "content": None}, "yes"),
        (
            {"action": "accept", "content": {"decision": "approved_for_session"}},
            "session",
        ),
        ({"action": "accept", "content": {"decision": "nonsense"}}, "no"),
        ({"action": "decline"}, "no"),
        ({"action": "cancel"}, "stop"),
        ({"action": "decline", "decision": "approved"}, "yes"),
        ({"action": ""}, "no"),
        ({}, "no"),
        ("approved", "no"),
        ([], "no"),
        (None, "no"),
    ],
)
def test_replies_of_both_styles(reply: object, expected: Answer) -> None:
    assert answer(reply) == expected
