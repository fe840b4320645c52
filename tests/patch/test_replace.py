"""One text for another: what is found, what is mended, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import PatchError
from codex_oss.patch.replace import replaced

FILE = "def f(x):\n    if x:\n        return 1\n    return 2\n"


def to(old: str, new: str, text: str = FILE) -> str:
    return replaced(text, old, new, "a.py").text


def refused(old: str, new: str, text: str = FILE) -> tuple[str, str]:
    with pytest.raises(PatchError) as caught:
        replaced(text, old, new, "a.py")
    return str(caught.value), caught.value.hint or ""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("return 1", "return 9", "        return 9"),
        ("        return 1\n", "        return 9\n", "        return 9"),
        ("        return 1", "        return 9\n", "        return 9"),
        ("        return 1\n", "        return 9", "        return 9"),
        ("        return 1   ", "        return 9", "        return 9"),
        ("if x:\n    return 1", "if x:\n    return 9", "        return 9"),
        ("  if x:\n    return 1", "  if x:\n    return 9", "        return 9"),
        ("if x:  \n        return 1", "if x:\n        return 9", "        return 9"),
        ("\tif x:\n\t\treturn 1", "\tif x:\n\t\treturn 9", "        return 9"),
        ("\n    if x:\n        return 1\n\n", "    if x:\n        return 9\n", ""),
        ("if x:\\n        return 1", "if x:\\n        return 9", "        return 9"),
        (
            "```python\n    if x:\n        return 1\n```",
            "    if x:\n        return 9",
            "",
        ),
        ("     3\t        return 1", "        return 9", "        return 9"),
        ("3:         return 1\n4:     return 2", "        return 9\n    return 2", ""),
        ("3|        return 1", "3|        return 9", "        return 9"),
        ("  3→        return 1", "        return 9", "        return 9"),
    ],
)
def test_what_can_mean_only_one_thing_is_found(old: str, new: str, line: str) -> None:
    assert to(old, new) == FILE.replace("        return 1", line or "        return 9")


@pytest.mark.parametrize(
    ("sent", "file"),
    [("-", "\u2013"), ('"', "\u201c"), ("'", "\u2019"), (" ", "\u00a0")],
)
def test_the_forms_of_unicode_do_not_count(sent: str, file: str) -> None:
    assert to(f"a{sent}b", "c", f"x\na{file}b\ny\n") == "x\nc\ny\n"


@pytest.mark.parametrize("indent", ["\t", "  ", "    "])
def test_new_lines_get_the_files_indentation(indent: str) -> None:
    file = FILE.replace("    ", indent)
    old = "    if x:\n        return 1\n"
    new = "    if x:\n        if y:\n            return 0\n        return 1\n"

    expected = file.replace(
        f"{indent * 2}return 1\n",
        f"{indent * 2}if y:\n{indent * 3}return 0\n{indent * 2}return 1\n",
    )
    assert to(old, new, file) == expected


def test_newlines_stay_as_the_file_has_them() -> None:
    file = FILE.replace("\n", "\r\n")

    assert to("if x:\n        return 1", "if y:\n        return 3", file) == (
        "def f(x):\r\n    if y:\r\n        return 3\r\n    return 2\r\n"
    )
    assert to("if x: \n        return 1", "if y:\n        return 3", file) == (
        "def f(x):\r\n    if y:\r\n        return 3\r\n    return 2\r\n"
    )


def test_indentation_that_only_the_old_text_lacks_is_not_doubled() -> None:
    assert to("return 1", "        return 9") == FILE.replace("return 1", "return 9")
    assert to("if x:  \n    return 1", "    if x:\n        return 9") == FILE.replace(
        "return 1", "return 9"
    )
    assert to("return 1", "    return 1") == FILE.replace("return 1", "    return 1")


def test_a_text_may_be_removed_with_its_lines() -> None:
    assert to("    if x: \n        return 1\n", "") == "def f(x):\n    return 2\n"


def test_several_places_are_named_and_none_is_chosen() -> None:
    said, hint = refused("    return", "    yield")

    assert said == "the old text is in a.py 2 times, at lines 3, 4"
    assert "replace_all" in hint


def test_all_places_change_when_that_is_asked() -> None:
    done = replaced(FILE, "return", "yield", "a.py", everywhere=True)

    assert done.text == FILE.replace("return", "yield")


def test_an_indentation_that_cannot_be_carried_over_is_refused() -> None:
    said, hint = refused("if x:\n  return 1\n    return 2", "if x:\n      pass")

    assert said == "the old text is at line 2 of a.py, but with other indentation"
    assert "2:     if x:" in hint


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        (" \n", "x", "the old text is empty", "Copy the lines"),
        ("return 1", "return 1", "the old and the new text are the same", "go on"),
        ("def f(x):\n...\n    return 2", "x", "it leaves lines out", "without `...`"),
        ("def f(x):\n    # ...\n    return 2", "x", "leaves lines out", "few"),
        ("return 8", "return 2", "is not in a.py", "new text already, at line 4"),
        ("    if x: then", "x", "is not in a.py", "2:     if x:"),
        ("3:     return 1\n4: x", "y", "is not in a.py", "3:         return 1"),
        ("3\t        return 1\n4\t    return 2", "3\tx\ny", "only some", "without"),
    ],
)
def test_a_refusal_says_what_to_send(old: str, new: str, said: str, hint: str) -> None:
    told = refused(old, new)

    assert said in told[0]
    assert hint in told[1]


LINES = st.lists(st.text("ab \t-'\u2019", max_size=6), min_size=1, max_size=12)


@given(LINES, LINES, st.integers(0, 11), st.integers(1, 4))
def test_what_is_around_the_place_stays_byte_for_byte(
    lines: list[str], new: list[str], start: int, count: int
) -> None:
    old = lines[start : start + count]
    text = "\n".join(lines) + "\n"
    try:
        done = replaced(text, "\n".join(old), "\n".join(new), "f").text
    except PatchError:
        return
    head, tail = "\n".join(lines[:start]), "\n".join(lines[start + count :])
    assert done.startswith(head)
    assert done.rstrip("\n").endswith(tail.rstrip("\n"))
