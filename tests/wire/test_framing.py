from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import StreamCut
from codex_oss.wire import framing
from codex_oss.wire.framing import Frame, LineDecoder, SseDecoder


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    at = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(at)]


def decode(chunks: list[bytes]) -> list[Frame]:
    decoder = SseDecoder()
    frames = [frame for chunk in chunks for frame in decoder.feed(chunk)]
    return frames + decoder.finish()


CASES: dict[str, tuple[bytes, list[Frame]]] = {
    "one event": (b"data: x\n\n", [Frame("", "x")]),
    "a named event": (b"event: a\ndata: x\n\n", [Frame("a", "x")]),
    "the order of fields is free": (b"data: x\nevent: a\n\n", [Frame("a", "x")]),
    "several data lines are joined": (b"data: x\ndata: y\n\n", [Frame("", "x\ny")]),
    "an empty data line is an event": (b"data:\n\n", [Frame("", "")]),
    "a field without a colon is empty": (b"data\n\n", [Frame("", "")]),
    "one space is dropped": (
        b"data:  x\n\ndata:y\n\n",
        [Frame("", " x"), Frame("", "y")],
    ),
    "comments are skipped": (b": ping\n\n:\ndata: x\n\n", [Frame("", "x")]),
    "an event without data is none": (b"event: a\n\ndata: x\n\n", [Frame("", "x")]),
    "ids and retry times are left out": (
        b"id: 7\nretry: 9\ndata: x\n\n",
        [Frame("", "x")],
    ),
    "CR LF": (
        b"event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n",
        [Frame("a", "x"), Frame("", "y")],
    ),
    "CR alone": (
        b"event: a\rdata: x\r\rdata: y\r\r",
        [Frame("a", "x"), Frame("", "y")],
    ),
    "line ends may be mixed": (
        b"event: a\rdata: x\r\n\ndata: y\n\r\n",
        [Frame("a", "x"), Frame("", "y")],
    ),
    "many blank lines": (
        b"\n\n\ndata: x\n\n\n\n\ndata: y\n\n",
        [Frame("", "x"), Frame("", "y")],
    ),
    "a byte order mark": (b"\xef\xbb\xbfdata: x\n\n", [Frame("", "x")]),
    "a byte order mark later is text": (
        b"data: x\n\n\xef\xbb\xbfdata: y\n\n",
        [Frame("", "x")],
    ),
    "Unicode's other line ends are text": (
        'data: {"a":"\u2028\u2029\x85\x0b\x0c"}\n\n'.encode(),
        [Frame("", '{"a":"\u2028\u2029\x85\x0b\x0c"}')],
    ),
    "more than one byte per character": (
        "data: größe 😀\n\n".encode(),
        [Frame("", "größe 😀")],
    ),
    "bytes that are no UTF-8": (b"data: a\xff\n\n", [Frame("", "a\ufffd")]),
    "a last event that no blank line ends": (
        b"data: x\n\ndata: y",
        [Frame("", "x"), Frame("", "y")],
    ),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("data", "frames"), CASES.values(), ids=CASES.keys())
def test_bytes_are_these_frames_whole_and_byte_by_byte(
    data: bytes, frames: list[Frame]
) -> None:
    assert decode([data]) == frames
    assert decode([data[i : i + 1] for i in range(len(data))]) == frames


@given(
    st.lists(st.sampled_from([data for data, _ in CASES.values()]), max_size=4),
    st.lists(st.integers(min_value=0, max_value=500), max_size=8),
)
def test_frames_do_not_depend_on_the_chunks(
    parts: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(parts)
    assert decode(pieces(data, cuts)) == decode([data])


@given(
    st.lists(
        st.sampled_from(
            [data for data, _ in CASES.values()]
            + [b"data: x\n\n" * 3, b"data: a\xe2\x82\n\n", b"data: x\n\ny: z\n\n"]
        )
    ),
    st.lists(st.integers(min_value=0, max_value=500), max_size=8),
)
def test_texts_are_those_of_the_frames(parts: list[bytes], cuts: list[int]) -> None:
    frames, texts = SseDecoder(), SseDecoder()
    for chunk in pieces(b"".join(parts), cuts):
        assert texts.texts(chunk) == [frame.data for frame in frames.feed(chunk)]
    assert texts.finish() == frames.finish()


def sent(name: str, text: str) -> str:
    """Return one event as a server writes it: each line of its data by itself."""
    head = f"event: {name}\n" if name else ""
    return head + "".join(f"data: {line}\n" for line in text.split("\n")) + "\n"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "a", "response.created"]),
            st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])),
        )
    ),
    st.lists(st.integers(min_value=0, max_value=500), max_size=8),
)
def test_what_is_sent_is_read_however_it_is_cut(
    events: list[tuple[str, str]], cuts: list[int]
) -> None:
    data = "".join(sent(name, text) for name, text in events).encode()
    assert decode(pieces(data, cuts)) == [Frame(name, text) for name, text in events]


def test_an_event_arrives_with_its_last_byte() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: x\r\n\r") == [Frame("", "x")]
    assert decoder.feed(b"\ndata: y\n") == []
    assert decoder.feed(b"\n") == [Frame("", "y")]


def test_an_event_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "FRAME_LIMIT", 100)
    decoder = SseDecoder()
    assert decoder.feed(b"data: " + b"x" * 90) == []
    with pytest.raises(StreamCut, match="more than 100 bytes"):
        decoder.feed(b"x" * 10)


def test_lines_end_at_newlines_only() -> None:
    decoder = LineDecoder()
    assert decoder.feed(b'{"a":1}\n\n{"b":"\xe2\x80\xa8') == [b'{"a":1}']
    assert decoder.feed(b'"}\r\n{"c"') == [b'{"b":"\xe2\x80\xa8"}\r']
    assert decoder.feed(b":3}") == []
    assert decoder.finish() == [b'{"c":3}']
    assert decoder.finish() == []


@given(
    st.lists(
        st.binary(min_size=1).filter(lambda b: b"\n" not in b and b.strip() != b"")
    ),
    st.lists(st.integers(min_value=0, max_value=500), max_size=8),
)
def test_lines_do_not_depend_on_the_chunks(lines: list[bytes], cuts: list[int]) -> None:
    decoder = LineDecoder()
    chunks = pieces(b"\n".join(lines), cuts)
    got = [line for chunk in chunks for line in decoder.feed(chunk)]
    assert got + decoder.finish() == lines


def test_a_line_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "FRAME_LIMIT", 100)
    decoder = LineDecoder()
    with pytest.raises(StreamCut, match="more than 100 bytes"):
        decoder.feed(b"x" * 101)
