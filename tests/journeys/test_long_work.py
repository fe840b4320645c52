"""Tasks that do not fit the window, on a server that counts and refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counting_server import (
    EXPLORATION,
    FUNCTION_AND_TESTS,
    LONG_OUTPUTS,
    SUMMARY,
    CountingServer,
    Step,
    legacy,
    part,
)
from running import prepared, provider, run_exec

TASK = "Write a function median with its tests, and run them."

OF_CODEX = {
    "thread.started",
    "turn.started",
    "item.started",
    "item.completed",
    "turn.completed",
}
"""What Codex prints of such a turn: nothing of compactions."""

Refusal = Callable[[int, int], dict[str, Any]]


def vllm(tokens: int, window: int) -> dict[str, Any]:
    message = (
        f"This model's maximum context length is {window} tokens. However, your "
        f"request has {tokens} input tokens. Please reduce the length."
    )
    return {"error": {"message": message, "type": "BadRequestError", "code": 400}}


def ollama(tokens: int, window: int) -> dict[str, Any]:
    del tokens, window
    return {"error": "the input length exceeds the context length"}


def lmstudio(tokens: int, window: int) -> dict[str, Any]:
    message = (
        f"Trying to keep the first {tokens} tokens when context the overflows. However,"
        f" the model is loaded with context length of only {window} tokens, which is "
        "not enough. Try to load the model with a larger context length."
    )
    return {"error": message}


def sglang(tokens: int, window: int) -> dict[str, Any]:
    message = (
        f"The input ({tokens} tokens) is longer than the model's context length "
        f"({window} tokens)."
    )
    return {"object": "error", "message": message, "type": "BadRequestError"}


def openai(tokens: int, window: int) -> dict[str, Any]:
    message = (
        f"This model's maximum context length is {window} tokens. However, your "
        f"messages resulted in {tokens} tokens."
    )
    return {"error": {"message": message, "code": "context_length_exceeded"}}


def run(
    folder: Path, server: CountingServer, *more: str, prompt: str = TASK
) -> list[dict[str, Any]]:
    """Run the task and return its events."""
    repo = prepared(folder)
    (repo / "legacy.py").write_text(legacy())
    arguments = [*provider(server.url, "chat"), "-s", "danger-full-access", *more]
    done = run_exec(folder, ["--json", *arguments], prompt=prompt)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compactions(folder: Path) -> list[dict[str, Any]]:
    """Return what the session's file says of compactions."""
    [file] = (folder / "home" / "sessions").rglob("*.jsonl")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return [line["payload"] for line in lines if line["type"] == "compacted"]


@pytest.mark.parametrize("window", [4096, 8192, 16_384])
def test_a_function_its_tests_and_a_run_finish_with_one_compaction_at_most(
    tmp_path: Path, window: int
) -> None:
    with CountingServer(FUNCTION_AND_TESTS, window) as server:
        told = run(tmp_path, server)
    assert told[-1]["type"] == "turn.completed"
    assert server.finished
    assert len(compactions(tmp_path)) <= 1
    assert {each.kind for each in server.counted} == {"step"}
    assert "(ordered[half - 1]" in (tmp_path / "repo" / "stats.py").read_text()


@pytest.mark.parametrize("window", [4096, 8192])
def test_outputs_of_ten_thousand_lines_do_not_fill_a_small_window(
    tmp_path: Path, window: int
) -> None:
    with CountingServer(LONG_OUTPUTS, window) as server:
        told = run(tmp_path, server)
    assert told[-1]["type"] == "turn.completed"
    assert {event["type"] for event in told} <= OF_CODEX
    assert (tmp_path / "repo" / "done.txt").exists()
    assert {each.kind for each in server.counted} == {"step"}


def test_after_a_summary_the_task_and_the_changed_files_are_still_there(
    tmp_path: Path,
) -> None:
    repo = prepared(tmp_path)
    for number in range(24):
        (repo / f"part{number}.py").write_text(part(number))
    [written, *_] = [s for s in FUNCTION_AND_TESTS if "Add File" in s.command]
    with CountingServer((written, *EXPLORATION), 4096) as server:
        arguments = [*provider(server.url, "chat"), "-s", "danger-full-access"]
        done = run_exec(tmp_path, arguments, prompt=TASK)
        last = server.requests[-1].json["messages"]
    assert (done.returncode, server.finished) == (0, True)
    assert server.summaries() >= 1
    assert "context: a summary stands for what was said" in done.stderr
    texts = [str(message["content"]) for message in last]
    assert any(text == TASK or text.endswith(TASK) for text in texts)
    [note] = [text for text in texts if "<handoff>" in text]
    assert "## Files changed so far\n- stats.py\n" in note
    assert SUMMARY in note


@pytest.mark.parametrize("refusal", [None, vllm, ollama, lmstudio, sglang, openai])
def test_a_window_that_nobody_told_is_learned_from_the_refusal(
    tmp_path: Path, refusal: Refusal | None
) -> None:
    with CountingServer(LONG_OUTPUTS, 8192, tells=False, refusal=refusal) as server:
        told = run(tmp_path, server)
    assert told[-1]["type"] == "turn.completed", told[-1]
    assert server.finished
    kinds = [each.kind for each in server.counted]
    assert 1 <= kinds.count("refused") <= 3


def test_a_prompt_that_alone_is_too_large_is_not_sent(tmp_path: Path) -> None:
    with CountingServer(FUNCTION_AND_TESTS, 4096) as server:
        told = run(tmp_path, server, prompt="word " * 8000)
    assert server.counted == []
    message = told[-1]["error"]["message"]
    assert message.startswith("The model's context window of 4,096 tokens is too small")
    assert "engine.context_length" in message


def test_a_session_goes_on_behind_a_compaction(tmp_path: Path) -> None:
    with CountingServer(LONG_OUTPUTS, 8192) as server:
        run(tmp_path, server)
    assert compactions(tmp_path)
    last = [Step(command="cat done.txt"), Step(text="It is there.")]
    with CountingServer(last, 8192) as server:
        arguments = [*provider(server.url, "chat"), "--json", "and now?"]
        done = run_exec(tmp_path, ["resume", "--last", *arguments])
    assert json.loads(done.stdout.splitlines()[-1])["type"] == "turn.completed"
    assert server.finished
    assert {each.kind for each in server.counted} == {"step"}


def test_a_model_that_thinks_too_long_is_asked_to_answer_without_thoughts(
    tmp_path: Path,
) -> None:
    steps = (Step(text="Late.", thinks="so then " * 3000), Step(text="Done."))
    with CountingServer(steps, 32_768) as server:
        told = run(tmp_path, server, "-c", "model_thinking_budget=500")
        first, second = (r.json for r in server.requests if r.method == "POST")
    assert [e["item"]["text"] for e in told if e["type"] == "item.completed"] == [
        "Done."
    ]
    assert "reasoning_effort" not in first
    # The model's name is gpt-oss: it cannot be told not to think at all.
    assert second["reasoning_effort"] == "low"
    assert "You have thought long enough" in str(second["messages"][-1]["content"])
