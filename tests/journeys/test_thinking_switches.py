"""Efforts in a whole `exec`: what the server gets, and what a person reads of it."""

from pathlib import Path
from typing import Any

import pytest

from fake_events import chat_text, chat_turn
from fake_server import LLAMACPP, FakeServer
from running import provider, run_exec

OFF = ["-c", "model_reasoning_effort=none"]


def asked(
    folder: Path, model: str, *options: str, llamacpp: bool = True
) -> tuple[dict[str, Any], str]:
    """Return the request of an `exec` and what it said beside the answer."""
    get = LLAMACPP if llamacpp else {}
    with FakeServer([chat_turn(chat_text("done"))], get=get) as server:
        arguments = [*provider(server.url, "chat"), "-m", model, *options, "go"]
        done = run_exec(folder, arguments)
        assert done.returncode == 0, done.stderr
        return server.posts[-1].json, done.stderr


def head(told: str) -> list[str]:
    """Return the row about thinking, if there is one."""
    return [row for row in told.splitlines() if row.startswith("thinking:")]


def test_thoughts_are_turned_off_by_the_families_variable(tmp_path: Path) -> None:
    request, told = asked(tmp_path, "qwen3:8b", *OFF)

    assert request["chat_template_kwargs"] == {"enable_thinking": False}
    assert request["reasoning_effort"] == "none"
    assert head(told) == ["thinking: none (`model_reasoning_effort`, -c)"]
    assert "warning" not in told


def test_where_no_variable_can_be_sent_the_instructions_say_it(tmp_path: Path) -> None:
    request, _ = asked(tmp_path, "qwen3:8b", *OFF, llamacpp=False)

    assert "chat_template_kwargs" not in request
    assert request["messages"][0]["content"].endswith("\n\n/no_think")
    assert "/no_think" not in str(request["messages"][1:])


def test_an_entry_of_the_model_says_how_much_and_how_long(tmp_path: Path) -> None:
    entry = '{reasoning_effort="high",thinking_budget=700}'
    request, told = asked(tmp_path, "gpt-oss:20b", "-c", f'models."gpt-oss*"={entry}')

    assert request["reasoning_effort"] == "high"
    effort = 'high (`models."gpt-oss*".reasoning_effort`, -c)'
    budget = '700 tokens before an answer (`models."gpt-oss*".thinking_budget`, -c)'
    assert head(told) == [f"thinking: {effort}, at most {budget}"]


def test_an_effort_is_also_a_share_of_the_window(tmp_path: Path) -> None:
    told = [
        head(asked(tmp_path, "gpt-oss:20b", *effort)[1])[0]
        for effort in ([], ["-c", "model_reasoning_effort=low"])
    ]
    low = "low (`model_reasoning_effort`, -c)"
    assert told == [
        "thinking: at most 2,048 tokens before an answer",
        f"thinking: {low}, at most 1,024 tokens before an answer",
    ]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("qwen3-coder:30b", "has no effect: qwen3-coder:30b does not think."),
        ("deepseek-r1:8b", "deepseek-r1:8b thinks whatever it is told"),
        ("magistral:24b", "magistral:24b thinks where its instructions ask for it"),
        ("gpt-oss:20b", "gpt-oss:20b cannot but think; it is asked for 'low'."),
    ],
)
def test_an_effort_that_a_model_cannot_follow_is_said_once(
    tmp_path: Path, model: str, words: str
) -> None:
    request, told = asked(tmp_path, model, *OFF)

    assert told.count(words) == 1
    assert told.count("`model_reasoning_effort`, -c") >= 1
    assert request.get("reasoning_effort") == (
        "low" if model.startswith("gpt-oss") else None
    )
    assert "chat_template_kwargs" not in request


def test_of_a_model_that_nobody_knows_nothing_is_said(tmp_path: Path) -> None:
    request, told = asked(tmp_path, "newest")

    assert head(told) == []
    assert "reasoning_effort" not in request
