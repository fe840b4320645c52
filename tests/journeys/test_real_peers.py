"""The same scripted server for the real Codex CLI and for us; and the real engine."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, Reply, call, message, turn
from journey_events import comparable
from running import OURS, provider, run_exec

CODEX = os.environ.get("CODEX_BIN", "")
MODEL = os.environ.get("CODEX_OSS_TEST_MODEL", "")
MODE = "danger-full-access"
"""Codex's own sandbox does not start with its home in /tmp and bubblewrap 0.8."""
PATCH = (
    "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: new.txt\n+hello\n"
    "*** End Patch\nEOF\n"
)
BAD_PATCH = (
    "apply_patch <<'EOF'\n*** Begin Patch\n*** Update File: gone.txt\n@@\n-a\n+b\n"
    "*** End Patch\nEOF\n"
)


def ran(*calls: dict[str, Any]) -> list[Any]:
    return [turn(*calls), turn(message("All done."), input_tokens=50)]


SCRIPTS: dict[str, Callable[[], list[Any]]] = {
    "a message": lambda: [turn(message("hi"))],
    "a command": lambda: ran(
        call("exec_command", {"cmd": "echo A; sleep 0.2; echo B >&2"})
    ),
    "a failing command": lambda: ran(call("exec_command", {"cmd": "exit 7"})),
    "a killed command": lambda: ran(call("exec_command", {"cmd": "kill -9 $$"})),
    "no such folder": lambda: ran(
        call("exec_command", {"cmd": "ls", "workdir": "nowhere"})
    ),
    "quotes": lambda: ran(call("exec_command", {"cmd": 'echo "it\'s" $((1+1))'})),
    "a patch": lambda: ran(call("exec_command", {"cmd": PATCH})),
    "a patch that does not fit": lambda: ran(call("exec_command", {"cmd": BAD_PATCH})),
    "arguments that are no JSON": lambda: ran(call("exec_command", "[1")),
    "forced removal": lambda: ran(call("exec_command", {"cmd": "rm -rf x"})),
    "a refused request": lambda: [Reply(status=400, body={"error": "no"})],
}


@pytest.mark.skipif(not CODEX, reason="CODEX_BIN names no Codex CLI")
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_real_codex_and_we_tell_the_same(tmp_path: Path, name: str) -> None:
    told: list[list[dict[str, Any]]] = []
    codes: list[int] = []
    for program in ((CODEX,), OURS):
        # Both work in a folder of the same name, so that paths are the same.
        folder = tmp_path / "one"
        folder.mkdir()
        with FakeServer(SCRIPTS[name]()) as server:
            arguments = [*provider(server.url), "--json", "-s", MODE, "go"]
            done = run_exec(folder, arguments, program=program)
        told.append(comparable([json.loads(x) for x in done.stdout.splitlines()]))
        codes.append(done.returncode)
        folder.rename(tmp_path / f"done-{len(told)}")
    theirs, ours = told
    assert ours == theirs
    assert codes[0] == codes[1]


@pytest.mark.skipif(not MODEL, reason="CODEX_OSS_TEST_MODEL names no GGUF file")
def test_the_embedded_model_runs_a_command_and_answers_with_its_output(
    tmp_path: Path,
) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    for name in ("main.py", "notes.txt"):
        (repo / name).write_text("x\n")
    named = tmp_path / "smollm2-135m.gguf"
    named.symlink_to(MODEL)
    arguments = ["--json", "-m", str(named), "list the files in this folder"]
    done = run_exec(tmp_path, arguments, env={"CODEX_OSS_HOME": str(tmp_path / "s")})
    told = [json.loads(line) for line in done.stdout.splitlines()]
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    (command,) = [item for item in items if item["type"] == "command_execution"]
    (answer,) = [item for item in items if item["type"] == "agent_message"]
    assert command["command"] == "/bin/bash -lc ls"
    assert command["exit_code"] == 0
    assert "main.py" in answer["text"]
    assert "notes.txt" in answer["text"]
    assert done.returncode == 0
