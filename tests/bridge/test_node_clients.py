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
    with FakeServer(turns, get=LLAMACPP) as server, ours(server.url) as bridge:
        ran = subprocess.run(
            ["node", str(SCRIPT), FOLDER, f"{bridge.url}/v1"],
            capture_output=True,
            text=True,
            timeout=60,
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
