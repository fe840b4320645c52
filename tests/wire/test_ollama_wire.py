"""Ollama's chat API as bytes, both ways."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.wire import ollama
from codex_oss.wire.chat import Function, FunctionTool


def test_only_what_is_set_is_sent() -> None:
    request = ollama.Request(
        model="m", messages=[ollama.Message(role="user", content="")]
    )

    assert (
        ollama.encode(request)
        == b'{"model":"m","messages":[{"role":"user","content":""}]}'
    )


def test_a_whole_request_is_as_the_server_reads_it() -> None:
    function = Function(name="f", description="F.", parameters={"type": "object"})
    call = ollama.ToolCall("call_1", ollama.Called("f", {"a": 1}))
    request = ollama.Request(
        model="qwen3:8b",
        messages=[
            ollama.Message(role="user", content="look", images=["iVBORw0="]),
            ollama.Message(
                role="assistant", content="", thinking="hm", tool_calls=[call]
            ),
            ollama.Message(
                role="tool", content="2", tool_name="f", tool_call_id="call_1"
            ),
        ],
        tools=[FunctionTool(function)],
        format={"type": "object"},
        options=ollama.Options(num_ctx=32768, num_predict=5, temperature=0.0, seed=1),
        think="high",
        keep_alive="30m",
        truncate=False,
        shift=False,
        stream=True,
    )

    assert msgspec.json.decode(ollama.encode(request)) == {
        "model": "qwen3:8b",
        "messages": [
            {"role": "user", "content": "look", "images": ["iVBORw0="]},
            {
                "role": "assistant",
                "content": "",
                "thinking": "hm",
                "tool_calls": [
                    {"id": "call_1", "function": {"name": "f", "arguments": {"a": 1}}}
                ],
            },
            {
                "role": "tool",
                "content": "2",
                "tool_name": "f",
                "tool_call_id": "call_1",
            },
        ],
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "f",
                    "description": "F.",
                    "parameters": {"type": "object"},
                },
            }
        ],
        "format": {"type": "object"},
        "options": {"num_ctx": 32768, "num_predict": 5, "temperature": 0.0, "seed": 1},
        "think": "high",
        "keep_alive": "30m",
        "truncate": False,
        "shift": False,
        "stream": True,
    }


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (
            (
                b'{"model":"m","created_at":"2026-08-21T10:00:00Z",'
                b'"message":{"role":"assistant","content":"Hi"},"done":false}'
            ),
            ollama.Line(message=ollama.Said(content="Hi")),
        ),
        (
            b'{"message":{"role":"assistant","content":"","thinking":"hm"}}',
            ollama.Line(message=ollama.Said(content="", thinking="hm")),
        ),
        (
            (
                b'{"message":{"role":"assistant","content":"","tool_calls":[{"id":'
                b'"call_1","function":{"index":0,"name":"f","arguments":{"a":[1]}}}]}}'
            ),
            ollama.Line(
                message=ollama.Said(
                    content="",
                    tool_calls=[
                        ollama.CallLine(
                            ollama.CalledLine("f", msgspec.Raw(b'{"a":[1]}')), "call_1"
                        )
                    ],
                )
            ),
        ),
        (
            (
                b'{"message":{"role":"assistant","content":""},"done":true,'
                b'"done_reason":"stop","total_duration":5,"prompt_eval_count":900,'
                b'"prompt_eval_cached_count":850,"eval_count":3,"eval_duration":9}'
            ),
            ollama.Line(
                message=ollama.Said(content=""),
                done=True,
                done_reason="stop",
                prompt_eval_count=900,
                prompt_eval_cached_count=850,
                eval_count=3,
            ),
        ),
        (b'{"error":"server busy"}', ollama.Fault("server busy")),
        (b'{"error":{"code":400}}', ollama.Fault('{"code":400}')),
        (
            b'{"message":{"role":"assistant","content":"an \\"error\\""},"done":false}',
            ollama.Line(message=ollama.Said(content='an "error"')),
        ),
        (b'{"done":true,"error":""}', ollama.Line(done=True)),
        (b'{"message":null,"done":false}', ollama.Line()),
        (b"<html>", None),
        (b"[]", None),
        (b'{"done":"yes"}', None),
        (b'"error"', None),
    ],
)
def test_a_line_is_read(data: bytes, line: object) -> None:
    assert ollama.decode_line(data) == line


@given(st.binary(max_size=80) | st.sampled_from([b'{"error":' * 3000, b"[" * 9000]))
def test_no_line_raises(data: bytes) -> None:
    assert isinstance(ollama.decode_line(data), ollama.Line | ollama.Fault | type(None))
