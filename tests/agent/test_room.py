"""A conversation kept within its window, and progress that is proven."""

import json
import sys
from collections.abc import Callable
from itertools import pairwise
from types import FrameType

import pytest
from msgspec import UNSET

from codex_oss import events
from codex_oss.agent.handoff import Facts, handoff
from codex_oss.agent.room import CUT
from codex_oss.agent.summary import PROMPT, SHORT_PROMPT
from codex_oss.agent.window import Limits
from codex_oss.errors import ContextOverflow, Unreachable
from codex_oss.facts import Truncated
from codex_oss.items import (
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Refusal,
    text_of,
    user,
)
from codex_oss.ports import Output
from codex_oss.wire import responses
from conversing import PLACE, Talk, compacted, failed_with
from fakes import (
    Script,
    ScriptedModel,
    called,
    cut_short,
    failed,
    finished,
    said,
)

WINDOW = 2000
"""Tokens; instructions and tool take a hundred. Compacted at 1600."""
NOTE = "The file was read from end to end; the next step is to write the answer down."
LONG = "x" * 900


def uncounted() -> responses.Event:
    """Return the end of an answer whose server counts nothing."""
    return responses.Completed(response=responses.Response(id="r"))


def looking(number: int) -> Script:
    """Return an answer of one call that no other is like."""
    arguments = json.dumps({"at": number})
    return [called("look", arguments, f"c{number}"), uncounted()]


def long(call: object) -> Output:
    del call
    return Output(LONG)


def told_words() -> list[Item]:
    """Return a conversation in which nothing can be masked: words of the model."""
    words = Message(role="assistant", content=[OutputText(text="word " * 500)])
    return [PLACE, *(i for n in range(5) for i in (user(f"prompt {n}"), words))]


def test_old_outputs_are_masked_before_the_window_is_full_and_the_turn_goes_on() -> (
    None
):
    model = ScriptedModel(
        *(looking(n) for n in range(9)), [said("done"), uncounted()], window=WINDOW
    )
    talk = Talk(model, look=long)
    told = talk.submit()
    assert failed_with(told) == ""
    assert compacted(told) == ["masked"]
    [event] = [e for e in told if isinstance(e, events.Compacted)]
    assert event.before >= 1600
    assert event.after < 1100


def test_requests_are_each_others_prefix_but_for_the_one_behind_a_compaction() -> None:
    model = ScriptedModel(
        *(looking(n) for n in range(9)), [said("done"), uncounted()], window=WINDOW
    )
    Talk(model, look=long).submit()
    inputs = [request.input for request in model.requests]
    broken = [
        number
        for number, (before, after) in enumerate(pairwise(inputs))
        if after[: len(before)] != before
    ]
    assert len(broken) == 1
    assert {json.dumps(str(request.tools)) for request in model.requests} == {
        json.dumps(str(model.requests[0].tools))
    }


def test_where_masking_does_not_suffice_the_model_is_asked_for_a_summary() -> None:
    model = ScriptedModel(
        [said(NOTE), finished(3300, 60)], [said("done"), uncounted()], window=4000
    )
    talk = Talk(model, history=told_words())
    told = talk.submit("and now")
    assert compacted(told) == ["summarised"]
    asked, after = model.requests
    assert asked.input == [*told_words(), user("and now"), user(PROMPT.read_text())]
    assert (asked.tools, asked.tool_choice) == (after.tools, "none")
    assert asked.max_output_tokens == 400
    prompts = [user(f"prompt {n}") for n in range(5)]
    note = handoff(Facts([], []), NOTE)
    assert after.input[:7] == [PLACE, *prompts, note]
    assert after.input[-1] == user("and now")
    assert talk.journal.notes[-2] == (
        "compacted",
        {"message": NOTE, "replacement_history": after.input},
    )
    [last] = [event for event in told if isinstance(event, events.TurnCompleted)]
    assert (last.usage.input_tokens, last.usage.output_tokens) == (3300, 60)


@pytest.mark.parametrize(
    "answer",
    [
        [finished()],
        [said("ok"), finished()],
        [said("again and " * 100), finished()],
        [called("look"), finished()],
        [failed("server_error", "boom")],
        [Unreachable("nobody there")],
        [ContextOverflow()],
    ],
)
def test_without_a_summary_the_program_writes_one_itself(answer: Script) -> None:
    tries = 1 if isinstance(answer[0], Unreachable) else 2
    answers = [[*answer] for _ in range(tries)]
    model = ScriptedModel(*answers, [said("done"), uncounted()], window=4000)
    told = Talk(model, history=told_words()).submit("and now")
    assert len(model.requests) == tries + 1
    assert compacted(told) == ["summarised"]
    assert failed_with(told) == ""
    note = next(
        text_of(item.content)
        for item in model.requests[-1].input
        if isinstance(item, Message) and text_of(item.content).startswith("<handoff>")
    )
    assert "What you said last:\n- word word" in note


REFUSED = Message(
    role="assistant", content=[Refusal(refusal="I must not tell of what was said.")]
)


@pytest.mark.parametrize(
    "answer",
    [
        [finished()],
        [said(NOTE), called("look"), finished()],
        [said("I\u2019m sorry, but I can't help with a conversation of this kind.")],
        [responses.OutputItemDone(output_index=0, item=REFUSED), finished()],
        [said(NOTE), cut_short("max_output_tokens")],
        [ContextOverflow()],
    ],
)
def test_a_summary_that_fails_is_asked_for_once_more_in_a_shorter_form(
    answer: Script,
) -> None:
    better = "The words were said; nothing failed. Next: say what is asked for now."
    model = ScriptedModel(
        answer, [said(better), finished()], [said("done"), uncounted()], window=4000
    )
    talk = Talk(model, history=told_words(), limits=Limits(least_effort="none"))
    told = talk.submit("and now")
    assert (failed_with(told), compacted(told)) == ("", ["summarised"])
    whole, short, after = model.requests
    assert short.instructions == SHORT_PROMPT.read_text("utf-8").strip()
    assert (short.tools, short.max_output_tokens) == (UNSET, whole.max_output_tokens)
    assert short.reasoning
    assert short.reasoning.effort == "none"
    [message] = short.input
    assert isinstance(message, Message)
    text = text_of(message.content)
    assert text.startswith("The user said:\n\nprompt 0\n\nand now\n\n<handoff>")
    assert len(text) < 2500
    assert handoff(Facts([], []), better) in after.input


def test_a_summary_that_was_cut_off_is_better_than_the_programs_own() -> None:
    model = ScriptedModel(
        [said(NOTE), cut_short("max_output_tokens")],
        [finished()],
        [said("done"), uncounted()],
        window=4000,
    )
    talk = Talk(model, history=told_words())
    assert compacted(talk.submit("and now")) == ["summarised"]
    assert handoff(Facts([], []), NOTE) in model.requests[-1].input


def test_a_refused_request_teaches_the_window_and_is_sent_again_smaller() -> None:
    model = ScriptedModel(
        *(looking(n) for n in range(6)),
        [ContextOverflow(window=1000, tokens=1900)],
        [said("done"), uncounted()],
    )
    told = Talk(model, look=long).submit()
    assert failed_with(told) == ""
    assert compacted(told) == ["masked"]
    assert isinstance(told[-1], events.TurnCompleted)


@pytest.mark.parametrize("told", [ContextOverflow(), ContextOverflow(window=2000)])
def test_a_server_that_told_another_window_than_it_has_is_asked_for_less(
    told: ContextOverflow,
) -> None:
    model = ScriptedModel(
        *(looking(n) for n in range(6)),
        [told],
        [said("done"), uncounted()],
        window=20 * WINDOW,
    )
    heard = Talk(model, look=long).submit()
    assert failed_with(heard) == ""
    assert compacted(heard) == ["masked"]


def test_a_refusal_that_nothing_can_be_done_about_is_told_in_the_words_it_has() -> None:
    told = Talk(ScriptedModel([ContextOverflow()])).submit()
    assert failed_with(told) == str(ContextOverflow())
    told = Talk(ScriptedModel([ContextOverflow(window=500)])).submit("x" * 900)
    assert failed_with(told).startswith(
        "The model's context window of 500 tokens is too small"
    )


def test_a_server_that_refuses_whatever_it_gets_ends_the_turn() -> None:
    refused: Script = [ContextOverflow()]
    model = ScriptedModel(
        *(looking(n) for n in range(6)), *[refused] * 12, window=WINDOW
    )
    told = Talk(model, look=long).submit()
    assert "context window" in failed_with(told)
    assert len(model.requests) < 14


def test_a_window_that_fills_again_at_every_step_ends_the_turn_and_says_so() -> None:
    cut = responses.IncompleteResponse(
        response=responses.Response(
            id="r",
            usage=responses.Usage(total_tokens=WINDOW),
            incomplete_details=responses.IncompleteDetails("max_output_tokens"),
        )
    )
    endless: Script = [said("so " * 1500), cut]
    summary: Script = [said(NOTE), uncounted()]
    model = ScriptedModel(*[endless, summary] * 9, window=WINDOW)
    told = Talk(model).submit()
    assert "was full again after every step" in failed_with(told)
    assert len(compacted(told)) == 3


def test_an_answer_that_the_windows_end_cut_off_goes_on_behind_a_compaction() -> None:
    cut = responses.IncompleteResponse(
        response=responses.Response(
            id="r",
            usage=responses.Usage(total_tokens=WINDOW),
            incomplete_details=responses.IncompleteDetails("max_output_tokens"),
        )
    )
    model = ScriptedModel(
        *(looking(n) for n in range(4)),
        [said("half"), cut],
        [said("whole"), uncounted()],
        window=WINDOW,
    )
    told = Talk(model, look=long).submit()
    assert failed_with(told) == ""
    remark = Message(role="developer", content=[InputText(text=CUT)])
    assert model.requests[-1].input[-1] == remark


def test_a_prompt_that_is_too_large_by_itself_is_not_sent() -> None:
    model = ScriptedModel(window=WINDOW)
    told = Talk(model).submit("word " * 3000)
    assert model.requests == []
    assert "your last message 3,7" in failed_with(told)


def test_a_prompt_that_may_fit_is_left_to_the_server() -> None:
    model = ScriptedModel([said("done"), uncounted()], window=WINDOW)
    digits = "2026 " * 800  # 2,600 tokens at most, 1,600 to some tokenizers
    assert failed_with(Talk(model).submit(digits)) == ""


def test_a_server_that_dropped_a_part_of_the_prompt_is_given_less_from_then_on() -> (
    None
):
    model = ScriptedModel(
        *(looking(n) for n in range(6)), [said("done"), uncounted()], window=WINDOW
    )
    model.facts = [Truncated(tokens_sent=1500, tokens_read=700)]
    told = Talk(model, look=long).submit()
    assert compacted(told)


def test_people_set_the_window_and_when_to_compact() -> None:
    model = ScriptedModel(
        *(looking(n) for n in range(4)), [said("done"), uncounted()], window=100_000
    )
    limits = Limits(window=50_000, compact_at=800)
    assert compacted(Talk(model, limits, look=long).submit()) == ["masked"]


def test_a_conversation_can_be_compacted_by_hand_and_in_ones_own_words() -> None:
    model = ScriptedModel(
        [said("words " * 400), uncounted()],
        [said(NOTE), uncounted()],
        [said("x"), uncounted()],
    )
    talk = Talk(model, Limits(compact_prompt="Sum it up."))
    talk.submit("do")
    told = talk.compact()
    assert compacted(told) == ["summarised"]
    assert isinstance(told[-1], events.TurnCompleted)
    assert model.requests[-1].input[-1] == user("Sum it up.")
    assert talk.session.history[0] == PLACE
    talk.submit("more")
    assert model.requests[-1].input[-1] == user("more")


def test_one_output_takes_no_more_than_its_share_of_the_window() -> None:
    model = ScriptedModel(looking(0), [said("done"), uncounted()], window=WINDOW)
    numbers = "\n".join(map(str, range(10_000)))
    Talk(model, look=lambda _: Output(numbers)).submit()
    output = model.requests[-1].input[-1]
    assert isinstance(output, FunctionCallOutput)
    assert len(str(output.output)) < 500
    assert str(output.output).startswith("0\n1\n2")


def test_people_may_let_an_output_take_more() -> None:
    model = ScriptedModel(looking(0), [said("done"), uncounted()], window=WINDOW)
    text = "word " * 600
    Talk(model, Limits(output=1000), look=lambda _: Output(text)).submit()
    assert model.requests[-1].input[-1] == FunctionCallOutput(call_id="c0", output=text)


def test_new_items_are_handed_out_once() -> None:
    model = ScriptedModel([said("a"), uncounted()], [said("b"), uncounted()])
    talk = Talk(model)
    talk.submit("one")
    assert talk.session.newly_kept()[:2] == [PLACE, user("one")]
    talk.submit("two")
    assert [type(item).__name__ for item in talk.session.newly_kept()] == [
        "Message"
    ] * 2
    assert talk.session.newly_kept() == []


def test_a_turn_costs_the_same_however_many_were_before() -> None:
    def steps(number: int) -> list[Script]:
        return [looking(number), [said(f"answer {number}"), uncounted()]]

    model = ScriptedModel(*(s for n in range(200) for s in steps(n)), window=1 << 20)
    talk = Talk(model, look=long)
    costs = [calls_of(lambda: talk.submit("go on")) for _ in range(200)]
    assert len(talk.session.history) == 801
    assert max(costs[150:]) <= 1.02 * max(costs[5:20])


def calls_of(work: Callable[[], object]) -> int:
    """Return how many of the agent's functions are called."""
    calls = 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and "/agent/" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def test_an_answer_alone_that_fills_the_window_says_what_is_wrong() -> None:
    cut = responses.IncompleteResponse(
        response=responses.Response(
            id="r",
            usage=responses.Usage(total_tokens=WINDOW),
            incomplete_details=responses.IncompleteDetails("max_output_tokens"),
        )
    )
    told = Talk(ScriptedModel([cut], window=WINDOW)).submit()
    assert "context window of 2,000 tokens is too small" in failed_with(told)


def test_a_cut_that_is_not_the_windows_is_told_as_it_is() -> None:
    told = Talk(ScriptedModel([cut_short("max_output_tokens")])).submit()
    assert failed_with(told) == (
        "Incomplete response returned, reason: max_output_tokens"
    )


def test_a_short_conversation_is_left_as_it_is() -> None:
    model = ScriptedModel([said("words"), uncounted()])
    talk = Talk(model)
    talk.submit()
    assert talk.compact() == [
        events.TurnStarted(),
        events.TurnCompleted(usage=events.TokenUsage()),
    ]
    assert len(talk.session.history) == 3
