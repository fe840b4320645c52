"""Whole response objects and the frames of their streams."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codex_oss.bridge.full import Frame, encode_event
from codex_oss.items import (
    FunctionCall,
    InputText,
    Message,
    OutputText,
    Reasoning,
    ReasoningText,
    SummaryText,
    Unknown,
)
from codex_oss.wire import responses

# The required properties of the Open Responses spec's `ResponseResource`
# (schema/components/schemas/ResponseResource.json, commit 3452c012).
REQUIRED = {
    "id", "object", "created_at", "completed_at", "status", "incomplete_details",
    "model", "previous_response_id", "instructions", "output", "error", "tools",
    "tool_choice", "truncation", "parallel_tool_calls", "text", "top_p",
    "presence_penalty", "frequency_penalty", "top_logprobs", "temperature",
    "reasoning", "user", "usage", "max_output_tokens", "max_tool_calls", "store",
    "background", "service_tier", "metadata", "safety_identifier",
    "prompt_cache_key",
}  # fmt: skip


class Times:
    """A clock that goes on by ten seconds whenever somebody looks."""

    def __init__(self) -> None:
        self._now = 990.5

    def __call__(self) -> float:
        self._now += 10
        return self._now


def frame(request: responses.Request, extras: responses.Extras | None = None) -> Frame:
    return Frame(
        request,
        extras or responses.Extras(),
        response_id="resp_1",
        now=Times(),
        store=True,
    )


def plain() -> responses.Request:
    return responses.Request(model="tiny", input=[])


def loads(data: bytes) -> dict[str, Any]:
    return msgspec.json.decode(data, type=dict[str, Any])


def data_of(frame: bytes) -> dict[str, Any]:
    head, data = frame.removesuffix(b"\n\n").split(b"\ndata: ")
    assert data.count(b"\n") == 0
    event = loads(data)
    assert head == b"event: " + event["type"].encode()
    return event


BLANK: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1000,
    "completed_at": None,
    "status": "in_progress",
    "background": False,
    "error": None,
    "frequency_penalty": 0.0,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "model": "tiny",
    "output": [],
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
}


def test_a_response_has_every_field_of_the_spec_though_the_request_named_none() -> None:
    whole = loads(frame(plain()).encode(frame(plain()).blank))
    assert whole == BLANK
    assert whole.keys() >= REQUIRED


def test_a_response_repeats_what_was_asked() -> None:
    tool = responses.FunctionTool(name="look", parameters={"type": "object"})
    schema: dict[str, Any] = {"type": "json_schema", "name": "n", "schema": {}}
    request = responses.Request(
        model="tiny",
        input=[],
        instructions="Be brief.",
        tools=[tool, Unknown(b'{"type":"web_search"}')],
        tool_choice={"type": "function", "name": "look"},
        parallel_tool_calls=False,
        reasoning=responses.ReasoningParams(effort="low"),
        text=responses.TextParams(format=schema, verbosity="low"),
        max_output_tokens=7,
        temperature=0.0,
        top_p=0.5,
        prompt_cache_key="k",
        previous_response_id="resp_0",
        metadata={"a": "b"},
    )
    extras = responses.Extras(
        background=True,
        frequency_penalty=0.25,
        max_tool_calls=3,
        presence_penalty=-0.5,
        safety_identifier="s",
        truncation="auto",
        user="u",
    )
    whole = frame(request, extras)
    assert loads(whole.encode(whole.blank)) == {
        **BLANK,
        "background": True,
        "frequency_penalty": 0.25,
        "instructions": "Be brief.",
        "max_output_tokens": 7,
        "max_tool_calls": 3,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "presence_penalty": -0.5,
        "previous_response_id": "resp_0",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": None},
        "safety_identifier": "s",
        "temperature": 0.0,
        "text": {
            "format": {"description": None, "strict": False, **schema},
            "verbosity": "low",
        },
        "tool_choice": {"type": "function", "name": "look"},
        "tools": [
            {
                "type": "function",
                "name": "look",
                "description": None,
                "parameters": {"type": "object"},
                "strict": None,
            },
            {"type": "web_search"},
        ],
        "top_p": 0.5,
        "truncation": "auto",
        "user": "u",
    }


def test_a_lean_response_leaves_out_what_makes_requests_long() -> None:
    tool = responses.FunctionTool(name="long", description="d" * 40_000)
    request = replace(plain(), instructions="i" * 40_000, tools=[tool])
    lean = Frame(
        request,
        responses.Extras(),
        response_id="resp_1",
        now=Times(),
        store=True,
        lean=True,
    )
    assert loads(lean.encode(lean.blank)) == BLANK
    assert len(lean.encode(lean.blank)) < 1000


def test_a_completed_response_says_when_and_says_the_same_each_time() -> None:
    whole = frame(plain())
    text = OutputText(text="Hi", annotations=[{"type": "url_citation"}])
    ended = replace(
        whole.blank,
        status="completed",
        output=[
            Reasoning(
                id="rs_1",
                summary=[SummaryText(text="s")],
                content=[ReasoningText(text="t")],
                status="completed",
            ),
            Message(role="assistant", id="msg_1", status="completed", content=[text]),
            FunctionCall(id="fc_1", call_id="call_1", name="look", arguments="{}"),
        ],
        usage=responses.Usage(
            input_tokens=5,
            input_tokens_details=responses.InputTokensDetails(2),
            output_tokens=3,
            output_tokens_details=None,
            total_tokens=8,
        ),
    )
    first = whole.encode(ended)
    assert loads(first) == {
        **BLANK,
        "status": "completed",
        "completed_at": 1010,
        "output": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "s"}],
                "content": [{"type": "reasoning_text", "text": "t"}],
                "status": "completed",
            },
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {
                        "type": "output_text",
                        "text": "Hi",
                        "annotations": [{"type": "url_citation"}],
                        "logprobs": [],
                    }
                ],
            },
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "look",
                "arguments": "{}",
                "status": "completed",
            },
        ],
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 8,
        },
    }
    assert whole.encode(ended) == first


def test_life_events_hold_whole_responses() -> None:
    whole = frame(plain())
    error = responses.ResponseError("server_error", "it broke")
    cut = responses.IncompleteDetails("max_output_tokens")
    failed = replace(whole.blank, status="failed", error=error)
    incomplete = replace(whole.blank, status="incomplete", incomplete_details=cut)
    events = [
        responses.Created(response=whole.blank),
        responses.Failed(response=failed),
        responses.IncompleteResponse(response=incomplete),
    ]
    frames = [whole.life_event(event, n) for n, event in enumerate(events, 4)]
    assert [data_of(frame) for frame in frames] == [
        {"type": "response.created", "sequence_number": 4, "response": BLANK},
        {
            "type": "response.failed",
            "sequence_number": 5,
            "response": {
                **BLANK,
                "status": "failed",
                "error": {"code": "server_error", "message": "it broke"},
            },
        },
        {
            "type": "response.incomplete",
            "sequence_number": 6,
            "response": {
                **BLANK,
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
            },
        },
    ]


PLACE: dict[str, Any] = {"item_id": 'm"1', "output_index": 2}
IN_CONTENT: dict[str, Any] = {**PLACE, "content_index": 3}
IN_SUMMARY: dict[str, Any] = {**PLACE, "summary_index": 3}
PART: dict[str, Any] = {
    "type": "output_text",
    "text": "a\nb",
    "annotations": [],
    "logprobs": [],
}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            responses.OutputTextDelta(**IN_CONTENT, delta="a\nü"),
            {
                "type": "response.output_text.delta",
                **IN_CONTENT,
                "delta": "a\nü",
                "logprobs": [],
            },
        ),
        (
            responses.ReasoningTextDelta(**IN_CONTENT, delta="a"),
            {"type": "response.reasoning_text.delta", **IN_CONTENT, "delta": "a"},
        ),
        (
            responses.ReasoningSummaryTextDelta(**IN_SUMMARY, delta="a"),
            {
                "type": "response.reasoning_summary_text.delta",
                **IN_SUMMARY,
                "delta": "a",
            },
        ),
        (
            responses.FunctionCallArgumentsDelta(**PLACE, delta='{"'),
            {"type": "response.function_call_arguments.delta", **PLACE, "delta": '{"'},
        ),
        (
            responses.CustomToolCallInputDelta(**PLACE, delta="*** "),
            {"type": "response.custom_tool_call_input.delta", **PLACE, "delta": "*** "},
        ),
        (
            responses.OutputTextDone(**IN_CONTENT, text="a"),
            {
                "type": "response.output_text.done",
                **IN_CONTENT,
                "text": "a",
                "logprobs": [],
            },
        ),
        (
            responses.ContentPartAdded(**IN_CONTENT, part=OutputText(text="a\nb")),
            {"type": "response.content_part.added", **IN_CONTENT, "part": PART},
        ),
        (
            responses.ContentPartDone(**IN_CONTENT, part=InputText(text="a")),
            {
                "type": "response.content_part.done",
                **IN_CONTENT,
                "part": {"type": "input_text", "text": "a"},
            },
        ),
        (
            responses.OutputItemAdded(
                output_index=1,
                item=Message(role="assistant", content=[], id="m", status="x"),
            ),
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": {
                    "type": "message",
                    "id": "m",
                    "status": "x",
                    "role": "assistant",
                    "content": [],
                },
            },
        ),
        (
            responses.OutputItemAdded(output_index=1, item=Reasoning(id="rs_1")),
            {
                "type": "response.output_item.added",
                "output_index": 1,
                "item": {
                    "type": "reasoning",
                    "summary": [],
                    "id": "rs_1",
                },
            },
        ),
        (
            responses.OutputItemDone(output_index=1, item=Unknown(b'{"type":"new"}')),
            {
                "type": "response.output_item.done",
                "output_index": 1,
                "item": {"type": "new"},
            },
        ),
        (
            responses.RefusalDone(**IN_CONTENT, refusal="no"),
            {"type": "response.refusal.done", **IN_CONTENT, "refusal": "no"},
        ),
        (
            Unknown(b'{"type":"a\\nb","sequence_number":1,"x":[1]}'),
            {"type": "a\nb", "x": [1]},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_is_one_frame_with_every_field_of_the_spec(
    event: responses.Event, fields: dict[str, Any]
) -> None:
    head, data = encode_event(event, 41).removesuffix(b"\n\n").split(b"\ndata: ")
    assert head == b"event: " + " ".join(fields["type"].split()).encode()
    assert loads(data) == {"sequence_number": 41, **fields}
    assert b"\n" not in data


def test_an_unknown_event_without_a_type_is_left_out() -> None:
    assert encode_event(Unknown(b"[1]"), 1) == b""


@given(text=st.text(), item_id=st.text(), number=st.integers(0, 10**9))
def test_no_text_breaks_a_frame(text: str, item_id: str, number: int) -> None:
    event = responses.OutputTextDelta(item_id=item_id, delta=text)
    told = data_of(encode_event(event, number))
    assert (told["item_id"], told["delta"]) == (item_id, text)
    assert told["sequence_number"] == number
