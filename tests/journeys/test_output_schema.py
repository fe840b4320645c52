"""``--output-schema``: asked for in the way that servers can follow, and checked."""

import json
from pathlib import Path
from typing import Any

import pytest

from fake_events import call, chat_call, chat_text, chat_turn, message, turn
from fake_server import FakeServer, Reply
from running import provider, run_exec

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
}
NATIVE = ',tool_mode="native"'


@pytest.fixture
def schema(tmp_path: Path) -> list[str]:
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    return ["--output-schema", str(path)]


def said(text: str) -> Reply:
    return Reply(events=chat_turn(chat_text(text), prompt_tokens=3000))


def listing() -> Reply:
    ran = chat_call("exec_command", {"cmd": "echo hi"})
    return Reply(events=chat_turn(ran, prompt_tokens=3000))


def forms(server: FakeServer) -> list[tuple[bool, bool]]:
    """Return of each request whether it offers tools and whether it names a form."""
    bodies = [seen.json for seen in server.posts]
    return [("tools" in body, "response_format" in body) for body in bodies]


def test_over_chat_the_form_is_asked_for_when_the_work_is_done(
    tmp_path: Path, schema: list[str]
) -> None:
    script = [listing(), said("It says hi."), said('{"a":"hi"}')]
    with FakeServer(script=script) as server:
        where = provider(server.url, "chat", NATIVE)
        ran = run_exec(tmp_path, [*where, *schema, "run it"])
    assert (ran.returncode, ran.stdout) == (0, '{"a":"hi"}\n')
    assert forms(server) == [(True, False), (True, False), (False, True)]
    last = server.posts[-1].json
    assert last["response_format"]["json_schema"]["schema"] == SCHEMA
    asked = last["messages"][-1]["content"]
    assert asked.startswith("Now give your final answer again, as JSON")
    assert json.dumps(SCHEMA, separators=(",", ":")) in asked


def test_a_free_answer_that_follows_the_schema_is_not_asked_for_again(
    tmp_path: Path, schema: list[str]
) -> None:
    with FakeServer(script=[listing(), said('{"a":"hi"}')]) as server:
        where = provider(server.url, "chat", NATIVE)
        ran = run_exec(tmp_path, [*where, *schema, "run it"])
    assert (ran.returncode, ran.stdout) == (0, '{"a":"hi"}\n')
    assert forms(server) == [(True, False), (True, False)]


def test_an_answer_beside_the_schema_is_asked_for_once_more(
    tmp_path: Path, schema: list[str]
) -> None:
    script = [said("hi"), said('{"b":1}'), said('{"a":"hi"}')]
    with FakeServer(script=script) as server:
        where = provider(server.url, "chat", NATIVE)
        ran = run_exec(tmp_path, [*where, *schema, "run it"])
    assert (ran.returncode, ran.stdout) == (0, '{"a":"hi"}\n')
    asked = server.posts[-1].json["messages"][-1]["content"]
    assert asked.startswith(
        "Your final answer does not follow the JSON schema: $.a is missing."
    )


@pytest.mark.parametrize("wire", ["responses", "chat"])
def test_an_answer_beside_the_schema_twice_fails_the_turn(
    tmp_path: Path, schema: list[str], wire: str
) -> None:
    replies = {
        "chat": [said("hi"), said("hi"), said("hi")],
        "responses": [Reply(events=turn(message("hi")))] * 2,
    }
    with FakeServer(script=replies[wire]) as server:
        where = provider(server.url, wire, NATIVE if wire == "chat" else "")
        ran = run_exec(tmp_path, ["--json", *where, *schema, "run it"])
    last = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, last["type"]) == (1, "turn.failed")
    assert last["error"]["message"].startswith(
        "The model's final answer does not follow the schema: it is no JSON"
    )
    assert len(server.posts) == len(replies[wire])


def test_over_responses_the_form_goes_with_the_tools_as_codex_sends_it(
    tmp_path: Path, schema: list[str]
) -> None:
    ran = call("exec_command", {"cmd": "echo hi"})
    script = [Reply(events=turn(ran)), Reply(events=turn(message('{"a":"hi"}')))]
    with FakeServer(script=script) as server:
        done = run_exec(tmp_path, [*provider(server.url), *schema, "run it"])
    assert (done.returncode, done.stdout) == (0, '{"a":"hi"}\n')
    wanted = {
        "type": "json_schema",
        "strict": True,
        "name": "codex_output_schema",
        "schema": SCHEMA,
    }
    assert [seen.json["text"]["format"] for seen in server.posts] == [wanted] * 2
    assert all(seen.json["tools"] for seen in server.posts)
