"""Chunks that differ in their text alone are compared instead of decoded."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.providers.dialect import EventsDecoder
from codex_oss.wire import chat
from fake_server import chunk, sse

WORDS = st.sampled_from(
    ["Hello", " ", "\n", '"', "\\", "{", "}", "é", "\u2026", "", "data: ", '","', "\t"]
)


def text_only(text: str) -> dict[str, Any]:
    return chunk({"content": text})


def with_role(text: str) -> dict[str, Any]:
    return chunk({"content": text, "role": "assistant"})


def thought(text: str) -> dict[str, Any]:
    return chunk({"reasoning_content": text})


def last(text: str) -> dict[str, Any]:
    return chunk({"content": text}, finish="stop")


def numbered(text: str, number: int) -> dict[str, Any]:
    return chunk({"content": text}, n=number)


def error() -> dict[str, Any]:
    return {"error": {"message": "no", "code": 500}}


EVENTS = st.one_of(
    st.builds(text_only, WORDS),
    st.builds(with_role, WORDS),
    st.builds(thought, WORDS),
    st.builds(last, WORDS),
    st.builds(numbered, WORDS, st.integers(0, 3)),
    st.builds(error),
)


def meaning(pieces: Sequence[chat.Piece]) -> list[Any]:
    """Return the pieces, those that are only text as text."""
    texts = [p if isinstance(p, str | chat.ChunkError) else p.only_text for p in pieces]
    return [text or piece for text, piece in zip(texts, pieces, strict=True)]


@given(
    events=st.lists(EVENTS, max_size=20), spaced=st.booleans(), together=st.booleans()
)
def test_the_pieces_are_those_of_every_chunk_by_itself(
    events: list[dict[str, Any]], *, spaced: bool, together: bool
) -> None:
    separators = None if spaced else (",", ":")
    lines = [json.dumps(event, separators=separators) for event in events]
    alone = [piece for line in lines if (piece := chat.decode_chunk(line))]
    decoder = EventsDecoder()
    reads = [sse([line]) for line in lines]
    if together and reads:
        reads = [reads[0], b"".join(reads[1:])]
    pieces = [piece for read in reads if read for piece in decoder.feed(read)]
    assert meaning(pieces) == meaning(alone)


def test_the_second_text_of_a_kind_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoder = EventsDecoder()
    one, two = (sse([chunk({"content": text})]) for text in ("Hello", " there"))
    assert decoder.feed(one) == ["Hello"]
    monkeypatch.delattr("codex_oss.providers.dialect._decode")
    assert decoder.feed(two) == [" there"]


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb"])
def test_what_is_escaped_is_decoded(text: str) -> None:
    decoder = EventsDecoder()
    decoder.feed(sse([chunk({"content": "Hello"})]))
    assert decoder.feed(sse([chunk({"content": text})])) == [text]


def test_who_writes_another_object_each_time_is_not_learned_for_ever() -> None:
    pattern = chat.TextPattern()
    for number in range(20):
        data = json.dumps(chunk({"content": "x"}, number=number))
        assert pattern.text_of(data) == ""
        pattern.learn(data, "x")
    again = json.dumps(chunk({"content": "y"}, number=19))
    assert pattern.text_of(again) == ""
