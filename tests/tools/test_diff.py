"""Diffs for the person who is asked: all that will be written, and where."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.patch.apply import Change
from codex_oss.policy import Diff
from codex_oss.tools import changed_lines
from codex_oss.tools.diff import NO_NEWLINE, diffs

FILE = Path("/w/a")


def lines(before: bytes | None, after: bytes | None) -> list[str]:
    """Return the lines of the diff of a file."""
    change = Change(
        path=FILE, kind="update", before=before, after=after, name="a", target=FILE
    )
    (diff,) = diffs([change])
    return list(diff.lines)


def test_changed_lines_stand_between_three_that_are_not() -> None:
    before = [f"{n}\n" for n in range(30)]
    after = [*before[:10], "new\n", *before[12:20], *before[21:], "end\n"]
    assert lines("".join(before).encode(), "".join(after).encode()) == [
        *("@@ line 8 @@", " 7", " 8", " 9", "-10", "-11", "+new", " 12", " 13", " 14"),
        *("@@ line 17 @@", " 17", " 18", " 19", "-20", " 21", " 22", " 23"),
        *("@@ line 26 @@", " 27", " 28", " 29", "+end"),
    ]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        (None, b"a\nb\n", ["@@ line 1 @@", "+a", "+b"]),
        (b"a\nb", None, ["@@ line 1 @@", "-a", "-b", NO_NEWLINE]),
        (b"a", b"a\n", ["@@ line 1 @@", "-a", NO_NEWLINE, "+a"]),
        (b"a\r\nb\r\n", b"a\r\nc\r\n", ["@@ line 1 @@", " a", "-b", "+c"]),
        (b"a\nb\n", b"a\nb\r\n", ["@@ line 1 @@", " a", "-b", "+b\r"]),
        (None, b"a\r\n", ["@@ line 1 @@", "+a\r"]),
        (None, b"\xff\x00\x0b\x1c\n", ["@@ line 1 @@", "+\\xff\x00\x0b\x1c"]),
        (
            b"",
            "a\u2028b\u202e\n".encode(),
            ["@@ line 1 @@", "+a\u2028b\u202e"],
        ),
        (b"a\n", b"a\n", []),
    ],
)
def test_nothing_but_a_line_feed_ends_a_line_and_nothing_is_left_out(
    before: bytes | None, after: bytes | None, shown: list[str]
) -> None:
    assert lines(before, after) == shown


def test_names_are_the_real_ones() -> None:
    moved = Change(
        path=Path("/w/link"),
        kind="move",
        before=b"a\n",
        after=b"b\n",
        name="b",
        target=Path("/real/b"),
        removed=Path("/w/a"),
    )
    gone = Change(
        path=FILE, kind="delete", before=b"a\n", after=None, name="a", removed=FILE
    )
    assert diffs([moved, gone]) == (
        Diff(
            path="/w/a",
            kind="move",
            moved_to="/real/b",
            lines=("@@ line 1 @@", "-a", "+b"),
        ),
        Diff(path="/w/a", kind="delete", lines=("@@ line 1 @@", "-a")),
    )


TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\r\n", "\n"])).map("".join)


@given(TEXTS, TEXTS, st.sampled_from(["", "z"]), st.sampled_from([0, 2000]))
def test_who_follows_a_diff_gets_just_what_will_be_written(
    before: str, after: str, end: str, compared: int
) -> None:
    after += end
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(changed_lines, "MAX_COMPARED", compared)
        shown = lines(before.encode(), after.encode())
    assert followed(before, shown) == after


def followed(before: str, shown: list[str]) -> str:
    """Return what a diff makes of a text, line by line."""
    old, made = before.split("\n"), list[str]()
    rest, ended = old[:-1], True
    for line in shown:
        if line.startswith("@@"):
            while len(made) < int(line.split()[2]) - 1:
                made.append(rest.pop(0))
        elif line == NO_NEWLINE:
            ended = False
        elif line[0] in " -":
            assert rest.pop(0).removesuffix("\r") == line[1:].removesuffix("\r")
            made += [line[1:]] * (line[0] == " ")
        else:
            made.append(line[1:])
    made += rest
    return "\n".join(made) + "\n" * (bool(made) and ended)
