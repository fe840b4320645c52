"""A task on an Ollama server, over its own API."""

import json
from pathlib import Path

import pytest

from fake_ollama import FakeOllama, Say
from fake_ollama import OllamaModel as Installed
from running import provider, run_exec

MODEL = "gpt-oss:20b"


def test_a_task_runs_its_command_in_one_loaded_model(tmp_path: Path) -> None:
    run = Say("Looking.", calls=(("exec_command", {"cmd": "echo from-the-shell"}),))
    with FakeOllama(Installed(MODEL), answers=[run, Say("Done.")]) as server:
        done = run_exec(
            tmp_path,
            [
                *provider(server.url, "ollama"),
                *("-s", "danger-full-access", "--json", "look around"),
            ],
        )

    told = [json.loads(line) for line in done.stdout.splitlines()]
    items = [e["item"] for e in told if e["type"] == "item.completed"]
    assert done.returncode == 0, done.stderr
    assert [i.get("text") or i["aggregated_output"] for i in items] == [
        "Looking.",
        "from-the-shell\n",
        "Done.",
    ]
    assert server.loads == [(MODEL, 32768)]
    second = server.chats[1]["messages"]
    assert [m["role"] for m in second[-2:]] == ["assistant", "tool"]
    assert second[-1]["tool_name"] == "exec_command"


def test_a_missing_model_ends_with_the_command_that_gets_it(tmp_path: Path) -> None:
    with FakeOllama(Installed("other:1b")) as server:
        done = run_exec(tmp_path, [*provider(server.url, "ollama"), "look around"])

    assert done.returncode == 1
    assert f"Ollama at {server.url} has no model '{MODEL}'" in done.stderr
    assert f"ollama pull {MODEL}" in done.stderr


def test_less_context_than_was_asked_for_is_a_warning_before_the_turn(
    tmp_path: Path,
) -> None:
    with FakeOllama(Installed(MODEL, vram=0.5), grants=16384) as server:
        done = run_exec(
            tmp_path,
            ["--local-provider", "ollama", "-m", MODEL, "--json", "look around"],
            env={"OLLAMA_HOST": server.url},
        )

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [event["type"] for event in told][:3] == [
        *("thread.started", "item.completed", "item.completed")
    ]
    assert [event["item"]["message"] for event in told[1:3]] == [
        f"Ollama gives {MODEL} 16384 tokens of context; 32768 were asked for.",
        (
            f"50% of {MODEL} is in graphics memory, the rest runs on the CPU, slowly. "
            "A smaller context or model may fit whole."
        ),
    ]
    asked = [chat["options"]["num_ctx"] for chat in server.chats]
    assert asked == [32768] * len(asked)  # another number would load it anew


def test_a_provider_of_one_s_own_is_checked_after_its_first_answer(
    tmp_path: Path,
) -> None:
    with FakeOllama(Installed(MODEL), grants=16384) as server:
        done = run_exec(
            tmp_path, [*provider(server.url, "ollama"), "--json", "look around"]
        )

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [event["type"] for event in told][-2:] == [
        "item.completed",
        "turn.completed",
    ]
    assert told[-2]["item"]["message"] == (
        f"Ollama gives {MODEL} 16384 tokens of context; 32768 were asked for."
    )


@pytest.mark.parametrize("before", [False, True])
def test_a_model_goes_with_the_task_that_has_loaded_it(
    tmp_path: Path, *, before: bool
) -> None:
    with FakeOllama(Installed(MODEL)) as server:
        if before:
            server.load(MODEL, 32768)
        done = run_exec(
            tmp_path,
            ["--local-provider", "ollama", "-m", MODEL, "look around"],
            env={"OLLAMA_HOST": server.url},
        )
        assert done.returncode == 0, done.stderr
        assert server.loads == [(MODEL, 32768)]
        assert server.loaded == ({MODEL: 32768} if before else {})
