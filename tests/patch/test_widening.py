"""A diff with more around its changes, as far as there is room."""

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.patch.pieces import pieces
from codex_oss.patch.widening import widened

EVERYTHING = 10**9


def diff(**around: int) -> str:
    """Return a diff in which each file has so many lines around its one change."""
    texts: list[str] = []
    for name, count in around.items():
        lines = [f" {name} {number}" for number in range(count)]
        head = f"diff --git a/{name} b/{name}\nindex 1..2 100644\n--- a/{name}\n"
        body = "\n".join([*lines, f"-old {name}", f"+new {name}"])
        texts.append(f"{head}+++ b/{name}\n@@ -1 +1 @@\n{body}\n")
    return "".join(texts)


def size(text: str) -> int:
    return sum(len(piece.encode()) for piece in pieces(text, EVERYTHING))


NEAR, FUNCTIONS, WHOLE = diff(a=1, b=1), diff(a=5, b=9), diff(a=20, b=200)


def test_all_files_are_whole_where_there_is_room() -> None:
    assert widened(NEAR, [FUNCTIONS, WHOLE], EVERYTHING) == WHOLE


def test_without_room_the_diff_stays_as_it_is() -> None:
    assert widened(NEAR, [FUNCTIONS, WHOLE], 0) == NEAR
    assert widened(NEAR, [], EVERYTHING) == NEAR
    assert widened("", [WHOLE], EVERYTHING) == ""


def test_functions_come_before_whole_files_and_what_takes_least_comes_first() -> None:
    steps = [diff(a=5, b=1), FUNCTIONS, diff(a=20, b=9), WHOLE]
    for step in steps:
        assert widened(NEAR, [FUNCTIONS, WHOLE], size(step)) == step
        assert widened(NEAR, [FUNCTIONS, WHOLE], size(step) - 1) != step


def test_a_file_that_only_the_wider_diff_has_is_left_out() -> None:
    assert widened(NEAR, [diff(a=5, b=9, c=1)], EVERYTHING) == FUNCTIONS


@given(st.integers(0, 6000))
def test_what_was_added_never_exceeds_the_room(limit: int) -> None:
    found = widened(NEAR, [FUNCTIONS, WHOLE], limit)
    assert size(found) <= max(limit, size(NEAR))
