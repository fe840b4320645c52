"""Models that go in circles, say nothing or think without end."""

import json

import pytest

from codex_oss import events
from codex_oss.agent.answer import REPEATED
from codex_oss.agent.stagnation import Outcome, Stagnation
from codex_oss.agent.turn import EMPTY, NOTHING, STUCK, THOUGHT
from codex_oss.agent.window import Limits
from codex_oss.items import (
    InputText,
    Message,
    OutputText,
    Reasoning,
    SummaryText,
)
from codex_oss.ports import Output
from codex_oss.wire import responses
from conversing import Talk, failed_with
from fakes import Script, ScriptedModel, called, finished, said

ASKS_AGAIN = Limits(asks_again=True)
LOOP = ["tests, "] * 2000


def remark(text: str) -> Message:
    return Message(role="developer", content=[InputText(text=text)])


def thinking(words: int) -> Script:
    """Return an answer of thoughts alone, told as they come."""
    text = "hm " * words
    item = Reasoning(summary=[SummaryText(text=text)])
    deltas = [responses.ReasoningSummaryTextDelta(delta="hm ") for _ in range(words)]
    return [*deltas, responses.OutputItemDone(item=item), finished()]


# --- circles --------------------------------------------------------------------------


def outcome(name: str, *, waits: bool = False, refused: bool = False) -> list[Outcome]:
    return [Outcome(name, "{}", "out", refused, waits)]


@pytest.mark.parametrize(
    ("cycle", "rounds", "reason"),
    [
        ("a", 3, "the model sent the same call 3 times and got the same result"),
        (
            "ab",
            6,
            "the model sent the same 2 calls in turn 3 times and got the same results",
        ),
        (
            "abc",
            9,
            "the model sent the same 3 calls in turn 3 times and got the same results",
        ),
    ],
)
def test_calls_in_a_circle_are_noticed_the_third_time_round(
    cycle: str, rounds: int, reason: str
) -> None:
    stagnation = Stagnation()
    names = cycle * 10
    verdicts = [stagnation.note(outcome(name)) for name in names[: 2 * rounds]]
    noticed = [n for n, verdict in enumerate(verdicts, 1) if verdict]
    assert noticed == [rounds, 2 * rounds]
    assert [verdicts[rounds - 1], verdicts[-1]] == ["answer", reason]
    assert stagnation.reason == reason


def test_another_result_is_progress() -> None:
    stagnation = Stagnation()
    for n in range(20):
        assert stagnation.note([Outcome("a", "{}", str(n // 2), False)]) is None


def test_looking_at_what_runs_is_no_circle_for_a_long_while() -> None:
    stagnation = Stagnation()
    verdicts = [stagnation.note(outcome("a", waits=True)) for _ in range(30)]
    assert verdicts == [None] * 29 + ["answer"]


def test_refused_calls_are_counted_whatever_they_are() -> None:
    stagnation = Stagnation()
    verdicts = [stagnation.note(outcome(str(n), refused=True)) for n in range(8)]
    assert verdicts[3] == "answer"
    assert verdicts[7] == "4 rounds of tool calls in a row could not be run"


def test_a_model_in_a_circle_is_told_so_and_may_say_what_it_knows() -> None:
    model = ScriptedModel(
        *([called(name), finished()] for name in ["look", "look", "look"]),
        [said("I found nothing."), finished()],
    )
    talk = Talk(model)
    assert failed_with(talk.submit()) == ""
    reason = "the model sent the same call 3 times and got the same result"
    assert model.requests[-1].input[-1] == remark(STUCK.format(reason=reason))
    assert model.requests[-1].tool_choice == "none"


# --- empty answers --------------------------------------------------------------------


@pytest.mark.parametrize(
    "empty", [[finished()], [said(" \n"), finished()], thinking(3)]
)
def test_an_empty_answer_is_asked_for_once_more(empty: Script) -> None:
    model = ScriptedModel(empty, [said("yes"), finished()])
    told = Talk(model, ASKS_AGAIN).submit()
    assert failed_with(told) == ""
    assert model.requests[1].input[-1] == remark(EMPTY)


def test_two_empty_answers_end_the_turn_with_words() -> None:
    model = ScriptedModel([finished()], [finished()])
    assert failed_with(Talk(model, ASKS_AGAIN).submit()).startswith(NOTHING)


def test_an_empty_first_answer_is_the_end_where_models_are_trusted() -> None:
    told = Talk(ScriptedModel([finished()])).submit()
    assert isinstance(told[-1], events.TurnCompleted)


def test_an_empty_answer_behind_calls_is_asked_for_once_more_everywhere() -> None:
    model = ScriptedModel(
        [called("look"), finished()], [finished()], [said("done"), finished()]
    )
    told = Talk(model).submit()
    assert failed_with(told) == ""
    assert len(model.requests) == 3


def test_what_was_said_beside_the_calls_is_an_answer_too() -> None:
    model = ScriptedModel(
        [said("All is well."), called("look"), finished()], [finished()], [finished()]
    )
    assert isinstance(Talk(model).submit()[-1], events.TurnCompleted)


def test_nothing_in_answer_to_a_prompt_that_fills_the_window_is_an_overflow() -> None:
    steps = [
        [called("look", json.dumps({"at": n}), f"c{n}"), finished(300 * n + 300)]
        for n in range(4)
    ]
    model = ScriptedModel(
        *steps, [finished(1990)], [said("x"), finished()], window=2000
    )
    told = Talk(model, look=lambda _: Output("x" * 900)).submit()
    assert failed_with(told) == ""
    assert any(isinstance(event, events.Compacted) for event in told)


# --- thoughts -------------------------------------------------------------------------


def test_thoughts_beyond_the_budget_are_broken_off_and_an_answer_is_asked_for() -> None:
    model = ScriptedModel(thinking(600), [said("yes"), finished()])
    limits = Limits(thinking=100, least_effort="none")
    told = Talk(model, limits).submit()
    assert failed_with(told) == ""
    first, second = model.requests
    assert first.reasoning == responses.ReasoningParams(summary="auto")
    assert second.reasoning == responses.ReasoningParams(effort="none", summary="auto")
    thoughts = ("hm " * 134)[:402][-1000:]
    assert second.input[-1] == remark(THOUGHT.format(thoughts=thoughts))
    assert not any(isinstance(item, Reasoning) for item in second.input)


def test_who_is_asked_to_answer_at_once_may_still_think() -> None:
    model = ScriptedModel(
        thinking(600),
        [*thinking(600)[:-1], called("look"), finished()],
        thinking(600),
        [said("yes"), finished()],
    )
    told = Talk(model, Limits(thinking=100)).submit()
    assert failed_with(told) == ""
    efforts = [
        request.reasoning and request.reasoning.effort for request in model.requests
    ]
    assert [effort or None for effort in efforts] == [None, "low", None, "low"]


@pytest.mark.parametrize(
    ("limits", "window"), [(Limits(), None), (Limits(thinking=0), 2000)]
)
def test_without_a_budget_thoughts_are_not_counted(
    limits: Limits, window: int | None
) -> None:
    answer = [*thinking(1800)[:-2], said("yes"), finished()]
    model = ScriptedModel(answer, window=window)
    assert failed_with(Talk(model, limits).submit()) == ""
    assert len(model.requests) == 1


def test_a_quarter_of_the_window_may_be_thoughts() -> None:
    model = ScriptedModel(thinking(900), [said("yes"), finished()], window=2000)
    assert failed_with(Talk(model).submit()) == ""
    assert len(model.requests) == 2


def test_words_that_have_begun_are_never_broken_off() -> None:
    text = responses.OutputTextDelta(delta="so ")
    answer = [text, *thinking(600)[:-2], said("so it is"), finished()]
    model = ScriptedModel(answer)
    assert failed_with(Talk(model, Limits(thinking=100)).submit()) == ""


# --- words ----------------------------------------------------------------------------


def test_words_without_end_are_broken_off_and_told_once() -> None:
    deltas = [responses.OutputTextDelta(delta=word) for word in ["I see: ", *LOOP]]
    model = ScriptedModel([called("look"), *deltas], [said("done"), finished()])
    told = Talk(model).submit()
    assert failed_with(told) == ""
    once = Message(role="assistant", content=[OutputText(text="I see: tests,")])
    assert once in model.requests[1].input
    items = [event.item for event in told if isinstance(event, events.ItemCompleted)]
    words = [each.text for each in items if isinstance(each, events.AgentMessage)]
    assert words == ["I see: tests,", "done"]
    assert REPEATED in [
        each.message for each in items if isinstance(each, events.ErrorItem)
    ]


def test_words_without_end_are_an_answer() -> None:
    deltas = [responses.OutputTextDelta(delta=word) for word in LOOP]
    told = Talk(ScriptedModel(deltas)).submit()
    assert isinstance(told[-1], events.TurnCompleted)


def test_each_message_repeats_for_itself() -> None:
    half = "tests, " * 150
    deltas = [responses.OutputTextDelta(delta=half), said(half)]
    model = ScriptedModel([*deltas, *deltas, finished()])
    told = Talk(model).submit()
    items = [event.item for event in told if isinstance(event, events.ItemCompleted)]
    words = [each.text for each in items if isinstance(each, events.AgentMessage)]
    assert words == [half, half]
