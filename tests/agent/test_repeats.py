"""A text that says the same words over and over."""

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.agent.repeats import LONGEST, SAME_CHARS, STEP, Repeats


def fed(text: str, size: int) -> Repeats:
    """Return what came of a text in pieces, up to where it was broken off."""
    repeats = Repeats()
    for start in range(0, len(text), size):
        if repeats.feed(text[start : start + size]):
            break
    return repeats


@given(
    st.text(max_size=300),
    st.text(min_size=1, max_size=LONGEST),
    st.integers(1, SAME_CHARS),
)
def test_what_is_repeated_is_told_once(head: str, words: str, size: int) -> None:
    text = head + words * (2 * (SAME_CHARS + STEP + size) // len(words))
    kept = fed(text, size).kept
    assert text.startswith(kept)
    assert 0 < len(kept) <= len(head) + len(words)


@given(st.text(min_size=1, max_size=LONGEST), st.integers(1, SAME_CHARS))
def test_fewer_repeats_are_left_alone(words: str, size: int) -> None:
    times = (SAME_CHARS - 1) // len(words)
    assert fed(words * times, size).kept == ""


def test_what_counts_up_is_no_repeat() -> None:
    text = "".join(f"| {number:05} | passed |\n" for number in range(1000))
    assert fed(text, 7).kept == ""


def test_an_end_that_says_something_else_is_no_repeat() -> None:
    assert fed("-" * (STEP * 7) + "\nthe end" + "." * 500, 5).kept == ""
