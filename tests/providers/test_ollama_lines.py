"""The bytes of an Ollama answer as chunks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import StreamCut
from codex_oss.providers.ollama import LinesDecoder
from codex_oss.wire import chat
from codex_oss.wire.framing import FRAME_LIMIT

HELLO = chat.Chunk(choices=[chat.Choice(chat.Delta(content="héllo"))])
STOP = chat.Chunk(
    choices=[chat.Choice(chat.Delta(), finish_reason="stop")],
    usage=chat.Usage(prompt_tokens=9, completion_tokens=1),
)
FIRST = '{"message":{"role":"assistant","content":"héllo"},"done":false}\n'.encode()
LAST = b'{"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":1}\n'
STREAM = FIRST + b"\n" + b"not json\n" + LAST + FIRST


@given(st.sets(st.integers(1, len(STREAM) - 1)))
def test_lines_give_the_same_chunks_in_every_chunking(cuts: set[int]) -> None:
    decoder = LinesDecoder()
    starts, ends = [0, *sorted(cuts)], [*sorted(cuts), len(STREAM)]
    pieces = [
        piece
        for start, end in zip(starts, ends, strict=True)
        for piece in decoder.feed(STREAM[start:end])
    ]

    assert pieces + decoder.finish() == [HELLO, STOP]
    assert decoder.ended


def test_a_last_line_without_its_newline_is_read() -> None:
    decoder = LinesDecoder()

    assert decoder.feed(FIRST + LAST[:-1]) == [HELLO]
    assert not decoder.ended
    assert decoder.finish() == [STOP]
    assert decoder.ended


def test_an_error_does_not_end_the_stream_by_itself() -> None:
    decoder = LinesDecoder()

    assert decoder.feed(b'{"error":"no"}\n') == [chat.ChunkError("no")]
    assert not decoder.ended


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    decoder = LinesDecoder()
    decoder.feed(b"x" * FRAME_LIMIT)

    with pytest.raises(StreamCut):
        decoder.feed(b"x")
