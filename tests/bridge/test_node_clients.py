"""The packages ``openai`` and ``ai`` of npm as clients of a bridge.

``NODE_CLIENTS`` names a folder where ``npm install openai ai @ai-sdk/openai`` was run.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridges import ours
from fake_server import LLAMACPP, FakeServer, chat_call, chat_text, chat_turn, chunk

FOLDER = os.environ.get("NODE_CLIENTS", "")
SCRIPT = Path(__file__).with_name("node_clients.cjs")

pytestmark = [
    pytest.mark.skipif(not FOLDER, reason="NODE_CLIENTS names no folder"),
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
]


def ask(*turns: Any) -> dict[str, Any]:
    """Let the packages ask a bridge whose server answers with ``turns``."""
    with FakeServer(turns, get=LLAMACPP) as server:
        return run(server)


def run(server: FakeServer, *mode: str) -> dict[str, Any]:
    """Let the packages ask a bridge of a server, and return what they found."""
    with ours(server.url) as bridge:
        ran = subprocess.run(
            ["node", str(SCRIPT), FOLDER, f"{bridge.url}/v1", *mode],
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    return msgspec.json.decode(ran.stdout)


def test_thinking_text_and_a_call_reach_every_package_whole() -> None:
    turn = chat_turn(
        chunk({"reasoning_content": "Hm"}),
        chunk({"reasoning_content": "m."}),
        chat_text("One "),
        chat_text("two."),
        chat_call("look", {"path": "a.txt"}),
    )
    found = ask(turn)
    vercel = {
        "text": "One two.",
        "thought": "Hmm.",
        "finishReason": "tool-calls",
        "calls": [["look", {"path": "a.txt"}]],
        "tokens": 15,
    }
    assert found == {
        "openaiStream": {
            "inOrder": True,
            "text": "One two.",
            "types": ["reasoning", "message", "function_call"],
            "said": "One two.",
            "status": "completed",
            "call": {"path": "a.txt"},
        },
        "openaiWhole": {"said": "One two.", "same": True},
        "vercelStream": vercel,
        "vercelWhole": vercel,
        "errors": [],
    }


def test_an_answer_that_was_cut_is_told_as_such() -> None:
    found = ask([chat_text("One"), chunk({}, finish="length"), "[DONE]"])
    assert found["openaiStream"]["status"] == "incomplete"
    assert found["openaiStream"]["said"] == "One"
    assert found["vercelStream"]["finishReason"] == "length"
    assert found["errors"] == []


def test_the_model_hears_what_it_said_after_a_loop_of_tools() -> None:
    """Vercel's package names the model's items instead of sending them."""
    script = [
        chat_turn(
            chunk({"reasoning_content": "Hm."}),
            chat_text("Looking."),
            chat_call("look", {"path": "a.txt"}),
        ),
        chat_turn(chat_text("It is red.")),
        chat_turn(chat_text("Still red.")),
    ]
    with FakeServer(script, get=LLAMACPP) as server:
        found = run(server, "turns")
    assert found == {"steps": 2, "texts": ["It is red.", "Still red."]}
    heard = server.posts[-1].json["messages"]
    assert [(message["role"], message["content"]) for message in heard] == [
        ("user", "hi"),
        ("assistant", "Looking."),
        ("tool", "a.txt is red."),
        ("assistant", "It is red."),
        ("user", "And now?"),
    ]
    [call] = heard[1]["tool_calls"]
    assert call["id"] == heard[2]["tool_call_id"]
    assert call["function"]["name"] == "look"
    assert heard[1]["reasoning_content"] == "Hm."
