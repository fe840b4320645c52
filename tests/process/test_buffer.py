"""The buffer that keeps head and tail of any output."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.process import HeadTail


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ([b"abc"], "abc"),
        ([b"01234567"], "01234567"),
        ([b"0123456789"], "0123\n... 2 bytes omitted ...\n6789"),
        ([b"01", b"2345", b"", b"678", b"9ab"], "0123\n... 4 bytes omitted ...\n89ab"),
        ([b"a\xffb"], "a\ufffdb"),
        # The gap does not cut characters of two, three and four bytes in halves.
        (["123é___é123".encode()], "123\n... 7 bytes omitted ...\n123"),
        (["12€___€12".encode()], "12\n... 9 bytes omitted ...\n12"),
        (["1😀____😀1".encode()], "1\n... 12 bytes omitted ...\n1"),
        (["😀____😀".encode()], "😀\n... 4 bytes omitted ...\n😀"),
    ],
)
def test_a_buffer_keeps_head_and_tail(parts: list[bytes], text: str) -> None:
    buffer = HeadTail(8)
    for part in parts:
        buffer.add(part)
    assert buffer.text() == text
    assert buffer.total == sum(map(len, parts))
    buffer.clear()
    assert (buffer.text(), buffer.total) == ("", 0)


@given(st.lists(st.binary(max_size=40)))
def test_a_buffer_gives_the_same_text_for_every_chunking(parts: list[bytes]) -> None:
    pieces, whole = HeadTail(16), HeadTail(16)
    for part in parts:
        pieces.add(part)
    whole.add(b"".join(parts))
    assert pieces.text() == whole.text()
