"""What a chat model's answers teach about thinking whose beginning is in the prompt."""

import pytest

from asking import ASK, chat_provider, use_model
from asking_ollama import Taken
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_events import Event
from fake_server import FakeServer, chat_call, chat_end, chat_text, chat_turn
from response_grammar import check_grammar, items, meaning

OPENED = ("Let me ", "see\n", "</think>", "\n\nHi ", "you")
PLAIN = ("Hi ", "you")
TAGGED = ("<think>", "Let me ", "see", "</think>", "Hi ", "you")
CUT = ("Let me ", "see")
CALLS = ("Let me ", "see", "</think>", "\n")
THOUGHT, SAID = ("thought", "Let me see"), ("said", "Hi you")
CALLED = ("add", '{"a": 1}')


def turn(pieces: tuple[str, ...]) -> list[Event]:
    texts = [chat_text(piece) for piece in pieces]
    if pieces is CUT:
        return [*texts, *chat_end("length")]
    if pieces is CALLS:
        texts.append(chat_call("add", {"a": 1}))
    return chat_turn(*texts)


def answers(*turns: tuple[str, ...]) -> list[list[responses.Event]]:
    """Return the events of one model's answers to one request after another."""

    async def use(model: Model) -> list[list[responses.Event]]:
        outlets = [Taken() for _ in turns]
        for outlet in outlets:
            await model.pour(ASK, outlet)
            check_grammar(outlet.events)
        return [outlet.events for outlet in outlets]

    with FakeServer([turn(pieces) for pieces in turns]) as server:
        return use_model(chat_provider(server.url), use)


def streamed(events: list[responses.Event]) -> tuple[str, str]:
    """Return what was shown as thought and as said while the answer came."""
    thought = [e.delta for e in events if isinstance(e, responses.ReasoningTextDelta)]
    said = [e.delta for e in events if isinstance(e, responses.OutputTextDelta)]
    return "".join(thought), "".join(said)


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ((OPENED, OPENED, OPENED), [[THOUGHT, SAID]] * 3),
        ((OPENED, PLAIN, OPENED, PLAIN), [[THOUGHT, SAID], [SAID]] * 2),
        (
            (OPENED, CALLS, OPENED),
            [[THOUGHT, SAID], [THOUGHT, CALLED], [THOUGHT, SAID]],
        ),
        ((CALLS, CALLS), [[THOUGHT, CALLED]] * 2),
        ((TAGGED, OPENED, TAGGED, PLAIN), [[THOUGHT, SAID]] * 3 + [[SAID]]),
        ((OPENED, CUT, OPENED), [[THOUGHT, SAID], [THOUGHT], [THOUGHT, SAID]]),
    ],
)
def test_an_answer_is_told_whole_and_alone_whatever_came_before(
    turns: tuple[tuple[str, ...], ...], told: list[list[tuple[str, str]]]
) -> None:
    assert [meaning(items(events)) for events in answers(*turns)] == told


def test_who_stops_thinking_is_shown_to_speak_from_the_second_answer_on() -> None:
    _, first, second = answers(OPENED, PLAIN, PLAIN)
    assert streamed(first) == ("Hi you", "Hi you")
    assert streamed(second) == ("", "Hi you")


def test_a_cut_answer_teaches_nothing() -> None:
    _, first, second = answers(OPENED, CUT, CUT)
    assert streamed(first) == streamed(second) == ("Let me see", "")
