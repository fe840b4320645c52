"""The real llama.cpp and conversations that do not fit its window."""

import importlib.util
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from asking import chat_provider, use_model
from codex_oss import events
from codex_oss.errors import ContextOverflow
from codex_oss.items import FunctionCall, FunctionCallOutput, Item, user
from codex_oss.ports import Model
from codex_oss.wire import responses
from conversing import PLACE, Talk
from real_llama import serving

MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")
WINDOW = 4096
HELLO = user("Say hello.")

pytestmark = [
    pytest.mark.skipif(MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file"),
    pytest.mark.skipif(
        importlib.util.find_spec("xllamacpp") is None,
        reason="xllamacpp is not installed",
    ),
]


def looked(number: int) -> list[Item]:
    call_id = f"c{number}"
    arguments = f'{{"at": {number}}}'
    text = "\n".join(f"line {n} of an output of many" for n in range(100))
    return [
        FunctionCall(name="look", arguments=arguments, call_id=call_id),
        FunctionCallOutput(call_id=call_id, output=text),
    ]


def test_its_refusal_is_known_and_its_numbers_are_read() -> None:
    request = responses.Request(model="m", input=[user("word " * 9000)])

    async def use(model: Model) -> ContextOverflow:
        with pytest.raises(ContextOverflow) as raised:
            async for _ in model.stream(request):
                pass
        return raised.value

    with serving(Path(MODEL or "")) as url:
        error = use_model(chat_provider(url), use)
    assert error.window == WINDOW
    assert error.tokens is not None
    assert error.tokens > 9000


def test_a_conversation_of_twice_the_window_is_answered() -> None:
    said = [PLACE, user("look"), *(i for n in range(8) for i in looked(n))]

    async def use(model: Model) -> list[events.Event]:
        told: list[events.Event] = []
        async with aclosing(Talk(model, history=said).session.submit(HELLO)) as turn:
            async for event in turn:
                told.append(event)
                if isinstance(event, events.Reading):
                    break  # it was taken: what a tiny model says is no matter
        return told

    with serving(Path(MODEL or "")) as url:
        told = use_model(chat_provider(url), use)
    assert [e.how for e in told if isinstance(e, events.Compacted)] == ["masked"]
    assert isinstance(told[-1], events.Reading)
    assert told[-1].total < WINDOW
