"""The transcripts of ``codex mcp-server`` 0.148, played against ours.

The model server says what the model said then, the client sends what the client sent.
``DIFFERENT`` and ``VOLATILE`` are the differences; docs/compatibility.md explains them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from fake_server import FakeServer, completed, created, done
from mcp_server_peer import Json, Peer, answers, asks, home

CAPTURES = Path(__file__).parent.parent / "captures/mcp-server"
OURS = "sandbox_workspace_write = {exclude_slash_tmp = true}\n"

VOLATILE = frozenset(
    (
        *("id", "thread_id", "turn_id", "session_id", "threadId", "requestId"),
        *("started_at", "completed_at", "started_at_ms", "completed_at_ms", "duration"),
        *("duration_ms", "time_to_first_token_ms", "codex_event_id", "process_id"),
        *("internal_chat_message_metadata_passthrough", "annotations", "rollout_path"),
        *("permission_profile", "model_context_window", "rate_limits", "codex_reason"),
        *("proposed_execpolicy_amendment", "available_decisions", "environmentId"),
        *("model", "last_token_usage", "codex_mcp_tool_call_id"),
    )
)
DIFFERENT = frozenset(
    (
        *("warning", "raw_response_completed", "token_count", "turn_diff"),
        "exec_command_output_delta",
    )
)
"""Messages that are ours or Codex's alone, or come at other times."""


def transcript(name: str, place: Path) -> list[tuple[str, Json]]:
    text = (CAPTURES / f"{name}.jsonl").read_text()
    text = text.replace("/home/user/repo", str(place / "work"))
    text = text.replace("/home/user/zzz", str(place / "zzz"))
    lines = map(json.loads, text.splitlines())
    return [(line["dir"], line["msg"]) for line in lines]


def script(lines: list[tuple[str, Json]]) -> list[list[Any]]:
    """Return the model's answers: its items up to each end of an answer."""
    answers: list[list[Any]] = []
    items: list[Json] = []
    for msg in events(message for _, message in lines):
        if msg["type"] == "raw_response_item":
            items.append(msg["item"])
        if msg["type"] == "raw_response_completed":
            said = ("function_call", "reasoning", "message")
            mine = [
                item
                for item in items
                if item["type"] in said and item.get("role") != "user"
            ]
            answers.append([created(), *map(done, mine), completed()])
            items = []
    return answers


def events(messages: Any) -> Iterator[Json]:
    for message in messages:
        if message.get("method") == "codex/event":
            yield message["params"]["msg"]


def plain(value: Any) -> Any:
    """Return a message without what differs from run to run."""
    if isinstance(value, dict):
        fields = cast("Json", value).items()
        kept = {key: plain(each) for key, each in fields if each is not None}
        return {key: each for key, each in kept.items() if key not in VOLATILE}
    if isinstance(value, list):
        return [plain(each) for each in cast("list[Any]", value)]
    if isinstance(value, str) and value.startswith(("Chunk ID: ", "Wall time: ")):
        return value.partition("Output:\n")[2]
    return value


def told(messages: Any) -> list[Json]:
    """Return the events without those of one side, and what stands before a prompt."""
    return [
        plain(msg)
        for msg in events(messages)
        if msg["type"] not in DIFFERENT and "<environment_context>" not in str(msg)
    ]


def question(messages: list[Json]) -> Any:
    """Return the first question among messages."""
    return plain(next(message for message in messages if asks(message)))


def part(lines: list[tuple[str, Json]], request_id: int) -> list[Json]:
    """Return what the server sent between a request and its answer."""
    first = next(
        n
        for n, (way, message) in enumerate(lines)
        if message.get("id") == request_id and way.startswith("client")
    )
    sent: list[Json] = []
    for way, message in lines[first + 1 :]:
        if way.startswith("server"):
            sent.append(message)
            if message.get("id") == request_id and "method" not in message:
                break
    return sent


def replayed(
    name: str, place: Path, reply: Json
) -> tuple[list[Json], list[Json], list[Json]]:
    """Play a transcript of one call with one question; return theirs and ours."""
    place.mkdir(exist_ok=True)
    lines = transcript(name, place)
    call = next(m for _, m in lines if m.get("method") == "tools/call")
    with (
        FakeServer(script(lines)) as server,
        Peer(home(place, server.url, OURS)) as peer,
    ):
        peer.initialize()
        number = peer.request("tools/call", call["params"])
        ours = peer.until(asks)
        peer.send({"id": ours[-1]["id"], "result": reply})
        ours += peer.until(answers(number))
    theirs = part(lines, call["id"])
    return theirs, ours, [seen.json for seen in server.posts]


def test_a_conversation_of_two_calls_is_told_as_codex_tells_it(tmp_path: Path) -> None:
    lines = transcript("basic", tmp_path)
    with FakeServer(script(lines)) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        first = peer.request("tools/call", lines_call(lines, 3))
        ours = peer.until(answers(first))
        thread_id = ours[-1]["result"]["structuredContent"]["threadId"]
        again = lines_call(lines, 4)
        again["arguments"]["threadId"] = thread_id
        ours_again = peer.until(answers(peer.request("tools/call", again)))
    assert told(ours) == told(part(lines, 3))
    assert told(ours_again) == told(part(lines, 4))
    assert ours[-1]["result"].pop("isError") is False
    assert ours_again[-1]["result"].pop("isError") is False
    assert plain(ours[-1]) == plain(part(lines, 3)[-1])
    assert plain(ours_again[-1]) == plain(part(lines, 4)[-1])


def lines_call(lines: list[tuple[str, Json]], request_id: int) -> Json:
    return next(
        m["params"]
        for way, m in lines
        if way.startswith("client") and m.get("id") == request_id
    )


@pytest.mark.parametrize("request_id", [5, 6, 7, 8, 9, 10])
def test_errors_of_calls_are_codexs(tmp_path: Path, request_id: int) -> None:
    lines = transcript("basic", tmp_path)
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        peer.initialize()
        call = peer.request("tools/call", lines_call(lines, request_id))
        ours = peer.answer_of(call)["result"]
    # Older generations had a profile and a fourth policy, and so have we.
    text = ours["content"][0]["text"].replace(" `profile`,", "")
    ours["content"][0]["text"] = text.replace(" `on-failure`,", "")
    assert ours == part(lines, request_id)[-1]["result"]


def test_the_tools_are_codexs_and_those_of_older_generations(tmp_path: Path) -> None:
    lines = transcript("basic", tmp_path)
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        peer.initialize()
        ours = peer.answer_of(peer.request("tools/list"))["result"]["tools"]
    theirs = part(lines, 2)[-1]["result"]["tools"]
    properties = ours[0]["inputSchema"]["properties"]
    assert properties.pop("profile")["type"] == "string"
    for tool in (*ours, *theirs):
        for value in tool["inputSchema"]["properties"].values():
            value["enum"] = sorted(set(value.get("enum", ())) - {"on-failure"})
            del value["description"]
    assert ours == theirs


def test_an_approved_command_is_told_as_codex_tells_it(tmp_path: Path) -> None:
    theirs, ours, _ = replayed("exec_appr", tmp_path, {"decision": "approved"})
    assert question(ours) == question(theirs)
    assert told(ours) == told(theirs)
    assert (tmp_path / "zzz_lab").exists()


def test_an_approved_patch_is_asked_for_as_codex_asks(tmp_path: Path) -> None:
    theirs, ours, _ = replayed("patch_appr", tmp_path, {"decision": "approved"})
    assert question(ours) == question(theirs)
    assert (tmp_path / "zzz_lab.txt").read_text() == "hello\n"
    assert ours[-1]["result"]["structuredContent"]["content"] == "done"


@pytest.mark.parametrize("name", ["exec_denied", "patch_denied"])
def test_a_denied_action_is_not_done_and_the_turn_goes_on(
    tmp_path: Path, name: str
) -> None:
    theirs, ours, _ = replayed(name, tmp_path, {"decision": "denied"})
    assert question(ours) == question(theirs)
    assert ours[-1]["result"]["structuredContent"]["content"] == "done"
    assert not list(tmp_path.glob("zzz*"))


def test_an_abort_ends_the_turn_and_the_call_is_answered(tmp_path: Path) -> None:
    theirs, ours, posts = replayed("exec_abort", tmp_path, {"decision": "abort"})
    assert question(ours) == question(theirs)
    assert told(ours)[-1] == told(theirs)[-1]
    assert ours[-1]["result"]["isError"]
    assert len(posts) == 1


def test_the_standards_accept_counts_where_codex_takes_it_for_a_no(
    tmp_path: Path,
) -> None:
    reply: Json = {"action": "accept", "content": {}}
    theirs, ours, _ = replayed("exec_std_accept", tmp_path, reply)
    assert question(ours) == question(theirs)
    assert (tmp_path / "zzz_lab").exists()
