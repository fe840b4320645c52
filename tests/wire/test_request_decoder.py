"""Requests that come one after the other."""

import pytest

from codex_oss.errors import BadRequest
from codex_oss.wire.responses import RequestDecoder

TOOLS = '"tools":[{"type":"function","name":"a","parameters":{}}]'


def body(text: str, tools: str = TOOLS) -> bytes:
    return f'{{"model":"m","input":"{text}",{tools}}}'.encode()


def test_tools_that_come_again_are_the_same_list() -> None:
    decoder = RequestDecoder()
    one, _ = decoder.decode(body("one"))
    two, _ = decoder.decode(body("two"))
    other, _ = decoder.decode(body("two", TOOLS.replace('"a"', '"b"')))
    assert one.tools is two.tools
    assert other.tools is not one.tools
    assert one.input != two.input


def test_only_so_many_lists_are_kept() -> None:
    decoder = RequestDecoder(kept=1)
    one, _ = decoder.decode(body("x"))
    decoder.decode(body("x", TOOLS.replace('"a"', '"b"')))
    again, _ = decoder.decode(body("x"))
    assert again.tools is not one.tools
    assert again.tools == one.tools


def test_what_no_model_sees_is_read_beside_the_request() -> None:
    request, extras = RequestDecoder().decode(
        b'{"model":"m","input":"x","user":"u","background":true,"unknown":1}'
    )
    assert request.model == "m"
    assert (extras.user, extras.background, extras.prompt) == ("u", True, None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (b'{"model":"m","input":"x","user":1}', "$.user"),
        (b'{"model":"m","input":"x","tools":{}}', "$.tools"),
        (b'{"model":"m","input":"x","tools":[', "JSON"),
        (b'{"model":"m"}', "input"),
        (b"[", ""),
        (b'{"model":"m","input":"x","user":"\xff"}', ""),
    ],
)
def test_a_wrong_body_is_refused_with_the_place(given: bytes, words: str) -> None:
    with pytest.raises(BadRequest) as caught:
        RequestDecoder().decode(given)
    assert words in str(caught.value)
