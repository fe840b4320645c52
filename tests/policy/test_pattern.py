"""Patterns of strangers: found as Python finds them, and always in time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.policy.pattern import MAX_PATTERN, MAX_WORK, found

ATOMS = (
    *("a", "b", "[a-c]", "[^a]", ".", r"\d", r"\w", r"\S", "(a|b)", "(?:ab)", "^", "$"),
    *(r"\b", r"\B", r"\-", r"[\d-]", "[a-]", "1", r"\x61", r"\u0062", "(?P<n>a)"),
)
TIMES = ("", "*", "+", "?", "{2}", "{1,2}", "{0,}", "{,2}", "*?", "+?")


@st.composite
def patterns(draw: st.DrawFn) -> str:
    part = st.tuples(st.sampled_from(ATOMS), st.sampled_from(TIMES)).map("".join)
    ways = st.lists(st.lists(part, max_size=4).map("".join), min_size=1, max_size=3)
    return "|".join(draw(ways))


@given(patterns(), st.text("ab1- \n", max_size=8))
def test_a_pattern_is_found_where_python_finds_it(pattern: str, text: str) -> None:
    ours = pattern.replace("(?P<", "(?<")
    try:
        # `$` is the very end in ECMAScript.
        theirs = re.compile(pattern.replace("$", r"\Z"), re.ASCII)
    except re.error:
        return
    if not text and r"\B" in pattern:  # Python before 3.14 finds none in nothing
        return
    told = found(ours, text)
    if "{,2}" in pattern:  # Python's own
        assert told is None
    else:
        assert told == bool(theirs.search(text))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 3000 + "b"),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * 3000),
        ("(a|aa)+$", "a" * 3000 + "b"),
        ("(a*)*b", "a" * 3000),
    ],
)
def test_a_pattern_that_would_take_years_does_not(pattern: str, text: str) -> None:
    assert found(pattern, text) is False


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "[", "a{", "a{x}", "x{2,1}", "a)", "\\", "*", "a**", "(?<n", r"\x6"),
        *("(?=a)", "(?!a)", "(?<=a)", r"\1", r"\k<n>", r"\p{L}", "[z-a]"),
        *("((a{400}){400})", "a{99999999999}", "(" * 200 + ")" * 200),
        *("a{0,400}|" * 50, "(){0,400}" * 50, "(a{3}|" * 5 + "b{900}"),
        f"[{'a-z' * 17}]",
        "a" * (MAX_PATTERN + 1),
    ],
)
def test_what_is_not_understood_is_not_judged(pattern: str) -> None:
    assert found(pattern, "a") is None


def test_what_would_take_long_is_not_judged() -> None:
    text = "b" * (MAX_WORK // 400)
    assert found("a{400}", text) is None
    assert found("a{400}", text[:-1]) is False
