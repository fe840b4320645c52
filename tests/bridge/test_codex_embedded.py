"""The real Codex CLI on a real model: the smallest there is, behind the bridge."""

import os
from pathlib import Path

import pytest

from bridges import embedded
from codex_cli import CODEX, NO_CODEX, Codex

MODEL = os.environ.get("CODEX_OSS_TEST_MODEL", "")
pytestmark = [
    pytest.mark.skipif(not CODEX, reason=NO_CODEX),
    pytest.mark.skipif(not MODEL, reason="CODEX_OSS_TEST_MODEL names no GGUF file"),
]
FILES = {"alpha.txt": b"a", "beta.py": b"b"}


def test_a_model_without_tools_lists_the_files_for_codex(tmp_path: Path) -> None:
    codex = Codex(tmp_path)
    folder = codex.folder("work", FILES)
    with embedded(MODEL) as bridge:
        done = codex.run(bridge.url, "list the files in this folder", folder)
    ran = done.items("command_execution")
    assert ran, done.stderr
    assert all(name in ran[0]["aggregated_output"] for name in FILES)
    [answer] = done.items("agent_message")
    assert answer["text"]
    assert done.told[-1]["type"] == "turn.completed"
    # The toy reads 40 tokens a second: this is what the diet is for.
    assert done.told[-1]["usage"]["input_tokens"] < 2500
