"""Streams and responses as the ``openai`` package reads them."""

import asyncio
import functools
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from any_chunks import any_chunks, reasons
from chat_streams import TOOLS, delta, ids
from codex_oss.bridge.full import Frame, encode_event
from codex_oss.bridge.running import Running
from codex_oss.bridge.store import Kept, open_store
from codex_oss.bridge.stored import Stored
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.stream import Translator
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

pytest.importorskip("openai", reason="the package `openai` is not installed")

LOOK = responses.FunctionTool(
    name="look", parameters={"type": "object", "properties": {}}, strict=True
)
REQUEST = responses.Request(
    model="tiny",
    input=[],
    instructions="Be brief.",
    tools=[LOOK],
    reasoning=responses.ReasoningParams(effort="low"),
    metadata={"k": "v"},
)
CALL = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{"}}
REST_OF_CALL = {"index": 0, "function": {"arguments": "}"}}
USAGE = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}


def chunk(delta: dict[str, Any], reason: str | None = None, **more: object) -> bytes:
    choice = {"delta": delta, "finish_reason": reason}
    return msgspec.json.encode({"choices": [choice], **more})


CHUNKS = [
    chunk({"reasoning_content": "Hm"}),
    chunk({"reasoning_content": "m."}),
    chunk({"content": "One "}),
    chunk({"content": "two."}),
    chunk({"tool_calls": [CALL]}),
    chunk({"tool_calls": [REST_OF_CALL]}),
    chunk({}, "tool_calls", usage=USAGE),
]


class Recording:
    """The frames of one answer, and its last response."""

    def __init__(self, *chunks: bytes, request: responses.Request = REQUEST) -> None:
        translator = Translator(
            request, ToolMap(request.tools or []), Quirks(), new_id=ids()
        )
        self.frame = Frame(
            request,
            responses.Extras(),
            response_id="resp_9",
            now=lambda: 1e9,
            store=True,
        )
        events = translator.start()
        for data in chunks:
            read = chat.decode_chunk(data)
            assert read is not None
            events += translator.feed(read)
        events += translator.finish(clean=True)
        self.frames = [self._encode(event, n) for n, event in enumerate(events)]

    def _encode(self, event: responses.Event, number: int) -> bytes:
        match event:
            case responses.Created() | responses.InProgress():
                blank = type(event)(response=self.frame.blank)
                return self.frame.life_event(blank, number)
            case (
                responses.Completed()
                | responses.Failed()
                | responses.IncompleteResponse()
            ):
                self.response = event.response
                return self.frame.life_event(event, number)
            case _:
                return encode_event(event, number)


@functools.cache  # to build one takes a second
def strict(kind: Any) -> Any:
    return importlib.import_module("pydantic").TypeAdapter(kind)


def stream_of(frames: list[bytes]) -> Iterator[Any]:
    """Return what ``client.responses.stream`` yields for these frames."""
    openai = importlib.import_module("openai")
    http = importlib.import_module("httpx2")

    def answer(_: object) -> Any:
        headers = {"content-type": "text/event-stream"}
        return http.Response(200, headers=headers, content=b"".join(frames))

    transport = http.Client(transport=http.MockTransport(answer))
    with (
        openai.OpenAI(
            api_key="k", base_url="http://model.test/v1", http_client=transport
        ) as client,
        client.responses.stream(
            model="tiny",
            input="hi",
            tools=[msgspec.to_builtins(LOOK)],
        ) as stream,
    ):
        yield from stream
        yield stream.get_final_response()


def test_each_event_is_one_that_the_package_declares() -> None:
    types = importlib.import_module("openai.types.responses")
    union = strict(types.ResponseStreamEvent)
    frames = Recording(*CHUNKS).frames
    for number, frame in enumerate(frames):
        data = frame.partition(b"\ndata: ")[2]
        event = union.validate_json(data, strict=True)
        assert event.type == msgspec.json.decode(data)["type"]
        assert event.sequence_number == number


@given(any_chunks, reasons)
@settings(max_examples=15, deadline=None)
def test_whatever_a_server_says_becomes_events_that_the_package_adds_up(
    chunks: list[dict[str, Any]], reason: str | None
) -> None:
    types = importlib.import_module("openai.types.responses")
    union = strict(types.ResponseStreamEvent)
    said = [msgspec.json.encode(body) for body in (*chunks, delta(reason))]
    request = replace(REQUEST, tools=TOOLS)
    recording = Recording(*said, request=request)
    for frame in recording.frames:
        union.validate_json(frame.partition(b"\ndata: ")[2], strict=True)
    if recording.response.status == "completed":
        *_, final = stream_of(recording.frames)
        kept = msgspec.json.decode(recording.frame.encode(recording.response))
        kinds = [item["type"] for item in kept["output"]]
        assert [item.type for item in final.output] == kinds


def test_the_whole_response_is_one_that_the_package_declares() -> None:
    types = importlib.import_module("openai.types.responses")
    recording = Recording(*CHUNKS)
    body = recording.frame.encode(recording.response)
    response = strict(types.Response).validate_json(body, strict=True)
    assert response.output_text == "One two."
    assert response.usage.total_tokens == 10
    assert response.model_extra == {
        "presence_penalty": 0.0, "frequency_penalty": 0.0, "store": True,
    }  # fmt: skip
    assert response.tools[0].model_dump(exclude_none=True) == {
        "type": "function",
        "name": "look",
        "parameters": {"type": "object", "properties": {}},
        "strict": True,
    }


def test_the_packages_stream_adds_up_to_the_same_response() -> None:
    recording = Recording(*CHUNKS)
    *events, final = stream_of(recording.frames)
    texts = [e.snapshot for e in events if e.type == "response.output_text.delta"]
    assert texts == ["One ", "One two."]
    calls = [
        e.snapshot for e in events if e.type == "response.function_call_arguments.delta"
    ]
    assert calls == ["{", "{}"]
    assert [item.type for item in final.output] == [
        "reasoning",
        "message",
        "function_call",
    ]
    assert final.output_text == "One two."
    assert final.output[2].parsed_arguments == {}
    assert (final.id, final.status) == ("resp_9", "completed")


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (chunk({}, "length"), "incomplete"),
        (b'{"error":{"code":500,"message":"broke"}}', "failed"),
    ],
)
def test_answers_that_do_not_complete_are_declared_ones(
    end: bytes, status: str
) -> None:
    types = importlib.import_module("openai.types.responses")
    recording = Recording(*CHUNKS[:4], end)
    last = recording.frames[-1].partition(b"\ndata: ")[2]
    event = strict(types.ResponseStreamEvent).validate_json(last, strict=True)
    assert (event.type, event.response.status) == (f"response.{status}", status)


def test_listed_input_items_are_ones_that_the_package_declares() -> None:
    types = importlib.import_module("openai.types.responses.response_item_list")
    given: list[dict[str, Any]] = [
        {"type": "message", "role": "user", "content": [text_part("hi")]},
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "assistant", "content": [said_part("Yes.")]},
        {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "done"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "edit", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "done"},
        {"type": "reasoning", "summary": [], "content": None},
    ]
    request = responses.decode_request(
        msgspec.json.encode({"model": "tiny", "input": given})
    )
    kept = Kept(
        id="resp_1",
        created_at=0,
        owner="",
        response=b"{}",
        input_items=responses.encode(request.input),
    )

    async def listed() -> bytes:
        store = open_store("memory", folder=Path(), now=lambda: 0)
        await store.put(kept)
        stored = Stored(store, Running(store, lambda kept_id, error: None))
        status, body = await stored.input_items("resp_1", "", {"order": "asc"})
        assert status == 200
        return body

    page = strict(types.ResponseItemList).validate_json(
        asyncio.run(listed()), strict=True
    )
    expected = [item.get("type", "message") for item in given]
    assert [item.type for item in page.data] == expected
    assert (page.first_id, page.last_id) == ("msg_1_0", "item_1_7")


def text_part(text: str) -> dict[str, Any]:
    return {"type": "input_text", "text": text}


def said_part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}
