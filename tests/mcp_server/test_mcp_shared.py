"""One conversation in two processes, of which one is a server."""

from pathlib import Path

from fake_server import FakeServer, Gate, Reply, message, sse, turn
from mcp_server_peer import Json, Peer, home


def said(peer: Peer, **arguments: str) -> Json:
    tool = "codex-reply" if "threadId" in arguments else "codex"
    return peer.answer_of(peer.call(tool, **arguments))["result"]


def prompts(server: FakeServer) -> list[str]:
    items = server.posts[-1].json["input"]
    told = [item["content"][0]["text"] for item in items if item["type"] == "message"]
    return [text for text in told if not text.startswith("<environment_context>")]


def test_between_its_turns_others_may_go_on_and_are_heard(tmp_path: Path) -> None:
    script = [turn(message(f"answer {number}")) for number in range(3)]
    with FakeServer(script) as server:
        place = home(tmp_path, server.url)
        with Peer(place) as one, Peer(place) as two:
            one.initialize()
            two.initialize()
            thread = said(one, prompt="one")["structuredContent"]["threadId"]
            said(two, prompt="two", threadId=thread)
            said(one, prompt="three", threadId=thread)
        assert prompts(server) == [
            "one",
            "answer 0",
            "two",
            "answer 1",
            "three",
        ]
    assert len(list(tmp_path.rglob("rollout-*.jsonl"))) == 1


def test_during_a_turn_it_is_its_own(tmp_path: Path) -> None:
    gate = Gate()
    slow = Reply(chunks=[gate, sse(turn(message("slow")))])
    script = [turn(message("first")), slow]
    with FakeServer(script) as server:
        place = home(tmp_path, server.url)
        with Peer(place) as one, Peer(place) as two:
            one.initialize()
            two.initialize()
            thread = said(one, prompt="one")["structuredContent"]["threadId"]
            number = one.call("codex-reply", prompt="two", threadId=thread)
            gate.wait_reached()
            refused = said(two, prompt="three", threadId=thread)
            gate.open()
            result = one.answer_of(number)["result"]
    assert refused["isError"]
    told = refused["content"][0]["text"]
    assert told.startswith(f"the session {thread} is open in process ")
    assert result["structuredContent"]["content"] == "slow"
