"""An index finds what a search line by line would find."""

from collections.abc import Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.patch import index as module
from codex_oss.patch.apply import plan
from codex_oss.patch.index import Index
from codex_oss.patch.parse import parse
from codex_oss.patch.passes import PASSES, Pass, typography_aside

MANY = 5_000
LINES = st.lists(st.sampled_from(["a", "b", " a", "a ", "ab", "a\u2014b", ""]))


def places(lines: Sequence[str], wanted: Sequence[str], key: Pass) -> list[int]:
    """Return where ``wanted`` stands in one pass."""
    keyed, sought = [key(line) for line in lines], [key(line) for line in wanted]
    ends = range(len(keyed) - len(sought) + 1)
    return [at for at in ends if sought and keyed[at : at + len(sought)] == sought]


@given(LINES, LINES.map(lambda lines: lines[:3]), st.integers(0, 9))
def test_it_finds_what_a_search_line_by_line_finds(
    lines: list[str], wanted: list[str], start: int
) -> None:
    index = Index(lines)
    each = [places(lines, wanted, key) for key in PASSES]
    behind = [[at for at in found if at >= start] for found in each]
    assert index.find(wanted, start) == next((f[0] for f in behind if f), None)
    assert index.find_last(wanted) == next((f[-1] for f in each if f), None)
    for key, found in zip(PASSES, each, strict=True):
        apart: list[int] = []
        for at in found:
            if not apart or at >= apart[-1] + len(wanted):
                apart.append(at)
        assert index.places(wanted, key) == apart


@given(LINES, st.sampled_from(["", "a", "ab", "a-", "c"]), st.integers(0, 9))
def test_it_finds_the_first_line_that_begins_so(
    lines: list[str], beginning: str, start: int
) -> None:
    keyed = [typography_aside(line) for line in lines]
    found = [n for n in range(start, len(lines)) if keyed[n].startswith(beginning)]
    assert Index(lines).find_beginning(beginning, start) == next(iter(found), None)


def test_many_lines_that_begin_so_are_gone_through_one_by_one() -> None:
    lines = ["x", *(f"def f{n}" for n in range(module._FEW + 1))]
    index = Index(lines)
    assert index.find_beginning("def ", 0) == 1
    assert index.find_beginning("def ", len(lines)) is None


def test_thousands_of_chunks_in_any_order_take_no_longer_than_they_must() -> None:
    old = [f"{'    ' * (n % 3)}x{n} = {n}\n# the same\n" for n in range(MANY)]
    new = [line.replace(" =", "\n =") for line in old]
    for numbers in (range(MANY), range(MANY)[::-1]):
        chunks = [f"@@\n-x{n} = {n}\n+x{n}\n+ = {n}\n # the same" for n in numbers]
        text = "\n".join(["*** Begin Patch", "*** Update File: a", *chunks])
        patch = parse(f"{text}\n*** End Patch")
        (change,) = plan(patch, Path("/w"), lambda _: "".join(old).encode())
        assert change.after is not None
        assert change.after.decode().split() == "".join(new).split()
