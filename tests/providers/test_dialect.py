"""The bytes of a Chat Completions answer as chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import ServerFault
from codex_oss.providers.dialect import ChatDialect, EventsDecoder, WholeDecoder
from codex_oss.translate.quirks import Quirks
from codex_oss.wire import chat

HELLO = "hello"
STOP = chat.Chunk(choices=[chat.Choice(chat.Delta(), finish_reason="stop")])
STREAM = (
    b'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n'
    b": a comment\n\n"
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
    b'data: {"choices":[{"delta":{"content":"too late"}}]}\n\n'
)


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_events_give_the_same_chunks_in_every_chunking(cuts: set[int]) -> None:
    decoder = EventsDecoder()
    ends = [*sorted(cuts), len(STREAM)]
    starts = [0, *sorted(cuts)]
    pieces = [
        p for a, b in zip(starts, ends, strict=True) for p in decoder.feed(STREAM[a:b])
    ]

    assert pieces + decoder.finish() == [HELLO, STOP]
    assert decoder.ended


def test_a_stream_without_done_has_not_ended() -> None:
    decoder = EventsDecoder()

    assert decoder.feed(STREAM[: STREAM.index(b": a comment")]) == [HELLO]
    assert decoder.finish() == []
    assert not decoder.ended


def test_a_last_event_without_a_blank_line_is_read() -> None:
    decoder = EventsDecoder()

    assert decoder.feed(b'data: {"choices":[{"delta":{"content":"hello"}}]}') == []
    assert decoder.finish() == [HELLO]


def test_a_whole_answer_is_one_chunk_with_a_finish_reason() -> None:
    decoder = WholeDecoder("http://x/chat/completions")

    assert decoder.feed(b'{"choices":[{"message":') == []
    assert decoder.feed(b'{"content":"hello"}}]}') == []
    assert not decoder.ended
    assert decoder.finish() == [
        chat.Chunk(choices=[chat.Choice(chat.Delta(content="hello"), "stop")])
    ]
    assert decoder.ended


def test_a_body_that_is_no_answer_is_the_servers_fault() -> None:
    decoder = WholeDecoder("http://x/chat/completions")
    decoder.feed(b'{"hello": 1}')

    with pytest.raises(ServerFault) as caught:
        decoder.finish()
    assert str(caught.value) == "http://x/chat/completions answered no chat completion"


def test_chat_completions_are_sent_as_they_are() -> None:
    dialect = ChatDialect()
    request = chat.Request(model="m", messages=[chat.User(content="hi")], stream=True)

    assert dialect.encode(request) == chat.encode(request)
    assert dialect.quirks(Quirks(images=False)) == Quirks(images=False)
