import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.wire import chat
from codex_oss.wire.chat import (
    CallDelta,
    Choice,
    Chunk,
    ChunkError,
    CompletionTokensDetails,
    Delta,
    FunctionDelta,
    PromptProgress,
    PromptTokensDetails,
    Timings,
    Usage,
    decode_chunk,
    decode_completion,
)


def said(reason: str | None = None, **delta: object) -> Chunk:
    return Chunk(choices=[Choice(msgspec.convert(delta, Delta), reason)])


def called(*calls: CallDelta) -> Chunk:
    return Chunk(choices=[Choice(Delta(tool_calls=list(calls)))])


def choice(**fields: object) -> dict[str, object]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [fields]}


CALL = {"index": 0, "id": "c1", "type": "function"}
FUNCTION = FunctionDelta("ls", '{"a":1}')
CHUNKS: dict[str, tuple[object, Chunk | ChunkError | None]] = {
    "text": (
        choice(index=0, delta={"content": "Hi"}, finish_reason=None),
        said(content="Hi"),
    ),
    "role only": (choice(delta={"role": "assistant", "content": None}), said()),
    "an end": (choice(delta={}, finish_reason="stop"), said("stop")),
    "thinking, as llama.cpp names it": (
        choice(delta={"reasoning_content": "Hm"}),
        said(reasoning_content="Hm"),
    ),
    "thinking, as Ollama names it": (
        choice(delta={"content": "", "reasoning": "Hm"}),
        said(content="", reasoning="Hm"),
    ),
    "a refusal": (choice(delta={"refusal": "No"}), said(refusal="No")),
    "a call": (
        choice(
            delta={
                "tool_calls": [
                    {**CALL, "function": {"name": "ls", "arguments": '{"a":1}'}}
                ]
            }
        ),
        called(CallDelta(0, "c1", FUNCTION)),
    ),
    "a call's arguments as an object": (
        choice(
            delta={
                "tool_calls": [
                    {**CALL, "function": {"name": "ls", "arguments": {"a": 1}}}
                ]
            }
        ),
        called(CallDelta(0, "c1", FUNCTION)),
    ),
    "a call without function around it": (
        choice(delta={"tool_calls": [{"id": 7, "name": "ls", "arguments": '{"a":1}'}]}),
        called(CallDelta(None, "7", FUNCTION)),
    ),
    "one call that is not in a list": (
        choice(
            delta={
                "tool_calls": {
                    "index": "1",
                    "function": {"name": "ls", "arguments": None},
                }
            }
        ),
        called(CallDelta(1, None, FunctionDelta("ls", None))),
    ),
    "no calls": (
        choice(delta={"content": "Hi", "tool_calls": None}),
        said(content="Hi"),
    ),
    "content as parts": (
        choice(
            delta={"content": [{"type": "text", "text": "H"}, "i", {"type": "image"}]}
        ),
        said(content="Hi"),
    ),
    "content with Mistral's thinking": (
        choice(
            delta={
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}
                ]
            }
        ),
        said(reasoning_content="Hm"),
    ),
    "message in place of delta": (
        choice(message={"content": "Hi"}, finish_reason="stop"),
        said("stop", content="Hi"),
    ),
    "text in place of delta": (choice(text="Hi", delta=None), said(content="Hi")),
    "a reason as an object": (
        choice(delta={}, finish_reason={"type": "stop"}),
        said("stop"),
    ),
    "wrong types everywhere": (
        {
            "choices": [
                {
                    "delta": {"content": 7, "tool_calls": [3], "refusal": []},
                    "finish_reason": [],
                }
            ],
            "usage": 5,
        },
        Chunk(choices=[Choice(Delta(tool_calls=[CallDelta()]))]),
    ),
    "counts": (
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": "5",
                "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": None},
            },
        },
        Chunk(
            usage=Usage(
                10, 5, 15, PromptTokensDetails(8), CompletionTokensDetails(None)
            )
        ),
    ),
    "llama.cpp's timings": (
        {
            **choice(delta={}, finish_reason="stop"),
            "timings": {
                "cache_n": 3,
                "prompt_n": 1,
                "prompt_ms": 2.5,
                "predicted_n": 9,
            },
        },
        Chunk(
            choices=[Choice(Delta(), "stop")],
            timings=Timings(cache_n=3, prompt_n=1, predicted_n=9),
        ),
    ),
    "llama.cpp's progress": (
        {
            "choices": [],
            "prompt_progress": {
                "total": 100,
                "cache": 20,
                "processed": 60,
                "time_ms": 1500,
            },
        },
        Chunk(prompt_progress=PromptProgress(100, 20, 60, 1500)),
    ),
    "an error object": (
        {
            "error": {
                "message": "too long",
                "type": "exceed_context_size_error",
                "code": 400,
            }
        },
        ChunkError("too long", "exceed_context_size_error", 400),
    ),
    "an error string": ({"error": "it broke"}, ChunkError("it broke")),
    "an error beside choices": (
        {
            **choice(delta={"content": ""}),
            "error": {"message": "it broke", "code": "bad"},
        },
        ChunkError("it broke", "bad"),
    ),
    "an error as the body": (
        {
            "object": "error",
            "message": "it broke",
            "type": "BadRequestError",
            "code": 400,
        },
        ChunkError("it broke", "BadRequestError", 400),
    ),
    "an error as FastAPI has it": ({"detail": "Not Found"}, ChunkError("Not Found")),
    "an error in a list": (
        [{"error": {"message": "it broke"}}],
        ChunkError("it broke"),
    ),
    "an error without words": ({"error": {"n": 1}}, ChunkError('{"n":1}')),
    "no error": (
        {**choice(delta={"content": "Hi"}), "error": None},
        said(content="Hi"),
    ),
    "the word error in the text": (
        choice(delta={"content": '"error"'}),
        said(content='"error"'),
    ),
    "an empty object": ({}, None),
    "no choices": ({"choices": []}, None),
    "no object": (5, None),
}


@pytest.mark.parametrize(("body", "chunk"), CHUNKS.values(), ids=CHUNKS.keys())
def test_a_chunk_is_read(body: object, chunk: Chunk | ChunkError | None) -> None:
    text = json.dumps(body)
    assert decode_chunk(text) == chunk
    assert decode_chunk(text.encode()) == chunk


@pytest.mark.parametrize(
    "data", ["", "[DONE]", "{", '{"choices":[', "\ud83d", "[" * 9999]
)
def test_what_is_not_json_is_nothing(data: str) -> None:
    assert decode_chunk(data) is None
    assert decode_completion(data) is None


def test_bytes_that_are_not_utf8_do_no_harm() -> None:
    data = b'{"choices":[{"delta":{"content":"a\xff"}}]}'
    assert decode_chunk(data) == said(content="a\ufffd")


WORDS = [
    *("choices", "delta", "message", "content", "reasoning", "text", "tool_calls"),
    *("function", "name", "arguments", "index", "id", "usage", "timings", "cache_n"),
    *("error", "finish_reason", "prompt_progress"),
]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=4,
        )
    ),
)


@given(json_values)
def test_no_json_raises(value: object) -> None:
    data = json.dumps(value)
    assert isinstance(decode_chunk(data), Chunk | ChunkError | None)
    assert isinstance(decode_completion(data), Chunk | ChunkError | None)


def test_an_answer_that_was_not_streamed_is_one_chunk_with_an_end() -> None:
    body = {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "ls", "arguments": "{}"},
                        }
                    ],
                },
                "finish_reason": None,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    assert decode_completion(json.dumps(body)) == Chunk(
        choices=[
            Choice(
                Delta(tool_calls=[CallDelta(None, "c1", FunctionDelta("ls", "{}"))]),
                "stop",
            )
        ],
        usage=Usage(1, 2),
    )


def test_a_page_is_no_answer() -> None:
    assert decode_completion("<html>") is None
    assert decode_completion('{"status": "ok"}') is None


REQUEST = chat.Request(
    model="m",
    messages=[
        chat.System(content="Be brief."),
        chat.User(
            content=[chat.TextPart("Look"), chat.ImagePart(chat.ImageUrl("data:x"))]
        ),
        chat.Assistant(
            content="",
            reasoning="Hm",
            tool_calls=[chat.ToolCall("c1", chat.ToolFunction("ls", "{}"))],
        ),
        chat.Tool(tool_call_id="c1", content="a.py"),
    ],
    tools=[chat.FunctionTool(chat.Function(name="ls", parameters={"type": "object"}))],
    stream=True,
    stream_options=chat.StreamOptions(include_usage=True),
)


def test_a_request_is_written_with_what_is_set_and_nothing_else() -> None:
    assert json.loads(chat.encode(REQUEST)) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Look"},
                    {"type": "image_url", "image_url": {"url": "data:x"}},
                ],
            },
            {
                "role": "assistant",
                "content": "",
                "reasoning": "Hm",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "ls", "arguments": "{}"},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "a.py"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "ls", "parameters": {"type": "object"}},
            }
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_servers_own_fields_stand_in_the_body() -> None:
    request = msgspec.structs.replace(
        REQUEST, extra={"cache_prompt": True, "n": {"a": 1}}
    )
    assert json.loads(chat.encode(request)) == {
        **json.loads(chat.encode(REQUEST)),
        "cache_prompt": True,
        "n": {"a": 1},
    }


def test_the_messages_of_a_longer_request_begin_with_the_same_bytes() -> None:
    longer = msgspec.structs.replace(
        REQUEST, messages=[*REQUEST.messages, chat.User(content="Go on")]
    )
    head = chat.encode(REQUEST).partition(b'],"tools"')[0]
    assert chat.encode(longer).startswith(head)
