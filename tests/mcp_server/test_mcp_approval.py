"""Questions as Codex asks them, and replies in both styles."""

import json
from typing import Any

import pytest
from msgspec import to_builtins

from codex_oss.mcp_server.approval import (
    MAX_ARGUMENTS,
    MAX_FILES,
    MAX_VALUE,
    Asked,
    answer,
    arguments_shown,
    elicitation,
    in_words,
)
from codex_oss.policy import (
    Action,
    Answer,
    AnswerServer,
    CallTool,
    Filled,
    Question,
    RunAgain,
    RunCommand,
    WriteFiles,
)
from codex_oss.policy.form import Form, Number

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
            CallTool(
                server="files", tool="drop", arguments='{"path": "/a b", "deep": true}'
            ),
            {
                "message": "Allow Codex to call `drop` of the MCP server `files`?\n\n"
                "path: /a b\ndeep: true",
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


FORM: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer", "title": "\x1b[2J"}},
}
PAGE = AnswerServer(server="s", message="Go.", url="https://a/b", page_id="p1")
NOTHING = Asked(thread_id="t1", turn_id="u1", call_id="c1", command=[], changes={})


def test_a_form_of_another_server_is_passed_on_as_it_is() -> None:
    form = Form((Number(name="n", title="n"),), json.dumps(FORM))
    asked = Question(action=AnswerServer(server="s", message="How many?", form=form))
    expected = {
        "message": "The MCP server `s` asks: How many?",
        "codex_elicitation": "mcp-elicitation",
        "requestedSchema": FORM,
    }
    assert to_builtins(elicitation(asked, NOTHING, "7")) == COMMON | expected


def test_a_page_is_passed_on_to_who_can_open_it_and_told_to_others() -> None:
    told = to_builtins(elicitation(Question(action=PAGE), NOTHING, "7", pages=True))
    page = {"mode": "url", "url": "https://a/b", "elicitationId": "p1"}
    said = {"message": "The MCP server `s` asks: Go."}
    kind = {"codex_elicitation": "mcp-elicitation"}
    ids = {key: value for key, value in COMMON.items() if key != "requestedSchema"}
    assert told == ids | kind | page | said
    told = to_builtins(elicitation(Question(action=PAGE), NOTHING, "7"))
    said = {"message": "The MCP server `s` asks: Go. https://a/b"}
    assert told == COMMON | kind | said


def test_the_address_of_a_page_is_never_cut() -> None:
    long = AnswerServer(server="s", message="x" * 9000, url=f"https://a/{'y' * 1900}")
    told = elicitation(Question(action=long), NOTHING, "7")
    assert told.message.endswith(f" {long.url}")
    assert len(told.message) < 6200


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ({"action": "accept", "content": {"n": 1}}, Filled({"n": 1})),
        ({"action": "accept", "content": {}}, Filled({})),
        ({"action": "accept"}, "yes"),
        ({"decision": "approved"}, "yes"),
        (
            {"action": "accept", "content": {"decision": "denied"}},
            Filled({"decision": "denied"}),
        ),
        ({"action": "decline", "content": {"n": 1}}, "no"),
        ({"action": "cancel"}, "later"),
        ({"decision": "abort"}, "stop"),
        ({"decision": "denied", "action": "accept", "content": {"n": 1}}, "no"),
        ({"action": "accept", "content": [1]}, "no"),
        ({"action": "nonsense"}, "no"),
        ({}, "no"),
        (None, "no"),
    ],
)
def test_replies_to_a_form_of_another_server(reply: object, expected: Answer) -> None:
    form = Form((Number(name="n", title="n"),), json.dumps(FORM))
    asked = Question(action=AnswerServer(server="s", message="?", form=form))
    assert answer(reply, asked) == expected


def test_words_for_a_person_hide_nothing_and_command_no_terminal() -> None:
    script = "ls\x1b[8m\nrm x\u202e"
    asked = Asked(
        thread_id="t1",
        turn_id="u1",
        call_id="c1",
        command=["sh", "-lc", script],
        changes={},
    )
    run = Question(action=RunCommand(command=script, cwd="/w\nz"), reason="")
    told = elicitation(run, asked, "7")
    assert told.message == (
        "Allow Codex to run `sh -lc 'ls\\x1b[8m\nrm x\\u202e'` in `/w\\nz`?"
    )
    assert told.codex_command == ["sh", "-lc", script]
    action = AnswerServer(server="a", message="Go\x1b[2J?\nSure?", url="http://x/\n")
    told = elicitation(Question(action=action, reason=""), asked, "7")
    assert told.message == ("The MCP server `a` asks: Go\\x1b[2J?\nSure? http://x/\\n")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("{}", "It gets no arguments."),
        ('{"text": "a\\nb: c"}', r"text: a\nb: c"),
        ('{"text": "\u202eterces"}', r"text: \u202eterces"),
        ('{"many": [1, {"x": "é"}]}', 'many: [1,{"x":"é"}]'),
        ("[1]", "[1]"),
        ("no\tJSON", r"no\tJSON"),
    ],
)
def test_arguments_are_shown_a_line_each(given: str, shown: str) -> None:
    assert arguments_shown(given) == shown


def test_arguments_have_an_end_and_what_is_left_out_is_said() -> None:
    long = arguments_shown('{"first": "%sEND", "last": 1}' % ("x" * 10_000))
    many = arguments_shown(str({f"a{n}": n for n in range(40)}).replace("'", '"'))
    assert len(long) < MAX_VALUE + 100
    assert "…[9603 characters]…" in long
    assert long.endswith("END\nlast: 1")
    assert many.splitlines()[-1] == f"… and {40 - MAX_ARGUMENTS} more arguments"


def test_words_alone_name_the_files_and_the_reason() -> None:
    changes = {f"/w/{n}": {"type": "update"} for n in range(MAX_FILES + 2)}
    asked = Asked(thread_id="t", turn_id="u", call_id="c", command=[], changes=changes)
    question = Question(action=WriteFiles(paths=()), reason="outside")
    rows = in_words(elicitation(question, asked, "7")).splitlines()
    assert rows[:3] == ["Allow Codex to apply proposed code changes?", "", "/w/0"]
    assert rows[-3:] == ["… and 2 more", "", "outside"]


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
        ({"action": "accept", "decision": "approved"}, "yes"),
        ({"action": "accept", "decision": "approved_for_session"}, "session"),
        ({"action": "decline", "decision": "approved"}, "no"),
        ({"action": "decline", "decision": "abort"}, "stop"),
        ({"action": "cancel", "decision": "approved_for_session"}, "stop"),
        ({"action": "accept", "decision": "denied"}, "no"),
        ({"action": "nonsense", "decision": "approved"}, "no"),
        ({"decision": "approved", "content": {"decision": "denied"}}, "no"),
        ({"action": ""}, "no"),
        ({}, "no"),
        ("approved", "no"),
        ([], "no"),
        (None, "no"),
    ],
)
def test_replies_of_both_styles(reply: object, expected: Answer) -> None:
    asked = Question(action=RunCommand(command="x", cwd="/"))
    assert answer(reply, asked) == expected
