"""Switches of features, and the model's own thoughts on the screen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from codex_cli import CODEX, NO_CODEX
from fake_events import message, turn
from fake_server import FakeServer, Reply
from running import OURS, provider, run_exec

NEEDS_CODEX = pytest.mark.skipif(not CODEX, reason=NO_CODEX)
PROGRAMS = [
    pytest.param(OURS, id="ours"),
    pytest.param((CODEX,), id="codex", marks=NEEDS_CODEX),
]
THOUGHT: dict[str, Any] = {
    "type": "reasoning",
    "id": "rs_1",
    "summary": [{"type": "summary_text", "text": "in short"}],
    "content": [{"type": "reasoning_text", "text": "at length"}],
}


def offered(folder: Path, *arguments: str) -> set[str]:
    """Return the names of the tools that a model is offered."""
    with FakeServer(script=[Reply(events=turn(message("Done.")))]) as server:
        full = ("-c", "prompt_profile=full")
        ran = run_exec(folder, [*provider(server.url), *full, *arguments, "hello"])
        assert ran.returncode == 0, ran.stderr
        tools: list[dict[str, Any]] = server.posts[0].json["tools"]
    return {tool["name"] for tool in tools}


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("shell_tool", {"exec_command", "write_stdin"}),
        ("view_image", {"view_image"}),
        ("goals", set[str]()),
        ("guardianv2.thread_context", set[str]()),
    ],
)
def test_a_feature_that_is_off_takes_its_tools_away(
    tmp_path: Path, name: str, tools: set[str]
) -> None:
    everything = offered(tmp_path)
    assert everything >= tools
    assert offered(tmp_path, "--disable", name) == everything - tools
    assert offered(tmp_path, "--enable", name) == everything


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("option", ["--enable", "--disable"])
def test_a_feature_that_nobody_knows_is_an_error(
    tmp_path: Path, program: Sequence[str], option: str
) -> None:
    ran = run_exec(tmp_path, [option, "nosuch", "hello"], program=program)
    assert ran.returncode == 1
    assert "Error: Unknown feature flag: nosuch" in ran.stderr.splitlines()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ([], ["in short"]),
        (["show_raw_agent_reasoning=true"], ["at length"]),
        (["hide_agent_reasoning=true"], []),
        (["show_raw_agent_reasoning=true", "hide_agent_reasoning=true"], []),
    ],
    ids=str,
)
def test_thoughts_are_shown_in_short_or_at_length_or_not_at_all(
    tmp_path: Path, program: Sequence[str], keys: list[str], shown: list[str]
) -> None:
    settings = [word for key in keys for word in ("-c", key)]
    with FakeServer(script=[Reply(events=turn(THOUGHT, message("Done.")))]) as server:
        arguments = [*provider(server.url), *settings, "hello"]
        ran = run_exec(tmp_path, arguments, program=program)
    found = [text for text in ("in short", "at length") if text in ran.stderr]
    assert (ran.returncode, ran.stdout, found) == (0, "Done.\n", shown)
