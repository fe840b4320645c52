"""The real Codex CLI's `--oss` is satisfied by our fakes of Ollama and LM Studio."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fake_lms
from codex_cli import CODEX, LIMIT_S, MODE, NO_CODEX, Codex
from fake_lmstudio import FakeLmStudio, LmModel
from fake_ollama import FakeOllama, OllamaModel, Pull, Say
from fake_server import FakeServer

pytestmark = pytest.mark.skipif(not CODEX, reason=NO_CODEX)

GPT_OSS = OllamaModel("gpt-oss:20b", family="gptoss")
LM_GPT_OSS = LmModel("openai/gpt-oss-20b")
ECHO = ("exec_command", {"cmd": "echo from-the-shell"})
TASK = (Say("Looking.", calls=(ECHO,)), Say("Done."))
WENT = ["Looking.", "from-the-shell\n", "Done."]
LENT = "POST /v1/responses"


def codex(
    home: Path, server: FakeServer, provider: str, **env: str
) -> tuple[list[str], str]:
    """Run a task; return what its finished items say, and all that Codex told."""
    installed = Codex(home)
    given = {"CODEX_OSS_BASE_URL": f"{server.url}/v1"} | env
    oss = ["--oss", "--local-provider", provider, "-s", MODE]
    done = subprocess.run(
        [CODEX, "exec", *oss, "--json", "--skip-git-repo-check", "look around"],
        cwd=installed.folder("work"),
        env=installed.environment() | given,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return said(told), done.stdout + done.stderr


def said(told: list[dict[str, Any]]) -> list[str]:
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    return [
        item.get("text") or item["aggregated_output"]
        for item in items
        if item["type"] != "error"
    ]


def asked(server: FakeServer) -> list[str]:
    return [f"{seen.method} {seen.path}" for seen in server.requests]


def test_a_task_runs_on_the_fake_ollama(tmp_path: Path) -> None:
    with FakeOllama(GPT_OSS, answers=TASK, default_context=65536) as server:
        went, told = codex(tmp_path, server, "ollama")
    assert went == WENT, told
    look = ["GET /v1/models", "GET /api/version", "GET /api/tags"]
    assert asked(server) == [*look, LENT, LENT]
    assert (server.loads, server.dropped) == ([("gpt-oss:20b", 65536)], 0)


def test_codex_pulls_a_missing_model_without_asking(tmp_path: Path) -> None:
    with FakeOllama(answers=TASK, default_context=65536) as server:
        went, told = codex(tmp_path, server, "ollama")
    assert went == WENT, told
    assert asked(server)[3:] == ["POST /api/pull", LENT, LENT]


@pytest.mark.parametrize(
    ("pull", "words"),
    [
        (Pull(after=3000, error="write: no space left on device"), "no space left"),
        (Pull(after=3000, cut=True), "OSS setup failed"),
    ],
)
def test_codex_understands_pulls_that_fail(
    tmp_path: Path, pull: Pull, words: str
) -> None:
    with FakeOllama(pulls={"gpt-oss:20b": [pull]}) as server:
        went, told = codex(tmp_path, server, "ollama")
    assert (went, LENT in asked(server)) == ([], False)
    assert words in told


def test_codex_refuses_an_old_ollama(tmp_path: Path) -> None:
    with FakeOllama(GPT_OSS, version="0.12.3") as server:
        went, told = codex(tmp_path, server, "ollama")
    assert went == []
    assert "Ollama 0.12.3 is too old" in told


def test_a_task_runs_on_the_fake_lm_studio(tmp_path: Path) -> None:
    with FakeLmStudio(LM_GPT_OSS, answers=TASK, any_tools=True) as server:
        server.load(LM_GPT_OSS.key, 65536)
        went, told = codex(tmp_path, server, "lmstudio")
    assert went == WENT, told
    assert asked(server) == [*["GET /v1/models"] * 2, *[LENT] * 3]
    assert server.requests[2].json["max_output_tokens"] == 1


def test_lm_studio_refuses_codex_its_tools(tmp_path: Path) -> None:
    with FakeLmStudio(LM_GPT_OSS, answers=TASK) as server:
        went, told = codex(tmp_path, server, "lmstudio")
    assert went == []
    assert "Expected 'function' | 'mcp'" in told


def test_codex_gets_a_missing_model_by_lms(tmp_path: Path) -> None:
    other, wanted = LmModel("other"), [LM_GPT_OSS]
    with FakeLmStudio(other, downloads=wanted, answers=TASK, any_tools=True) as server:
        lms = fake_lms.install(tmp_path / "bin", url=server.url)
        path = f"{lms.parent}:{os.environ['PATH']}"
        went, told = codex(tmp_path, server, "lmstudio", PATH=path)
    assert went == WENT, told
    assert LM_GPT_OSS.key in server.models
