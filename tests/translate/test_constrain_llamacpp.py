"""The smallest model calls tools that its template lacks, and answers with outputs."""

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codex_oss.translate.constrain import (
    AnswerText,
    CallArguments,
    CallClosed,
    CallOpened,
    Offered,
    Piece,
    ReplyDecoder,
    prompt,
    render_call,
    render_output,
    schema,
)
from real_llama import ask, held_to, serving

MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")

pytestmark = [
    pytest.mark.skipif(MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file"),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="xllamacpp is not installed",
    ),
]

TOOLS = [
    Offered(
        "exec_command",
        "Runs a command in a shell and returns its output.",
        {
            "type": "object",
            "properties": {"cmd": {"type": "string"}, "workdir": {"type": "string"}},
            "required": ["cmd"],
        },
    ),
    Offered(
        "apply_patch",
        "Edits files with a patch.",
        {
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
        },
    ),
    Offered(
        "update_plan",
        "Shows the user the plan.",
        {
            "type": "object",
            "properties": {"plan": {"type": "array", "items": {"type": "string"}}},
            "required": ["plan"],
        },
    ),
]
INSTRUCTIONS = f"You are a coding agent in the user's terminal.\n\n{prompt(TOOLS)}"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Path(MODEL or "")) as address:
        yield address


def reply(url: str, *said: str) -> list[Piece]:
    """Return the reply after turns of the user and the model, the user's first."""
    roles = ("user", "assistant")
    messages = [{"role": "system", "content": INSTRUCTIONS}] + [
        {"role": roles[at % 2], "content": text} for at, text in enumerate(said)
    ]
    decoder = ReplyDecoder()
    text = ask(url, messages, **held_to(schema(TOOLS)))["content"]
    return [*decoder.feed(text), *decoder.finish()]


@pytest.mark.parametrize(
    ("question", "output"),
    [
        ("list the files in this directory", "README.md\nmain.py\nutils.py\n"),
        ("show the python files", "calc.py\ntest_calc.py\n"),
        ("What files are here?", "Cargo.toml\nsrc\n"),
    ],
)
def test_the_model_runs_a_command_and_answers_with_its_output(
    url: str, question: str, output: str
) -> None:
    called = reply(url, question)
    match called:
        case [CallOpened("exec_command"), CallArguments(arguments), CallClosed()]:
            assert '"ls' in arguments
        case _:
            pytest.fail(f"no call: {called}")
    told = render_output("exec_command", output)
    answered = reply(url, question, render_call("exec_command", arguments), told)
    match answered:
        case [AnswerText(answer)]:
            assert [name for name in output.split() if name not in answer] == []
        case _:
            pytest.fail(f"no answer: {answered}")


def test_an_answer_is_the_only_reply_when_there_are_no_tools(url: str) -> None:
    messages = [{"role": "user", "content": "Hello!"}]
    decoder = ReplyDecoder()
    text = ask(url, messages, **held_to(schema([])))["content"]
    assert isinstance(decoder.feed(text)[0], AnswerText)
