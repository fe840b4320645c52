"""What a client sends, byte by byte: a message, or an answer on what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import types

from codex_oss.mcp_server.lines import MAX_ID, Refused, read

DEEP = b"[" * 3000 + b"]" * 3000
SURROGATE = rb'"\ud800 x"'


def call(config: bytes, *, first: bool = True) -> bytes:
    head = b'"jsonrpc":"2.0","id":7,'
    body = b'"method":"tools/call","params":{"config":' + config + b"}"
    return b"{" + (head + body if first else body + b"," + head.rstrip(b",")) + b"}"


def answered(line: bytes) -> tuple[object, int]:
    """Return the id and the code that a wrong line is answered with."""
    got = read(line)
    assert isinstance(got, Refused), got
    wire: Any = json.loads(
        got.answer.model_dump_json(by_alias=True, exclude_unset=True)
    )
    assert sorted(wire) == ["error", "id", "jsonrpc"]
    return wire["id"], wire["error"]["code"]


@pytest.mark.parametrize("config", [DEEP, SURROGATE, b"NaN", b'"\xff"', b"1" * 5000])
@pytest.mark.parametrize("first", [True, False])
def test_a_request_that_no_program_can_hold_is_answered_with_its_id(
    config: bytes, *, first: bool
) -> None:
    assert answered(call(config, first=first)) == (7, types.PARSE_ERROR)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"garbage", (None, types.PARSE_ERROR)),
        (b"[1", (None, types.PARSE_ERROR)),
        (b"\xff\xfe", (None, types.PARSE_ERROR)),
        (b'{"method":"x","id":"\\ud800"}', (None, types.PARSE_ERROR)),
        (b'{"method":"x","params":{"id":7,"a":', (None, types.PARSE_ERROR)),
        (b'[{"jsonrpc":"2.0","id":7,"method":"ping"}]', (None, types.INVALID_REQUEST)),
        (b'{"jsonrpc":"2.0"}', (None, types.INVALID_REQUEST)),
        (b'{"jsonrpc":"2.0","id":7}', (7, types.INVALID_REQUEST)),
        (b'{"jsonrpc":"2.0","id":7,"method":7}', (7, types.INVALID_REQUEST)),
        (b'{"jsonrpc":"1.0","id":7,"method":"x"}', (7, types.INVALID_REQUEST)),
        (b'{"id":"a","method":"x"}', ("a", types.INVALID_REQUEST)),
        (b'{"jsonrpc":"2.0","id":null,"method":"x"}', (None, types.INVALID_REQUEST)),
        (b'{"jsonrpc":"2.0","id":true,"method":"x"}', (None, types.INVALID_REQUEST)),
        (
            b'{"jsonrpc":"2.0","id":7,"method":"x","params":[1]}',
            (7, types.INVALID_PARAMS),
        ),
    ],
)
def test_what_is_no_message_is_answered(line: bytes, told: tuple[object, int]) -> None:
    assert answered(line) == told


def test_an_id_that_is_too_long_is_not_sent_back() -> None:
    long = b"x" * (MAX_ID + 1)
    line = b'{"jsonrpc":"2.0","method":7,"id":"%b"}' % long
    assert answered(line) == (None, types.INVALID_REQUEST)


def test_messages_are_read() -> None:
    head: dict[str, Any] = {"jsonrpc": "2.0"}
    for more, kind in (
        ({"id": 1, "method": "x", "params": {"a": [1]}}, types.JSONRPCRequest),
        ({"method": "x"}, types.JSONRPCNotification),
        ({"id": "a", "result": {"b": "c"}}, types.JSONRPCResponse),
        ({"id": 1, "error": {"code": 1, "message": "no"}}, types.JSONRPCError),
    ):
        line = json.dumps(head | more).encode() + b"\n"
        assert read(line) == kind.model_validate(head | more)
    assert read(b" \r\n") is None


@pytest.mark.parametrize(
    "reply", [b'"result":"yes"', b'"error":7', b'"result":{"a":"\\ud800"}']
)
def test_a_reply_with_a_wrong_shape_is_an_error_for_who_asked(reply: bytes) -> None:
    got = read(b'{"jsonrpc":"2.0","id":3,' + reply + b"}")
    assert isinstance(got, types.JSONRPCError)
    assert got.id == 3
    # Nobody can be told of a reply to nothing, and errors are not answered.
    assert read(b'{"jsonrpc":"2.0","id":null,"result":7}') is None


@given(st.binary(max_size=200))
def test_nothing_that_comes_is_a_crash(line: bytes) -> None:
    read(line)
    read(b'{"id":1,"method":' + line)
