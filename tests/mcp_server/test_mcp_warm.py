"""The MCP server between the list of its tools and the first call."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fake_ollama import FakeOllama, OllamaModel, Say
from fake_server import Gate
from mcp_server_peer import ELICITS, Json, Peer, home

NAME = "gpt-oss:20b"
WINDOW = 32_768


def place(tmp_path: Path, server: FakeOllama) -> Path:
    made = home(tmp_path, "http://127.0.0.1:9")
    (made / ".codex/config.toml").write_text(
        f'model = "{NAME}"\nmodel_provider = "ollama"\n'
        f'[model_providers.ollama]\nbase_url = "{server.url}/v1"\n'
    )
    return made


def content(answer: Json) -> str:
    assert "result" in answer, answer
    return answer["result"]["structuredContent"]["content"]


def listed(peer: Peer) -> None:
    peer.initialize()
    peer.answer_of(peer.request("tools/list"))


@pytest.mark.parametrize("capabilities", [ELICITS, {}], ids=["asks", "asks nobody"])
def test_a_model_that_lies_ready_reads_what_the_first_call_begins_with(
    tmp_path: Path, capabilities: Mapping[str, Any]
) -> None:
    gate = Gate()
    answers = [Say("x", gate=gate), Say("Hello.")]
    with FakeOllama(OllamaModel(NAME), answers=answers) as server:
        server.loaded[NAME], server.kept[NAME] = WINDOW, 300.0
        with Peer(place(tmp_path, server), capabilities=capabilities) as peer:
            listed(peer)
            gate.wait_reached()  # and it stays in the middle of that
            assert content(peer.answer_of(peer.call("codex", prompt="hi"))) == "Hello."
            gate.open()
        warmed, asked = server.chats
        assert server.loads == []
        assert server.loaded == {NAME: WINDOW}
    assert warmed["options"] == asked["options"] | {"num_predict": 1}
    assert warmed["tools"] == asked["tools"]
    begin, rest = warmed["messages"][:-1], asked["messages"]
    assert rest[: len(begin)] == begin
    assert begin


def test_a_server_that_ends_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    gate = Gate()
    answers = [Say("x", gate=gate)]
    with FakeOllama(OllamaModel(NAME), answers=answers) as server:
        server.loaded[NAME], server.kept[NAME] = WINDOW, 300.0
        with Peer(place(tmp_path, server)) as peer:
            listed(peer)
            gate.wait_reached()
            assert "Traceback" not in peer.close()
        gate.open()
        assert server.loaded == {NAME: WINDOW}
