"""Where a chunk stands in a file, pass by pass, and what is said when it does not."""

import pytest

from codex_oss.errors import PatchError
from codex_oss.patch.index import Index, find
from codex_oss.patch.locate import find_context, replace
from codex_oss.patch.parse import Chunk
from codex_oss.patch.passes import (
    exact,
    outer_space_aside,
    trailing_space_aside,
    typography_aside,
)


def test_each_pass_forgives_more_than_the_one_before() -> None:
    line = "\t“x” \u2014 y \u00a0"

    assert [
        exact(line),
        trailing_space_aside(line),
        outer_space_aside(line),
        typography_aside(line),
    ] == [line, "\t“x” \u2014 y", "“x” \u2014 y", '"x" - y']


@pytest.mark.parametrize(
    ("lines", "wanted", "start", "at"),
    [
        (["a", "b", "a", "c"], ["a", "c"], 0, 2),
        (["a", "b", "a"], ["a"], 1, 2),
        ([" a", "a "], ["a"], 0, 1),
        ([" a", "b"], ["a", " b "], 0, 0),
        (["a"], ["a", "b"], 0, None),
        (["a"], [], 0, None),
        (["a"], ["a"], 1, None),
    ],
)
def test_find_takes_the_first_match_of_the_strictest_pass(
    lines: list[str], wanted: list[str], start: int, at: int | None
) -> None:
    assert find(lines, wanted, start) == at


def test_a_whole_line_is_a_better_context_than_a_beginning() -> None:
    lines = Index(["def f(x):", "def f"])

    assert find_context(lines, "def f", 0) == 1
    assert find_context(lines, "def f(", 0) == 0
    assert find_context(lines, "def f(", 1) is None


def test_indentation_that_a_whole_chunk_lacks_is_added() -> None:
    lines = ["class A:", "\tdef run(self):", "\t\treturn 1"]
    chunk = Chunk(
        None, [" def run(self):", "-\treturn 1", "+\tx = 1", "+", "+\treturn x"]
    )

    assert replace(lines, [chunk], "a.py") == [
        "class A:",
        "\tdef run(self):",
        "\t\tx = 1",
        "",
        "\t\treturn x",
    ]


@pytest.mark.parametrize(
    ("body", "result"),
    [
        (["-return 1", "+    return 2"], ["def f():", "    return 2"]),
        ([" def f():", "-return 1", "+return 2"], ["def f():", "return 2"]),
    ],
)
def test_indentation_is_left_alone_when_it_is_not_missing_throughout(
    body: list[str], result: list[str]
) -> None:
    assert replace(["def f():", "    return 1"], [Chunk(None, body)], "a.py") == result


def test_lines_added_where_two_chunks_meet_keep_their_order() -> None:
    below = Chunk(None, ["+over c", "-c", "+C"])
    above = Chunk(None, [" b", "+under b"])

    for pieces in ([above, below], [below, above]):
        assert replace(["a", "b", "c"], pieces, "a") == [
            *("a", "b", "under b"),
            *("over c", "C"),
        ]


def test_the_end_of_the_file_is_preferred_and_then_the_last_place() -> None:
    chunk = Chunk(None, ["-x", "+y"], at_end=True)

    assert replace(["x", "q", " x"], [chunk], "a") == ["x", "q", " y"]
    assert replace(["x", "x", "q"], [chunk], "a") == ["x", "y", "q"]


def test_a_large_file_of_equal_lines_is_searched_in_linear_time() -> None:
    lines = ["x"] * 100_000
    chunk = Chunk(None, ["-x", "-y", "+z"], at_end=True)

    with pytest.raises(PatchError):
        replace(lines, [chunk], "a")


def hint_of(lines: list[str], chunk: Chunk) -> str:
    with pytest.raises(PatchError) as caught:
        replace(lines, [chunk], "a.py")
    return caught.value.hint


def test_the_hint_shows_the_lines_as_they_are() -> None:
    lines = ["import os", "", "def total(items):", "    return sum(items)", "", "x = 1"]
    chunk = Chunk(None, [" def total(items):", "-    return add(items)", "+    pass"])

    assert hint_of(lines, chunk) == (
        "The file has, with line numbers:\n"
        "2: \n"
        "3: def total(items):\n"
        "4:     return sum(items)\n"
        "5: "
    )


def test_the_hint_finds_a_line_that_is_only_alike() -> None:
    lines = ["alpha", "beta", "def compute_total(items, tax):", "omega"]

    assert hint_of(lines, Chunk(None, ["-def compute_total(items):"])) == (
        "The file has, with line numbers:\n"
        "2: beta\n"
        "3: def compute_total(items, tax):\n"
        "4: omega"
    )


def test_the_hint_says_that_the_patch_was_applied_before() -> None:
    chunk = Chunk(None, [" a", "-b", "+B"])

    assert hint_of(["x", "a", "B"], chunk) == (
        "The file has the new lines already, at line 2."
    )


def test_the_hint_sends_a_model_that_guessed_to_the_file() -> None:
    assert hint_of(["a"], Chunk(None, ["-something else"])) == (
        "No part of the file is like it. Read the file before the next patch."
    )
    assert hint_of([], Chunk("def f", ["-x"])) == "The file is empty."


def test_the_hint_is_short_for_any_file() -> None:
    lines = ["y" * 5_000] * 100 + ["x" * 5_000] * 100
    wanted = [f"-{'x' * 5_000}"] * 99 + ["-z"]

    hint = hint_of(lines, Chunk(None, wanted))

    assert len(hint.splitlines()) <= 13
    assert max(map(len, hint.splitlines())) < 220


def test_tabs_for_spaces_and_line_numbers_are_taken_back_in_added_lines_too() -> None:
    lines = ["def f():", "    if x:", "        return 1"]
    tabs = Chunk(None, [" \tif x:", "-\t\treturn 1", "+\t\treturn 2"])
    numbers = Chunk(
        None, [" 2:     if x:", "-3:         return 1", "+        return 2"]
    )

    expected = ["def f():", "    if x:", "        return 2"]
    assert replace(lines, [tabs], "a.py") == expected
    assert replace(lines, [numbers], "a.py") == expected
