import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from any_chunks import CALL, any_chunks, reasons, spoken
from chat_streams import (
    LS,
    PLAIN,
    SCHEMAS,
    call,
    delta,
    function_call,
    ids,
    message,
    reasoning,
    run,
    text,
    translator,
)
from codex_oss.errors import StreamCut
from codex_oss.facts import Fact, Reading
from codex_oss.items import (
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from codex_oss.wire.framing import SseDecoder
from response_grammar import DELTAS, check_grammar, items, last, meaning

# --- text --------------------------------------------------------------------------


def test_a_text_goes_through_all_its_events() -> None:
    response = responses.Response(id="resp_1", created_at=7, model="m")
    part = OutputText(text="")
    whole = OutputText(text="Hello you")
    where: dict[str, Any] = {"item_id": "msg_2", "output_index": 0, "content_index": 0}
    opened = Message(role="assistant", content=[], id="msg_2", status="in_progress")
    done = message("msg_2", "Hello you")
    ended = responses.Response(
        id="resp_1", created_at=7, model="m", status="completed", output=[done]
    )
    assert run(*text("Hello", " you")) == [
        responses.Created(sequence_number=0, response=response),
        responses.InProgress(sequence_number=1, response=response),
        responses.OutputItemAdded(sequence_number=2, output_index=0, item=opened),
        responses.ContentPartAdded(sequence_number=3, part=part, **where),
        responses.OutputTextDelta(sequence_number=4, delta="Hello", **where),
        responses.OutputTextDelta(sequence_number=5, delta=" you", **where),
        responses.OutputTextDone(sequence_number=6, text="Hello you", **where),
        responses.ContentPartDone(sequence_number=7, part=whole, **where),
        responses.OutputItemDone(sequence_number=8, output_index=0, item=done),
        responses.Completed(sequence_number=9, response=ended),
    ]


def test_text_is_told_as_it_comes() -> None:
    subject = translator()
    subject.start()
    for word in ("Hello", " you", " there"):
        chunk = chat.decode_chunk(json.dumps(delta(content=word)))
        assert chunk
        told = [e for e in subject.feed(chunk) if isinstance(e, DELTAS)]
        assert [e.delta for e in told] == [word]


def test_blank_lines_before_the_first_word_are_dropped() -> None:
    assert items(run(*text("\n", "\n\n", "  Hi\n"))) == [message("msg_2", "  Hi\n")]


def test_nothing_said_is_no_item() -> None:
    events = run(*text("", "\n "))
    assert items(events) == []
    assert last(events).status == "completed"


def test_the_first_events_can_be_had_before_the_first_chunk() -> None:
    subject = translator()
    assert [type(e) for e in subject.start()] == [
        responses.Created,
        responses.InProgress,
    ]
    assert subject.start() == []


def test_a_refusal_is_a_message_of_its_own() -> None:
    assert items(run(*text("Well."), delta(refusal="I wo"), delta(refusal="n't."))) == [
        message("msg_2", "Well."),
        Message(
            role="assistant",
            content=[Refusal(refusal="I won't.")],
            id="msg_3",
            status="completed",
        ),
    ]


# --- reasoning ---------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_told_as_summary_and_as_text(field: str) -> None:
    events = run(delta(**{field: "Let me"}), delta(**{field: " see"}), *text("Hi"))
    assert items(events) == [reasoning("rs_2", "Let me see"), message("msg_3", "Hi")]


def test_a_thought_goes_through_all_its_events() -> None:
    events = run(delta(reasoning="Hm"))
    item_id, whole = "rs_2", ReasoningText(text="Hm")
    where: Any = {"item_id": item_id, "output_index": 0, "content_index": 0}
    short: Any = {"item_id": item_id, "output_index": 0, "summary_index": 0}
    begun = Reasoning(id=item_id, status="in_progress")
    assert events[2:-1] == [
        responses.OutputItemAdded(sequence_number=2, output_index=0, item=begun),
        responses.ReasoningSummaryPartAdded(
            sequence_number=3, part=SummaryText(text=""), **short
        ),
        responses.ContentPartAdded(
            sequence_number=4, part=ReasoningText(text=""), **where
        ),
        responses.ReasoningSummaryTextDelta(sequence_number=5, delta="Hm", **short),
        responses.ReasoningTextDelta(sequence_number=6, delta="Hm", **where),
        responses.ReasoningTextDone(sequence_number=7, text="Hm", **where),
        responses.ContentPartDone(sequence_number=8, part=whole, **where),
        responses.ReasoningSummaryTextDone(sequence_number=9, text="Hm", **short),
        responses.ReasoningSummaryPartDone(
            sequence_number=10, part=SummaryText(text="Hm"), **short
        ),
        responses.OutputItemDone(
            sequence_number=11, output_index=0, item=reasoning(item_id, "Hm")
        ),
    ]
    frames = [msgspec.json.encode(event) for event in events[2:-1]]
    assert [responses.decode_event(frame) for frame in frames] == events[2:-1]


@pytest.mark.parametrize("tags", [("<think>", "</think>"), ("[THINK]", "[/THINK]")])
def test_thinking_in_the_text_is_taken_out(tags: tuple[str, str]) -> None:
    said = f"\n{tags[0]}\nLet me see{tags[1]}\n\nHi <think> there"
    expected = [reasoning("rs_2", "Let me see"), message("msg_3", "Hi <think> there")]
    assert items(run(*text(said))) == expected
    assert items(run(*text(*said))) == expected


def test_thinking_can_be_opened_by_the_template() -> None:
    quirks = Quirks(think_opened=True)
    expected = [reasoning("rs_2", "Let me see"), message("msg_3", "Hi")]
    said = "Let me see</think>Hi"
    assert items(run(*text(said), quirks=quirks)) == expected
    assert items(run(*text(*said), quirks=quirks)) == expected


def test_a_server_that_takes_thinking_out_itself_needs_no_closing_tag() -> None:
    events = run(
        delta(reasoning_content="Hm"), *text("Hi"), quirks=Quirks(think_opened=True)
    )
    assert items(events) == [reasoning("rs_2", "Hm"), message("msg_3", "Hi")]


def test_an_empty_thought_is_none() -> None:
    assert items(run(*text("<think>\n\n</think>\n\nHi"))) == [message("msg_2", "Hi")]
    assert items(run(delta(reasoning="\n"), *text("Hi"))) == [message("msg_2", "Hi")]


def test_thinking_that_never_ends_is_reasoning() -> None:
    assert items(run(*text("<think>Hm</th"))) == [reasoning("rs_2", "Hm</th")]


HERMES = f"<tool_call>{CALL}</tool_call>"
TAKEN_BACK = Message(
    role="assistant",
    content=[OutputText(text="")],
    id="msg_2",
    status="completed",
    phase="commentary",
)


def test_thinking_without_a_beginning_is_no_part_of_the_answer() -> None:
    said = "Let me see\n</think>\n\nHi"
    events = run(*text(*said))
    thought = "Let me see\n"
    assert items(events) == [
        TAKEN_BACK,
        reasoning("rs_3", thought),
        message("msg_4", "Hi"),
    ]
    assert items(run(*text(said))) == [
        reasoning("rs_2", thought),
        message("msg_3", "Hi"),
    ]


def test_a_call_may_follow_thinking_without_a_beginning() -> None:
    found = items(run(*text("Let me see\n", "</th", f"ink>{CALL}")))
    assert found[0] == TAKEN_BACK
    assert meaning(found) == [
        ("thought", "Let me see"),
        ("exec_command", '{"cmd":"ls"}'),
    ]


@pytest.mark.parametrize("said", ["Let `me`</think>Hi", "```\nLet\n```\n</think>Hi"])
def test_thinking_may_end_with_a_quote(said: str) -> None:
    for pieces in ([said], list(said)):
        found = meaning(items(run(*text(*pieces))))
        assert found == [
            ("thought", said.partition("</think>")[0].strip()),
            ("said", "Hi"),
        ]


def tells(said: str, quirks: Quirks, reason: str = "stop") -> bool | None:
    subject = translator(quirks=quirks)
    for body in (*text(*said), delta(reason)):
        chunk = chat.decode_chunk(json.dumps(body))
        assert chunk
        subject.feed(chunk)
    return subject.thought_unopened


@pytest.mark.parametrize(
    ("said", "known", "new"),
    [
        # An answer; what it tells where thinking was expected, and where not.
        ("Hm</think>Hi", True, True),
        ("Hm\n</think>\n\n" + CALL, True, True),
        ("<think>Hm</think>Hi", False, None),
        ("<think>Hm", False, None),
        ("Hi", False, None),
        ("", None, None),
    ],
)
def test_an_answer_tells_whether_the_template_begins_the_thinking(
    said: str, *, known: bool | None, new: bool | None
) -> None:
    assert tells(said, Quirks(think_opened=True)) is known
    assert tells(said, Quirks()) is new
    assert tells(said, Quirks(think_opened=True), "length") is None


@pytest.mark.parametrize(
    "said",
    [
        "The tag `</think>` ends it.",
        'Send "</think>" last.',
        "It is <think>…</think>.",
        "```\n</think>\n```",
    ],
)
def test_words_about_the_tag_are_words(said: str) -> None:
    for pieces in ([said], list(said)):
        assert items(run(*text(*pieces))) == [message("msg_2", said)]


EXPECTED = [
    ("Hm</think>Hi", "stop", [("thought", "Hm"), ("said", "Hi")]),
    ("\nHm\n</think>\n\nHi", "stop", [("thought", "Hm"), ("said", "Hi")]),
    ("</think>Hi", "stop", [("said", "Hi")]),
    ("<think>Hm</think>Hi", "stop", [("thought", "Hm"), ("said", "Hi")]),
    ("\n<thinking>Hm</thinking>Hi", "stop", [("thought", "Hm"), ("said", "Hi")]),
    ("Hi", "stop", [("said", "Hi")]),
    ("<b>Hi</b>", "stop", [("said", "<b>Hi</b>")]),
    ("Hi <think> there", "stop", [("said", "Hi <think> there")]),
    (
        f"Hm</think>{HERMES}",
        "stop",
        [("thought", "Hm"), ("exec_command", '{"cmd":"ls"}')],
    ),
    (
        f"Hi{HERMES}",
        "stop",
        [("said", "Hi"), ("exec_command", '{"cmd":"ls"}')],
    ),
    (CALL, "stop", [("exec_command", '{"cmd":"ls"}')]),
    ("Hm", "length", [("thought", "Hm")]),
    ("<think>Hm", "length", [("thought", "Hm")]),
    ("Hm</think>Hi", "length", [("thought", "Hm"), ("said", "Hi")]),
]
"""Answers where thinking was expected, how they end, and what is told of them."""


@pytest.mark.parametrize(("said", "reason", "told"), EXPECTED)
def test_where_thinking_was_expected_the_answer_is_still_told_once(
    said: str, reason: str, told: list[tuple[str, str]]
) -> None:
    quirks = Quirks(think_opened=True)
    for pieces in ([said], list(said)):
        assert meaning(items(run(*text(*pieces), reason=reason, quirks=quirks))) == told


def test_a_call_may_follow_thinking_that_was_expected() -> None:
    events = run(
        *text("Hm", "</think>\n"),
        call('{"cmd":"ls"}', name="exec_command", id="c"),
        reason="tool_calls",
        quirks=Quirks(think_opened=True),
    )
    assert meaning(items(events)) == [
        ("thought", "Hm"),
        ("exec_command", '{"cmd":"ls"}'),
    ]


def test_thinking_that_was_expected_is_told_as_it_comes() -> None:
    subject = translator(quirks=Quirks(think_opened=True))
    told: list[str] = []
    for body in text("<", "b", ">", "H", "m"):
        chunk = chat.decode_chunk(json.dumps(body))
        assert chunk
        events = subject.feed(chunk)
        deltas = [e for e in events if isinstance(e, responses.ReasoningTextDelta)]
        told.append("".join(event.delta for event in deltas))
    assert told == ["", "<b", ">", "H", "m"]


def test_a_text_that_only_resembles_a_tag_is_text() -> None:
    assert items(run(*text("<thin", "g>"))) == [message("msg_2", "<thing>")]
    assert items(run(*text("<thin"))) == [message("msg_2", "<thin")]


# --- endings -----------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "function_call", "eos", None])
def test_an_answer_that_ended_is_completed(reason: str | None) -> None:
    assert isinstance(run(*text("Hi"), reason=reason)[-1], responses.Completed)


@pytest.mark.parametrize(
    ("reason", "why"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_an_answer_that_was_cut_is_incomplete(reason: str, why: str) -> None:
    events = run(*text("Hi"), reason=reason)
    done = message("msg_2", "Hi", "incomplete")
    assert events[-1] == responses.IncompleteResponse(
        sequence_number=len(events) - 1,
        response=responses.Response(
            id="resp_1",
            created_at=7,
            model="m",
            status="incomplete",
            output=[done],
            incomplete_details=responses.IncompleteDetails(why),
        ),
    )


def test_of_a_cut_answer_only_whole_calls_are_handed_out() -> None:
    events = run(
        call(LS, name="exec_command", id="c1"),
        call('{"cmd": "rm -rf /tmp', name="exec_command", id="c2", index=1),
        reason="length",
    )
    assert items(events) == [function_call(2, LS, "c1")]


def test_a_server_that_gave_up_fails_the_response() -> None:
    response = last(run(*text("Hi"), reason="abort"))
    assert response.error == responses.ResponseError(
        "server_error", "the server stopped: finish_reason abort"
    )


def test_a_stream_that_stops_without_a_word_is_cut() -> None:
    subject = translator()
    chunk = chat.decode_chunk(json.dumps(delta(content="Hi")))
    assert chunk
    subject.feed(chunk)
    with pytest.raises(StreamCut, match=r"closed before response.completed"):
        subject.finish(clean=False)


def test_a_stream_may_stop_after_its_finish_reason() -> None:
    subject = translator()
    chunk = chat.decode_chunk(json.dumps(delta("stop", content="Hi")))
    assert chunk
    subject.feed(chunk)
    assert isinstance(subject.finish(clean=False)[-1], responses.Completed)


def test_an_error_in_the_stream_ends_it() -> None:
    subject = translator()
    error = chat.ChunkError("the prompt is long", "exceed_context_size_error", 400)
    events = subject.feed(error)
    check_grammar(events)
    assert last(events) == responses.Response(
        id="resp_1",
        created_at=7,
        model="m",
        status="failed",
        error=responses.ResponseError("context_length_exceeded", "the prompt is long"),
    )
    assert subject.feed(error) == []
    assert subject.finish(clean=False) == []


# --- counts ------------------------------------------------------------------------


def test_counts_come_after_the_end_of_the_text() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "prompt_tokens_details": {"cached_tokens": 8},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    subject = translator()
    counts: dict[str, Any] = {"choices": [], "usage": usage}
    for body in (delta("stop", content="Hi"), counts):
        chunk = chat.decode_chunk(json.dumps(body))
        assert chunk
        subject.feed(chunk)
    assert last(subject.finish(clean=True)).usage == responses.Usage(
        input_tokens=10,
        input_tokens_details=responses.InputTokensDetails(8),
        output_tokens=5,
        output_tokens_details=responses.OutputTokensDetails(2),
        total_tokens=15,
    )


def test_llamacpps_timings_fill_what_the_usage_leaves_open() -> None:
    timings = {"cache_n": 6, "prompt_n": 4, "predicted_n": 5}
    expected = responses.Usage(
        input_tokens=10,
        input_tokens_details=responses.InputTokensDetails(6),
        output_tokens=5,
        total_tokens=15,
    )
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    only = run(*text("Hi"), delta("stop") | {"timings": timings}, reason=None)
    both = run(delta("stop") | {"timings": timings, "usage": usage}, reason=None)
    assert last(only).usage == expected
    assert last(both).usage == expected


def test_progress_of_the_prompt_keeps_the_stream_alive() -> None:
    progress = {"prompt_progress": {"total": 9, "cache": 0, "processed": 4}}
    events = run({"choices": [], **progress}, *text("Hi"))
    assert [type(event) for event in events[:4]] == [
        responses.Created,
        responses.InProgress,
        responses.InProgress,
        responses.OutputItemAdded,
    ]


def test_how_far_the_prompt_is_read_is_told_once_for_each_tenth() -> None:
    facts: list[Fact] = []
    request = responses.Request(model="m", input=[])
    subject = Translator(request, ToolMap(), PLAIN, new_id=ids(), note=facts.append)
    for done in (0, *range(20, 1001)):
        progress = {"total": 1000, "cache": 20, "processed": done}
        chunk = chat.decode_chunk(
            json.dumps({"choices": [], "prompt_progress": progress})
        )
        assert chunk is not None
        assert subject.feed(chunk)
    assert facts == [
        Reading(processed=done, total=1000, cached=20) for done in range(0, 1001, 100)
    ]


@pytest.mark.parametrize("progress", [{}, {"total": 0, "processed": 5}, {"total": -1}])
def test_nonsense_about_the_prompt_is_told_at_most_once(progress: Any) -> None:
    facts: list[Fact] = []
    request = responses.Request(model="m", input=[])
    subject = Translator(request, ToolMap(), PLAIN, new_id=ids(), note=facts.append)
    chunk = chat.decode_chunk(json.dumps({"choices": [], "prompt_progress": progress}))
    assert chunk is not None
    subject.feed(chunk)
    subject.feed(chunk)
    assert len(facts) <= 1


# --- properties --------------------------------------------------------------------


@given(any_chunks, reasons, st.booleans())
def test_any_chunks_give_events_of_the_grammar(
    chunks: list[dict[str, Any]], reason: str | None, opened: Any
) -> None:
    events = run(*chunks, reason=reason, quirks=Quirks(think_opened=opened))
    broke = any("error" in chunk for chunk in chunks) or reason == "abort"
    status = "incomplete" if reason == "length" else "completed"
    assert last(events).status == ("failed" if broke else status)


@given(any_chunks, reasons, st.lists(st.integers(0, 4000), max_size=10))
def test_the_bytes_may_be_cut_anywhere(
    chunks: list[dict[str, Any]], reason: str | None, cuts: list[int]
) -> None:
    bodies = [
        json.dumps(chunk, ensure_ascii=False) for chunk in (*chunks, delta(reason))
    ]
    data = b"".join(b"data: %b\n\n" % body.encode() for body in bodies)
    at = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    frames, subject = SseDecoder(), translator()
    events: list[responses.Event] = []
    for start, end in pairwise(at):
        for frame in frames.feed(data[start:end]):
            chunk = chat.decode_chunk(frame.data)
            events += subject.feed(chunk) if chunk else []
    events += subject.finish(clean=True)
    assert events == run(*chunks, reason=reason)


@given(spoken, st.lists(st.integers(0, 100), max_size=10))
def test_the_text_may_be_cut_anywhere(said: str, cuts: list[int]) -> None:
    at = [0, *sorted(cut % (len(said) + 1) for cut in cuts), len(said)]
    pieces = [said[a:b] for a, b in pairwise(at)]
    assert meaning(items(run(*text(*pieces)))) == meaning(items(run(*text(said))))


@given(any_chunks, reasons, st.lists(st.integers(1, 4), max_size=12))
def test_chunks_that_come_at_once_mean_the_same(
    chunks: list[dict[str, Any]], reason: str | None, sizes: list[int]
) -> None:
    bodies = [*chunks, *([delta(reason)] if reason else [])]
    decoded = [chat.decode_chunk(json.dumps(body)) for body in bodies]
    left = [chunk for chunk in decoded if chunk]
    subject = translator()
    events = subject.start()
    for size in (*sizes, len(left)):
        events += subject.feed_all(left[:size])
        del left[:size]
    events += subject.finish(clean=True)
    check_grammar(events, SCHEMAS)
    assert meaning(items(events)) == meaning(items(run(*chunks, reason=reason)))
