"""``codex-oss mcp-server`` with engines of its own: shared, ended, and not unasked."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from children import needs_linux, runs
from fake_ollama import FakeOllama, OllamaModel, Pull
from mcp_server_peer import Json, Peer, answers, asks, home, kinds

WEIGHTS = os.environ.get("CODEX_OSS_TEST_MODEL", "")
ENDLESS = "Incomplete response returned, reason: max_output_tokens"
MODEL = OllamaModel("a:1b", layers=(300_000_000,))

with_weights = pytest.mark.skipif(
    not WEIGHTS, reason="CODEX_OSS_TEST_MODEL names no GGUF file"
)


def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home where only the embedded engine is; the network is unreachable."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return home(tmp_path, "http://127.0.0.1:9")


def engines(peer: Peer) -> list[int]:
    """Return the processes of engines that a server has started, at any depth."""
    listed = subprocess.check_output(["ps", "-axww", "-o", "pid=,ppid=,args="])
    rows = [row.split(None, 2) for row in listed.decode().splitlines()]
    family, grown = {peer.pid}, 0
    while grown < len(family):
        grown = len(family)
        family |= {int(pid) for pid, parent, *_ in rows if int(parent) in family}
    return [
        int(pid)
        for pid, _, *args in rows
        if int(pid) in family and "llamacpp_child.py" in " ".join(args)
    ]


def content(answer: Json) -> str:
    """Return what the model said, or that it found no end: so small a one may not."""
    result = answer["result"]
    said = result["structuredContent"]["content"]
    assert not result.get("isError") or said == ENDLESS, result
    return said


@needs_linux
@with_weights
def test_conversations_share_the_embedded_engine_and_a_dead_one_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = embedded(tmp_path, monkeypatch)
    with Peer(place, "--oss", "-m", WEIGHTS) as peer:
        peer.initialize()
        numbers = [peer.call("codex", prompt=f"Say hello, {n}.") for n in range(2)]
        seen: dict[int, Json] = {}
        while len(seen) < len(numbers):
            told = peer.receive()
            if told.get("id") in numbers and "method" not in told:
                seen[told["id"]] = told
        assert all(isinstance(content(each), str) for each in seen.values())
        (first,) = engines(peer)
        os.kill(first, signal.SIGKILL)
        content(peer.answer_of(peer.call("codex", prompt="Hello again.")))
        (second,) = engines(peer)
        assert second != first
        # A conversation that had the dead one goes on with the new one.
        thread = seen[numbers[0]]["result"]["structuredContent"]["threadId"]
        again = peer.call("codex-reply", prompt="And again.", threadId=thread)
        content(peer.answer_of(again))
        assert engines(peer) == [second]
        assert "Traceback" not in peer.close()
    assert not runs(second)


@with_weights
def test_a_conversation_does_not_cost_another_what_the_engine_has_read_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = embedded(tmp_path, monkeypatch)

    with Peer(place, "--oss", "-m", WEIGHTS) as peer:
        peer.initialize()
        # More than the instructions, which all have in common: less is not kept.
        threads = [
            peer.answer_of(peer.call("codex", prompt=words * 200))["result"]
            for words in ("alpha beta ", "one two ")
        ]
        thread = threads[0]["structuredContent"]["threadId"]
        again = peer.call("codex-reply", prompt="And again.", threadId=thread)
        seen = peer.until(answers(again))
    told = [m["params"]["msg"] for m in seen if kinds([m]) == ["token_count"]]
    used = told[-1]["info"]["last_token_usage"]
    assert used["cached_input_tokens"] > used["input_tokens"] * 0.9


@needs_linux
@with_weights
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, None])
def test_an_engine_at_work_ends_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: signal.Signals | None
) -> None:
    place = embedded(tmp_path, monkeypatch)
    with Peer(place, "--oss", "-m", WEIGHTS) as peer:
        peer.initialize()
        peer.call("codex", prompt="Count to one thousand in words.")
        peer.until(lambda told: kinds([told]) == ["task_started"])
        (engine,) = engines(peer)
        if end is not None:
            os.kill(peer.pid, end)
        assert "Traceback" not in peer.close()
    assert not runs(engine)


@with_weights
@pytest.mark.parametrize("reply", [{"decision": "approved"}, {"action": "accept"}])
def test_the_embedded_model_asks_before_it_runs_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: Json
) -> None:
    place = embedded(tmp_path, monkeypatch)
    with Peer(place, "--oss", "-m", WEIGHTS) as peer:
        peer.initialize()
        # So small a model repeats what it is told, and that is a call.
        number = peer.call(
            "codex",
            prompt='exec_command {"cmd": "touch made"}',
            sandbox="danger-full-access",
            approval_policy="untrusted",
        )
        question = peer.until(asks)[-1]
        assert question["params"]["codex_command"][-1] == "touch made"
        assert not (place / "work/made").exists()
        peer.send({"id": question["id"], "result": reply})
        content(peer.answer_of(number))
    assert (place / "work/made").exists()


def ollama_with_nothing(tmp_path: Path, server: FakeOllama) -> Path:
    place = home(tmp_path, "http://127.0.0.1:9")
    (place / ".codex/config.toml").write_text(
        'model = "a:1b"\nmodel_provider = "ollama"\n'
        f'[model_providers.ollama]\nbase_url = "{server.url}/v1"\n'
    )
    return place


def test_what_is_large_is_not_downloaded_unasked_and_the_command_is_told(
    tmp_path: Path,
) -> None:
    with FakeOllama(pulls={"a:1b": [Pull(MODEL)]}) as server:
        with Peer(ollama_with_nothing(tmp_path, server)) as peer:
            peer.initialize()
            result = peer.answer_of(peer.call("codex", prompt="x"))["result"]
            # The server goes on, and has not read what is the client's.
            assert peer.answer_of(peer.request("ping"))["result"] == {}
        pulls = [seen for seen in server.requests if seen.path == "/api/pull"]
    text = result["content"][0]["text"]
    assert result["isError"]
    assert "a:1b is not on this machine" in text
    assert "nobody can be asked" in text
    assert "codex-oss models pull" in text
    assert pulls == []


def test_who_starts_the_server_may_consent_beforehand(tmp_path: Path) -> None:
    with (
        FakeOllama(pulls={"a:1b": [Pull(MODEL)]}) as server,
        Peer(ollama_with_nothing(tmp_path, server), "--yes") as peer,
    ):
        peer.initialize()
        assert content(peer.answer_of(peer.call("codex", prompt="x"))) == "Hello."
        said = peer.close()
    assert "Downloading a:1b" in said
