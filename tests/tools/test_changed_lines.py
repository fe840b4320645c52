"""What a model sees of an edit's lines."""

import pytest

from codex_oss.tools.changed_lines import changed_lines

BEFORE = "".join(f"{n}\n" for n in range(1, 13))


@pytest.mark.parametrize(
    ("after", "shown"),
    [
        (BEFORE, ""),
        (BEFORE.replace("\n5\n", "\nfive\n"), " 3  3\n 4  4\n 5+ five\n 6  6\n 7  7"),
        (
            BEFORE.replace("\n5\n6\n", "\n"),
            " 3  3\n 4  4\n  - (2 lines removed)\n 5  7\n 6  8",
        ),
        (f"0\n{BEFORE}", " 1+ 0\n 2  1\n 3  2"),
        (f"{BEFORE}13\n", "11  11\n12  12\n13+ 13"),
        (BEFORE.removesuffix("11\n12\n"), " 9  9\n10  10\n  - (2 lines removed)"),
        (
            BEFORE.replace("\n2\n", "\nB\n").replace("\n11\n", "\nK\n"),
            " 1  1\n 2+ B\n 3  3\n 4  4\n...\n 9  9\n10  10\n11+ K\n12  12",
        ),
        ("", "- (12 lines removed)"),
    ],
)
def test_changed_lines_have_their_numbers_and_two_of_context(
    after: str, shown: str
) -> None:
    assert changed_lines(BEFORE, after).lstrip(" ") == shown.lstrip(" ")


def test_much_is_cut() -> None:
    after = "".join(f"line {n}\n" for n in range(5000))

    shown = changed_lines(BEFORE, after, 500)

    assert shown.endswith("\n...")
    assert len(shown) <= 504


def test_long_lines_are_cut() -> None:
    assert changed_lines("a\n", "b" * 1000) == "1+ " + "b" * 160
