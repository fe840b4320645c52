"""Thoughts: in a field of their own (by two names), and between tags in the text."""

from typing import Any

from codex_scenarios.calls import echo
from fake_server import chunk
from scripted_upstream import (
    DONE,
    Scenario,
    calls,
    ended,
    pieces,
    said,
    says,
    streamed,
)

THOUGHT = "The user wants something. I think."


def thinks(field: str) -> list[dict[str, Any]]:
    """Return the chunks of a thought in this field of the delta."""
    return [chunk({field: piece}) for piece in pieces(THOUGHT)]


def _call(name: str) -> list[dict[str, Any]]:
    return calls("exec_command", echo(name))


SCENARIOS = (
    # llama.cpp, SGLang, DeepSeek: `reasoning_content`; Ollama, newer vLLM: `reasoning`.
    Scenario(
        name="rz-content",
        turns=(streamed(*thinks("reasoning_content"), *said(DONE), *ended()),),
        thought=THOUGHT,
    ),
    Scenario(
        name="rz-field",
        turns=(streamed(*thinks("reasoning"), *said(DONE), *ended()),),
        thought=THOUGHT,
    ),
    Scenario(
        name="rz-think",
        turns=(says(f"<think>\n{THOUGHT}\n</think>\n\n{DONE}"),),
        thought=THOUGHT,
    ),
    # Templates that open the thought themselves leave only the end to the model.
    Scenario(
        name="rz-think-noopen",
        turns=(says(f"{THOUGHT}\n</think>\n\n{DONE}"),),
        thought=THOUGHT,
    ),
    Scenario(
        name="rz-tool",
        turns=(
            streamed(
                *thinks("reasoning_content"), *_call("rz-tool"), *ended("tool_calls")
            ),
            says(DONE),
        ),
        ran=("ran-rz-tool\n",),
        thought=THOUGHT,
    ),
    Scenario(
        name="rz-think-tool",
        turns=(
            streamed(
                *said(f"<think>\n{THOUGHT}\n</think>\n"),
                *_call("rz-think-tool"),
                *ended("tool_calls"),
            ),
            says(DONE),
        ),
        ran=("ran-rz-think-tool\n",),
        thought=THOUGHT,
    ),
    Scenario(
        name="rz-only",
        turns=(streamed(*thinks("reasoning_content"), *ended()),),
        answers=(),
        thought=THOUGHT,
    ),
)
