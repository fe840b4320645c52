"""The real llama.cpp is warmed, and tells how far it has read."""

import asyncio
import importlib.util
import os
from pathlib import Path

import pytest

from asking import chat_provider, use_model
from codex_oss.facts import Fact, Reading
from codex_oss.items import user
from codex_oss.ports import Model
from codex_oss.wire import responses
from real_llama import serving

MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")

pytestmark = [
    pytest.mark.skipif(MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file"),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="xllamacpp is not installed",
    ),
]

RULES = " ".join(f"Rule {number}: write plain words." for number in range(40))
PREFIX = responses.Request(
    model="m", instructions=RULES, input=[user("You are in /w.")], max_output_tokens=4
)
WHOLE = responses.Request(
    model="m",
    instructions=RULES,
    input=[*PREFIX.input, user("Say hello.")],
    max_output_tokens=4,
)


async def asked(
    model: Model, request: responses.Request
) -> tuple[responses.Usage, list[Fact]]:
    facts: list[Fact] = []
    async for event in model.stream(request, facts.append):
        if isinstance(event, responses.Completed | responses.IncompleteResponse):
            assert event.response.usage is not None
            return event.response.usage, facts
    raise AssertionError("an answer without an end")


def cached(usage: responses.Usage) -> int:
    assert usage.input_tokens_details is not None
    return usage.input_tokens_details.cached_tokens


def test_what_was_read_to_warm_up_is_not_read_again() -> None:
    async def use(model: Model) -> None:
        await model.warm(PREFIX)
        usage, facts = await asked(model, WHOLE)
        assert cached(usage) > 0.9 * usage.input_tokens
        reading = [fact for fact in facts if isinstance(fact, Reading)]
        assert reading[-1].total == usage.input_tokens
        assert reading[0].cached == cached(usage)

    with serving(Path(MODEL or "")) as url:
        use_model(chat_provider(url), use)


def test_a_warm_up_that_is_broken_off_keeps_the_server_well() -> None:
    async def use(model: Model) -> None:
        warming = asyncio.ensure_future(model.warm(PREFIX))
        await model.window()  # by now it runs, has not begun, or is over: all is well
        warming.cancel()
        await asyncio.wait((warming,))
        usage, _ = await asked(model, WHOLE)
        assert usage.input_tokens > 300

    with serving(Path(MODEL or "")) as url:
        use_model(chat_provider(url), use)
