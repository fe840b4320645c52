"""``codex-oss mcp-server`` as a program: answers, aborts, ends, and goes on."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from children import runs
from fake_server import FakeServer, Gate, Reply, call, message, sse, turn
from mcp_server_peer import (
    ELICITS,
    WAIT_S,
    Json,
    Peer,
    answers,
    asks,
    command,
    environment,
    home,
    kinds,
)

TOUCH = {
    "cmd": "touch ../made",
    "sandbox_permissions": "require_escalated",
    "justification": "May I?",
}
ASKS = turn(call("exec_command", TOUCH))
DONE = turn(message("done"))
HOW = {"sandbox": "workspace-write", "approval_policy": "on-request"}


@pytest.mark.parametrize(
    ("reply", "made"),
    [
        ({"decision": "approved"}, True),
        ({"decision": "approved_for_session"}, True),
        ({"decision": "denied"}, False),
        ({"action": "accept", "content": {}}, True),
        ({"action": "accept"}, True),
        ({"action": "accept", "content": {"decision": "denied"}}, False),
        ({"action": "decline"}, False),
        ({"decision": "whatever"}, False),
        ({}, False),
        ({"decision": 7}, False),
    ],
)
def test_both_styles_of_reply_count_and_nonsense_is_a_no(
    tmp_path: Path, reply: Json, *, made: bool
) -> None:
    with FakeServer([ASKS, DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        number = peer.call("codex", prompt="hello", **HOW)
        question = peer.until(asks)[-1]
        peer.send({"id": question["id"], "result": reply})
        result = peer.answer_of(number)["result"]
    assert result["structuredContent"]["content"] == "done"
    assert (tmp_path / "made").exists() is made


def test_an_error_for_an_answer_is_a_no(tmp_path: Path) -> None:
    with FakeServer([ASKS, DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        number = peer.call("codex", prompt="hello", **HOW)
        question = peer.until(asks)[-1]
        error = {"code": -32601, "message": "no such method"}
        peer.send({"id": question["id"], "error": error})
        result = peer.answer_of(number)["result"]
    assert result["structuredContent"]["content"] == "done"
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("reply", [{"decision": "abort"}, {"action": "cancel"}])
def test_an_abort_is_answered_and_the_conversation_goes_on(
    tmp_path: Path, reply: Json
) -> None:
    with FakeServer([ASKS, DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        number = peer.call("codex", prompt="hello", **HOW)
        question = peer.until(asks)[-1]
        peer.send({"id": question["id"], "result": reply})
        aborted = peer.answer_of(number)["result"]
        thread = aborted["structuredContent"]["threadId"]
        again = peer.call("codex-reply", prompt="go on", threadId=thread)
        result = peer.answer_of(again)["result"]
    assert aborted["isError"]
    assert aborted["content"][0]["text"] == "The turn was aborted."
    assert result["structuredContent"] == {"threadId": thread, "content": "done"}
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("can", [{}, {"elicitation": {"url": {}}}])
@pytest.mark.parametrize("policy", ["on-request", "untrusted", "never"])
def test_a_client_that_cannot_ask_gets_the_policys_answer(
    tmp_path: Path, policy: str, can: Json
) -> None:
    how = HOW | {"approval_policy": policy}
    with (
        FakeServer([ASKS, DONE]) as server,
        Peer(home(tmp_path, server.url), capabilities=can) as peer,
    ):
        peer.initialize()
        seen = peer.until(answers(peer.call("codex", prompt="x", **how)))
    assert seen[-1]["result"]["structuredContent"]["content"] == "done"
    assert not [each for each in seen if asks(each)]
    assert not (tmp_path / "made").exists()


def test_a_cancelled_call_stops_what_runs_and_the_conversation_goes_on(
    tmp_path: Path,
) -> None:
    long = turn(call("exec_command", {"cmd": "echo begun; sleep 1000"}))
    with FakeServer([long, DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        number = peer.call("codex", prompt="hello", **HOW)
        seen = peer.until(lambda m: kinds([m]) == ["exec_command_begin"])
        thread = seen[-1]["params"]["_meta"]["threadId"]
        peer.send(
            {"method": "notifications/cancelled", "params": {"requestId": number}}
        )
        again = peer.call("codex-reply", prompt="go on", threadId=thread)
        result = peer.answer_of(again)["result"]
        history = server.posts[-1].json["input"]
    assert result["structuredContent"] == {"threadId": thread, "content": "done"}
    outputs = [item["output"] for item in history if "output" in item]
    assert outputs == ["aborted by user"]


def test_a_failed_turn_is_answered(tmp_path: Path) -> None:
    refusal = Reply(status=400, body=b'{"error": {"message": "no such thing"}}')
    with FakeServer([refusal]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        seen = peer.until(answers(peer.call("codex", prompt="hello")))
    result = seen[-1]["result"]
    assert result["isError"]
    assert "no such thing" in result["content"][0]["text"]
    assert result["structuredContent"]["threadId"]
    assert kinds(seen)[-2:] == ["error", "task_complete"]


def test_two_conversations_run_at_once(tmp_path: Path) -> None:
    gate = Gate()
    with (
        FakeServer(
            [Reply(chunks=[gate, sse(DONE)]), turn(message("second"))]
        ) as server,
        Peer(home(tmp_path, server.url)) as peer,
    ):
        peer.initialize()
        first = peer.call("codex", prompt="one")
        gate.wait_reached()
        second = peer.answer_of(peer.call("codex", prompt="two"))["result"]
        gate.open()
        one = peer.answer_of(first)["result"]
    assert second["structuredContent"]["content"] == "second"
    assert one["structuredContent"]["content"] == "done"
    threads = {each["structuredContent"]["threadId"] for each in (one, second)}
    assert len(threads) == 2


def test_a_conversation_of_an_earlier_process_goes_on_with_its_settings(
    tmp_path: Path,
) -> None:
    place = tmp_path
    with FakeServer([turn(message("first")), turn(message("second"))]) as server:
        with Peer(home(place, server.url)) as peer:
            peer.initialize()
            number = peer.call(
                "codex", prompt="hello", sandbox="read-only", model="other-model"
            )
            thread = peer.answer_of(number)["result"]["structuredContent"]["threadId"]
        (file,) = (place / ".codex/sessions").rglob("*.jsonl")
        whole = file.read_text()
        file.write_text(whole + '{"timestamp": "2026-01-01T00:00:00.000Z", "ord')
        with Peer(place) as peer:
            peer.initialize()
            number = peer.call("codex-reply", prompt="more", conversationId=thread)
            seen = peer.until(answers(number))
        first, second = (seen.json for seen in server.posts)
    configured = seen[0]["params"]["msg"]
    assert seen[-1]["result"]["structuredContent"] == {
        "threadId": thread,
        "content": "second",
    }
    assert second["model"] == "other-model"
    assert second["input"][: len(first["input"])] == first["input"]
    assert [item["role"] for item in second["input"][-2:]] == ["assistant", "user"]
    assert configured["permission_profile"]["file_system"]["entries"] == [
        {"path": {"type": "special", "value": {"kind": "root"}}, "access": "read"}
    ]
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.read_text().startswith(whole)
    assert [line["ordinal"] for line in lines] == list(range(len(lines)))


@pytest.mark.parametrize("end", ["close", "kill"])
def test_what_was_started_ends_with_the_client(tmp_path: Path, end: str) -> None:
    long = turn(call("exec_command", {"cmd": "echo $$ > pid; echo begun; sleep 1000"}))
    with FakeServer([long]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        peer.call("codex", prompt="hello", sandbox="danger-full-access")
        peer.until(lambda m: kinds([m]) == ["exec_command_output_delta"])
        if end == "kill":
            os.kill(peer.pid, signal.SIGTERM)
        assert "Traceback" not in peer.close()
    assert not runs(int((tmp_path / "work/pid").read_text()))


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_the_protocol_is_the_clients(tmp_path: Path, version: str) -> None:
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        assert peer.initialize(version)["result"]["protocolVersion"] == version


def test_an_unknown_protocol_gets_the_newest_of_the_handshake(tmp_path: Path) -> None:
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        told = peer.initialize("2999-01-01")
    assert told["result"]["protocolVersion"] == "2025-11-25"


def test_what_is_not_served_is_an_error_and_never_silence(tmp_path: Path) -> None:
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        peer.initialize()
        codes = {
            method: peer.answer_of(peer.request(method))["error"]["code"]
            for method in ("bogus/method", "resources/list", "prompts/list")
        }
        again = peer.answer_of(peer.request("initialize", {"protocolVersion": "x"}))
        assert peer.answer_of(peer.request("ping"))["result"] == {}
    assert codes == dict.fromkeys(codes, -32601)
    assert again["error"]["message"] == "initialize called more than once"


def test_a_configuration_that_is_wrong_is_the_calls_error(tmp_path: Path) -> None:
    with Peer(home(tmp_path, "http://127.0.0.1:9")) as peer:
        peer.initialize()
        texts = [
            peer.answer_of(peer.call("codex", prompt="x", **wrong))["result"]["content"]
            for wrong in (
                {"cwd": "/nonexistent"},
                {"profile": "nope"},
                {"config": {"sandbox_mode": "sideways"}},
            )
        ]
    words = "Failed to load Codex configuration from overrides: "
    assert all(text[0]["text"].startswith(words) for text in texts)


def test_arguments_reach_the_model(tmp_path: Path) -> None:
    with FakeServer([DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        (tmp_path / "work/inner").mkdir()
        peer.initialize()
        arguments: Json = {
            "prompt": "hello",
            "cwd": "inner",
            "model": "some-other",
            "base_instructions": "Be brief.",
            "developer_instructions": "Mind the gap.",
            "compact_prompt": "Sum up.",
            "config": {"model_verbosity": "low", "tools.update_plan.enabled": False},
        }
        number = peer.call("codex", **arguments)
        seen = peer.until(answers(number))
        request = server.posts[0].json
    assert seen[0]["params"]["msg"]["cwd"] == str(tmp_path / "work/inner")
    assert request["model"] == "some-other"
    assert "Be brief." in json.dumps(request)
    assert "Mind the gap." in json.dumps(request["input"])
    assert request["text"] == {"verbosity": "low"}


def test_progress_is_told_to_who_wants_it(tmp_path: Path) -> None:
    runs = turn(call("exec_command", {"cmd": "echo hi"}))
    with FakeServer([runs, DONE]) as server, Peer(home(tmp_path, server.url)) as peer:
        peer.initialize()
        arguments = {"prompt": "hello", "sandbox": "danger-full-access"}
        params = {
            "name": "codex",
            "arguments": arguments,
            "_meta": {"progressToken": 7},
        }
        seen = peer.until(answers(peer.request("tools/call", params)))
    told = [m["params"] for m in seen if m.get("method") == "notifications/progress"]
    counts = [each["progress"] for each in told]
    assert {each["progressToken"] for each in told} == {7}
    assert counts == sorted(set(counts))
    assert [each["message"] for each in told] == [
        "Asking the model",
        "Running echo hi",
        "Command ended with 0",
        "done",
    ]


def test_nonsense_on_stdin_does_not_end_the_server(tmp_path: Path) -> None:
    with Peer(home(tmp_path, "http://127.0.0.1:9"), capabilities=ELICITS) as peer:
        peer.initialize()
        peer.send({"nonsense": True})
        peer.send({"id": 99, "result": {"nobody": "asked"}})
        assert peer.answer_of(peer.request("ping"))["result"] == {}


@pytest.mark.parametrize("kind", ["null", "file"])
def test_a_stdin_without_a_client_is_read_to_its_end(tmp_path: Path, kind: str) -> None:
    place, given = home(tmp_path, "http://127.0.0.1:9"), tmp_path / "given"
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    given.write_text(json.dumps(ping) + "\n" if kind == "file" else "")
    path = given if kind == "file" else Path("/dev/null")
    with path.open("rb") as stdin:
        ended = subprocess.run(
            command(),
            stdin=stdin,
            env=environment(place),
            capture_output=True,
            timeout=WAIT_S,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_client_that_reads_no_more_has_gone(tmp_path: Path) -> None:
    place = home(tmp_path, "http://127.0.0.1:9")
    with subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(place),
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.close()
        program.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        program.stdin.flush()
        try:
            code = program.wait(WAIT_S)
        finally:
            program.kill()
        assert (code, program.stderr.read()) == (0, b"")
