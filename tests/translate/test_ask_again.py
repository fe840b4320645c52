import json
from typing import Any

import pytest
from hypothesis import given

from any_chunks import any_chunks, reasons
from chat_streams import (
    LS,
    PWD,
    TOOLS,
    call,
    delta,
    function_call,
    message,
    text,
    translator,
)
from codex_oss.items import CustomToolCall, FunctionCall
from codex_oss.translate.quirks import Mending, Quirks
from codex_oss.translate.repair import explain
from codex_oss.translate.request import asked_again
from codex_oss.translate.stream import Rejected, Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from response_grammar import DELTAS, check_grammar, items, last

ASKING = Quirks(mending=Mending(ask_again=True))
CUT_OFF = '{"cmd": "rm -rf /tm'
Chunks = list[dict[str, Any]]


def feed(subject: Translator, chunks: Chunks) -> list[responses.Event]:
    decoded = [chat.decode_chunk(json.dumps(chunk)) for chunk in chunks]
    return [event for chunk in decoded if chunk for event in subject.feed(chunk)]


def ask_twice(
    first: Chunks, second: Chunks, *, quirks: Quirks = ASKING, **fields: Any
) -> list[responses.Event]:
    """Translate an answer and, when it is asked for, the one after it."""
    subject = translator(quirks, **fields)
    events = [*feed(subject, first), *subject.finish(clean=True)]
    if subject.rejected:
        subject.again()
        events += [*feed(subject, second), *subject.finish(clean=True)]
    assert subject.rejected == []
    check_grammar(events, asked_again=True)
    return events


def reason(name: str, arguments: str) -> str:
    return explain(name, arguments, ToolMap(TOOLS).schemas)


# --- what is kept back ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nobody", "{}"),
        ("exec_command", CUT_OFF),
        ("exec_command", "{}"),
        ("exec_command", ""),
        ("exec_command", '{"timeout": 3}'),
        ("apply_patch", ""),
    ],
)
def test_a_call_beyond_mending_is_kept_back(name: str, arguments: str) -> None:
    subject = translator(ASKING)
    events = feed(subject, [call(arguments, name=name, id="c1"), delta("tool_calls")])
    events += subject.finish(clean=True)
    assert items(events) == []
    assert not isinstance(events[-1], responses.Completed)
    assert subject.rejected == [
        Rejected("c1", name, arguments, reason(name, arguments))
    ]
    assert subject.said == chat.Assistant(
        content="", tool_calls=[chat.ToolCall("c1", chat.ToolFunction(name, arguments))]
    )


def test_calls_that_can_be_mended_are_not_asked_for_again() -> None:
    first = [call('{"command": "ls",}', name="shell", id="c1")]
    assert items(ask_twice(first, [])) == [function_call(2, '{"cmd":"ls"}', "c1")]


def test_of_a_cut_answer_nothing_is_asked_for_again() -> None:
    first = [call(CUT_OFF, name="exec_command", id="c1"), delta("length")]
    subject = translator(ASKING)
    events = [*feed(subject, first), *subject.finish(clean=True)]
    check_grammar(events)
    assert items(events) == []
    assert last(events).status == "incomplete"


def test_unasked_a_bad_call_goes_out_as_it_came() -> None:
    first = [call(CUT_OFF, name="exec_command", id="c1")]
    events = ask_twice(first, [], quirks=Quirks())
    assert items(events) == [function_call(2, CUT_OFF, "c1")]


# --- what the model is asked ---------------------------------------------------------


SENT = chat.Request(
    model="m",
    messages=[chat.User(content="Go")],
    tools=[chat.FunctionTool(chat.Function(name="exec_command", parameters={}))],
)


def test_the_model_is_shown_its_answer_and_the_reasons() -> None:
    subject = translator(ASKING)
    chunks = [
        *text("Looking."),
        call(LS, name="exec_command", id="c1"),
        call(CUT_OFF, name="exec_command", id="c2", index=1),
    ]
    feed(subject, chunks)
    subject.finish(clean=True)
    again = asked_again(SENT, subject.said, subject.rejected)
    assert again.messages[:1] == SENT.messages
    said, fine, wrong = again.messages[1:]
    broken = json.dumps({"arguments": CUT_OFF}, separators=(",", ":"))
    assert said == chat.Assistant(
        content="Looking.",
        tool_calls=[
            chat.ToolCall("c1", chat.ToolFunction("exec_command", LS)),
            chat.ToolCall("c2", chat.ToolFunction("exec_command", broken)),
        ],
    )
    assert isinstance(fine, chat.Tool)
    assert "will run" in fine.content
    assert isinstance(wrong, chat.Tool)
    assert wrong.tool_call_id == "c2"
    assert wrong.content.startswith(reason("exec_command", CUT_OFF))


def test_reasoning_goes_back_to_models_that_want_it() -> None:
    quirks = Quirks(mending=Mending(ask_again=True), reasoning_back="reasoning_content")
    subject = translator(quirks)
    feed(subject, [delta(reasoning_content="Hm"), call("{}", name="nobody", id="c1")])
    subject.finish(clean=True)
    assert subject.said.reasoning_content == "Hm"


def test_without_tools_calls_and_reasons_are_text() -> None:
    sent = chat.Request(model="m", messages=[chat.User(content="Go")])
    made = chat.ToolCall("c1", chat.ToolFunction("nobody", "{}"))
    said = chat.Assistant(content="", tool_calls=[made])
    again = asked_again(sent, said, [Rejected("c1", "nobody", "{}", "No such tool.")])
    answer, why = again.messages[1:]
    assert answer == chat.Assistant(content='{"tool":"nobody","arguments":{}}')
    assert isinstance(why, chat.User)
    assert str(why.content).startswith("No such tool.\n")


# --- the second answer ---------------------------------------------------------------


def test_the_second_answer_completes_the_call_that_was_announced() -> None:
    first = [call(CUT_OFF, name="exec_command", id="c1")]
    second = [*text("Sorry. "), call(LS, name="exec_command", id="c7")]
    events = ask_twice(first, second)
    assert items(events) == [function_call(2, LS, "c1"), message("msg_3", "Sorry. ")]
    told = [e.delta for e in events if isinstance(e, DELTAS)]
    assert told == [CUT_OFF, "", "", "Sorry. "]


def test_another_tool_may_complete_it() -> None:
    first = [call("{}", name="exec_command", id="c1")]
    second = [call("{}", name="echo", id="c7")]
    assert items(ask_twice(first, second)) == [
        function_call(2, "{}", "c1", "echo", namespace="mcp__demo")
    ]


def test_a_call_of_another_kind_does_not_complete_it() -> None:
    first = [call("{}", name="exec_command", id="c1")]
    patch = "*** Begin Patch\n*** End Patch"
    second = [call(json.dumps({"input": patch}), name="apply_patch", id="c7")]
    assert items(ask_twice(first, second)) == [
        function_call(2, "{}", "c1"),
        CustomToolCall(
            id="ctc_3",
            call_id="c7",
            name="apply_patch",
            input=patch,
            status="completed",
        ),
    ]


def test_a_call_that_nobody_heard_of_is_replaced_by_what_comes() -> None:
    first = [call("{}", name="nobody", id="c1")]
    assert items(ask_twice(first, text("I cannot."))) == [message("msg_2", "I cannot.")]
    second = [call(LS[:5], name="exec_command", id="c7"), call(LS[5:])]
    events = ask_twice(first, second)
    assert items(events) == [function_call(2, LS, "c7")]
    assert [e.delta for e in events if isinstance(e, DELTAS)] == [LS[:5], LS[5:]]


@pytest.mark.parametrize("name", ["nobody", "exec_command"])
def test_without_a_second_answer_the_client_says_what_is_wrong(name: str) -> None:
    first = [call("{}", name=name, id="c1")]
    assert items(ask_twice(first, [])) == [function_call(2, "{}", "c1", name)]


def test_a_second_answer_that_is_bad_goes_out_as_it_is() -> None:
    first = [call("{}", name="exec_command", id="c1")]
    second = [call(CUT_OFF, name="exec_command", id="c7")]
    assert items(ask_twice(first, second)) == [function_call(2, CUT_OFF, "c1")]


def test_a_second_answer_in_words_follows_the_call_that_was_announced() -> None:
    first = [call("{}", name="exec_command", id="c1")]
    assert items(ask_twice(first, text("I can", "not."))) == [
        function_call(2, "{}", "c1"),
        message("msg_3", "I cannot."),
    ]


def test_a_second_answer_that_is_cut_leaves_the_bad_call_open() -> None:
    first = [call("{}", name="exec_command", id="c1")]
    second = [call('{"cmd": "l', name="exec_command", id="c7"), delta("length")]
    events = ask_twice(first, second)
    assert items(events) == []
    assert last(events).status == "incomplete"


def test_good_calls_are_not_run_twice() -> None:
    first = [
        call(LS, name="exec_command", id="c1"),
        call("{}", name="exec_command", id="c2", index=1),
    ]
    second = [
        call(LS, name="exec_command", id="c7"),
        call(PWD, name="exec_command", id="c8", index=1),
    ]
    assert items(ask_twice(first, second)) == [
        function_call(2, LS, "c1"),
        function_call(3, PWD, "c2"),
    ]


def test_good_calls_behind_a_bad_one_keep_their_order() -> None:
    first = [
        call("{}", name="exec_command", id="c1"),
        call(LS, name="exec_command", id="c2", index=1),
    ]
    second = [call(PWD, name="exec_command", id="c7")]
    assert items(ask_twice(first, second)) == [
        function_call(2, PWD, "c1"),
        function_call(3, LS, "c2"),
    ]


def test_tokens_of_both_answers_are_counted() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 4}}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, **details}
    counted: Chunks = [{"choices": [], "usage": usage}]
    first = [call("{}", name="exec_command", id="c1"), *counted]
    second = [call(LS, name="exec_command", id="c7"), *counted]
    assert last(ask_twice(first, second)).usage == responses.Usage(
        input_tokens=20,
        input_tokens_details=responses.InputTokensDetails(8),
        output_tokens=10,
        total_tokens=30,
    )


def test_a_constrained_call_is_asked_for_again() -> None:
    quirks = Quirks(tool_mode="constrained", mending=Mending(ask_again=True))
    first = text('{"tool": "exec_command", "arguments": {}}')
    second = text('{"tool": "exec_command", "arguments": {"cmd": "ls"}}')
    [item] = items(ask_twice(first, second, quirks=quirks))
    assert isinstance(item, FunctionCall)
    assert item.arguments == LS


@given(any_chunks, any_chunks, reasons, reasons)
def test_any_two_answers_give_events_of_the_grammar(
    first: Chunks, second: Chunks, one: str | None, two: str | None
) -> None:
    quirks = Quirks(mending=Mending(ask_again=True, emulate=True))
    ends = ([delta(one)] if one else [], [delta(two)] if two else [])
    ask_twice([*first, *ends[0]], [*second, *ends[1]], quirks=quirks)


# --- calls when none may come --------------------------------------------------------


NO_CALLS = "No tool can be called now: answer in words."


def test_forbidden_calls_alone_are_answered_with_the_word_that_none_may_come() -> None:
    subject = translator(ASKING, tool_choice="none")
    events = feed(subject, [call(LS[:5], name="exec_command", id="c1"), call(LS[5:])])
    events += subject.finish(clean=True)
    assert items(events) == []
    assert not isinstance(events[-1], responses.Completed)
    again = asked_again(SENT, subject.said, subject.rejected)
    made = chat.ToolCall("c1", chat.ToolFunction("exec_command", LS))
    assert again.messages == [
        *SENT.messages,
        chat.Assistant(content="", tool_calls=[made]),
        chat.Tool(tool_call_id="c1", content=NO_CALLS),
    ]
    subject.again()
    events = [*feed(subject, text("A summary.")), *subject.finish(clean=True)]
    assert items(events) == [message("msg_2", "A summary.")]
    assert last(events).status == "completed"


def test_after_a_second_answer_of_forbidden_calls_there_is_one_more_try() -> None:
    subject = translator(ASKING, tool_choice="none")
    for left in (1, 1, 0):
        events = feed(subject, [call(LS, name="exec_command")])
        events += subject.finish(clean=True)
        assert len(subject.rejected) == left
        if left:
            subject.again()
    assert items(events) == []
    assert last(events).status == "completed"


@pytest.mark.parametrize(
    ("chunks", "quirks"),
    [
        ([*text("Said."), call(LS, name="exec_command", id="c1")], ASKING),
        ([call(LS, name="exec_command", id="c1"), *text("Said.")], ASKING),
        ([call(LS, name="exec_command", id="c1"), delta("length")], ASKING),
        ([call(LS, name="exec_command", id="c1")], Quirks()),
        ([call(LS, id="c1")], ASKING),
        ([], ASKING),
    ],
    ids=["words", "words behind", "cut", "not to be asked", "no name", "nothing"],
)
def test_forbidden_calls_are_dropped_where_there_is_nothing_to_ask(
    chunks: Chunks, quirks: Quirks
) -> None:
    subject = translator(quirks, tool_choice="none")
    events = [*feed(subject, chunks), *subject.finish(clean=True)]
    assert subject.rejected == []
    check_grammar(events)
    said = [message("msg_2", "Said.")] if text("Said.")[0] in chunks else []
    assert items(events) == said


@given(any_chunks, any_chunks, any_chunks)
def test_any_answers_without_calls_give_events_of_the_grammar(
    first: Chunks, second: Chunks, third: Chunks
) -> None:
    subject = translator(ASKING, tool_choice="none")
    events: list[responses.Event] = []
    for chunks in (first, second, third):
        events += [*feed(subject, chunks), *subject.finish(clean=True)]
        if not subject.rejected:
            break
        subject.again()
    check_grammar(events, asked_again=True)
