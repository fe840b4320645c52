"""Line numbers that were copied, and words that stand for lines."""

import pytest

from codex_oss.patch.meant import (
    has_gap,
    lost_by,
    lost_by_whole,
    numbered_content,
    unnumbered,
)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("     1\ta\n     2\t  b", "a\n  b"),
        ("1: a\n2:   b", "a\n  b"),
        ("1:a\n2:  b", "a\n  b"),
        ("9| a\n10| b", "a\nb"),
        ("1→a\n2→\n3→b", "a\n\nb"),
        ("     1\ta\n       \n     2\tb", "a\n\nb"),
        ("1\ta\n3\tb", None),
        ("1\ta\nb", None),
        ("a", None),
        ("", None),
    ],
)
def test_line_numbers_are_known_by_counting_up(text: str, plain: str | None) -> None:
    assert unnumbered(text) == plain


@pytest.mark.parametrize(
    ("content", "before", "path", "numbered"),
    [
        ("1\tx\n2\ty\n3\tz\n", "x\ny\nz\n", "a.py", True),
        ("1\tx\n2\ty\n3\tz\n", "1\tx\n2\ty\n", "a.py", False),
        ("1\tx\n2\ty\n3\tz\n", None, "a.tsv", False),
        ("1: x\n", None, "a.py", False),
    ],
)
def test_a_table_may_begin_its_lines_with_numbers(
    content: str,
    before: str | None,
    path: str,
    numbered: bool,  # noqa: FBT001
) -> None:
    assert numbered_content(content, before, path) is numbered


@pytest.mark.parametrize(
    "line",
    [
        "# ... existing code ...",
        "    // ... rest of the function",
        "/* ... other imports unchanged ... */",
        "<!-- ... rest of the page ... -->",
        "// rest of the code remains the same",
        "# Rest of the file unchanged",
        "... rest of the code ...",
        "[... remaining lines unchanged ...]",
        "-- … same as before",
        "{/* ... existing JSX ... */}",
    ],
)
def test_words_for_lines_that_are_left_out_are_known(line: str) -> None:
    assert has_gap(f"a\n{line}\nb")
    assert lost_by("a\nb\n", f"a\n{line}\nb\n") == line.strip()
    assert lost_by(f"{line}\n", f"a\n{line}\nb\n") == ""


@pytest.mark.parametrize(
    "line",
    [
        "def f(): ...",
        "    ...",
        "print('...')",
        "# wait for the rest of the answer",
        "// the remaining budget in bytes",
        "x = [1, 2, ...more]",
        "const rest = {...others};",
        "return [...existing, item];",
        "# see above",
    ],
)
def test_ordinary_code_is_not_taken_for_them(line: str) -> None:
    assert lost_by("a\n", f"a\n{line}\n") == ""


def test_bare_dots_count_only_where_a_file_shrinks() -> None:
    before = "".join(f"line {n}\n" for n in range(40))

    assert lost_by_whole(before, "line 0\n# ...\n") == "# ..."
    assert lost_by_whole(before, before + "# ...\n") == ""
    assert lost_by_whole("a\nb\nc\n", "a\n...\n") == ""


def test_long_lines_are_not_searched_for_words() -> None:
    dots = "# " + "." * 100_000
    assert lost_by("", f"{dots}\n# ... {'x ' * 100_000}\n") == ""
