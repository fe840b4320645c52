"""Prompts that are typed at a terminal, key by key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.exec_mode import keystrokes as key
from codex_oss.exec_mode.editing import Editor
from codex_oss.exec_mode.keystrokes import Keystrokes
from codex_oss.exec_mode.menu import Menu


def typed(data: str, before: list[str] | None = None) -> tuple[list[str], Editor]:
    """Type; return the prompts that were finished, and the editor."""
    editor = Editor(before or [])
    keys = Keystrokes().feed(data.encode())
    done = [editor.feed(each) for each in keys]
    return [prompt for prompt in done if prompt is not None], editor


@pytest.mark.parametrize(
    ("data", "prompt"),
    [
        ("hello\r", "hello"),
        ("hello\n", "hello"),
        ("one\\\ntwo\n", "one\ntwo"),
        ("one\x1b\ntwo\n", "one\ntwo"),
        ("ab\x1b[Dx\n", "axb"),
        ("ab\x1bODx\n", "axb"),
        ("ab\x01x\x05y\n", "xaby"),
        ("ab\x1b[Hx\x1b[Fy\n", "xaby"),
        ("ab\x7fc\n", "ac"),
        ("ab\x01\x1b[3~c\n", "cb"),
        ("one two\x17three\n", "one three"),
        ("one\x15two\n", "two"),
        ("onetwo\x1b[D\x1b[D\x1b[D\x0b\n", "one"),
        ("caf\u00e9 \u65e5\u672c\n", "caf\u00e9 \u65e5\u672c"),
        (
            "a\x1b[200~one\r\ntwo\\\nthree\x1b[31m\x1b[201~b\n",
            "aone\ntwo\\\nthree[31mb",
        ),
        ("gone\x03kept\n", "kept"),
        ("a\x04b\n", "ab"),
        ("a\x1b[1;5Cb\x1b[15~c\n", "abc"),
    ],
)
def test_keys_make_a_prompt(data: str, prompt: str) -> None:
    assert typed(data)[0] == [prompt]


def test_arrows_bring_prompts_back_and_the_draft_too() -> None:
    up, down = "\x1b[A", "\x1b[B"
    assert typed(f"dra{up}{up}{down}{down}ft\n", ["1", "2"])[0] == ["draft"]
    assert typed(f"{up}{up}{up}!\n", ["1", "2"])[0] == ["1!"]
    assert typed(f"one\n{up}\n{up}{up}\n")[0] == ["one", "one", "one"]


def test_arrows_move_inside_of_a_prompt_of_lines_first() -> None:
    up = "\x1b[A"
    assert typed(f"abc\x1b\ndef{up}X\n", ["before"])[0] == ["abcX\ndef"]


def test_ctrl_d_ends_only_where_nothing_is_typed() -> None:
    assert not typed("a\x04")[1].ended
    assert typed("\x04")[1].ended


@given(st.binary(max_size=60), st.integers(1, 7))
def test_any_bytes_in_any_pieces_are_taken(data: bytes, size: int) -> None:
    editor, strokes = Editor(["before"]), Keystrokes()
    for at in range(0, len(data), size):
        for each in strokes.feed(data[at : at + size]):
            editor.feed(each)
            editor.draw(10, 5)
    assert all(char.isprintable() or char in "\n\t" for char in editor.text)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=20))
def test_text_is_the_same_in_every_chunking(text: str) -> None:
    data = f"{text}\x1b[200~{text}\x1b[201~\x1b[D".encode()
    strokes = Keystrokes()
    pieces = [
        each for at in range(len(data)) for each in strokes.feed(data[at : at + 1])
    ]
    # Byte by byte an escape sequence's first character cannot be told from the key.
    assert "".join(k for k in pieces if k[0] != "\x1b").startswith(text)
    whole = Keystrokes().feed(data)
    assert whole == [*text, key.PASTED + text, key.LEFT]


def test_a_drawing_puts_the_cursor_where_the_next_letter_goes() -> None:
    _, editor = typed("ab\x1b[D")
    assert editor.draw(80, 24) == "\r\x1b[J> ab\r\x1b[3C"
    _, editor = typed("one\x1b\ntwo")
    assert editor.draw(80, 24) == "\r\x1b[J> one\n  two\r\x1b[5C"
    assert editor.draw(80, 24) == "\r\x1b[1A\x1b[J> one\n  two\r\x1b[5C"
    assert editor.leave("one", 80) == "\r\x1b[1A\x1b[J> one\n"


@pytest.mark.parametrize("height", [1, 5, 24, 200])
def test_a_drawing_is_no_higher_than_the_terminal(height: int) -> None:
    _, editor = typed("\x1b\n".join(f"line {n}" for n in range(30)))
    assert editor.draw(80, height).count("\n") < height
    menu = Menu("which?", [f"row {n}" for n in range(30)])
    for _ in range(20):
        menu.feed(key.DOWN)
    drawn = menu.draw(80, height)
    assert drawn.count("\n") < max(height, 4)
    assert "→ row 20" in drawn


def test_a_menu_is_narrowed_by_words_and_chosen_from_by_arrows() -> None:
    menu = Menu("which?", ["mend the parser", "write docs", "parse dates"])
    for each in Keystrokes().feed(b"PARSE\x1b[B"):
        menu.feed(each)
    assert menu.draw(80, 24) == (
        "\r\x1b[Jwhich? (2 of 3)\nsearch: PARSE\n  mend the parser\n→ parse dates\n"
        "↑↓ choose · type to search · enter: take · esc: none"
    )
    menu.feed(key.ENTER)
    assert (menu.chosen, menu.over) == (2, True)


@pytest.mark.parametrize("leave", ["\x1b", "\x03", "\x04"])
def test_a_menu_can_be_left(leave: str) -> None:
    menu = Menu("which?", ["a"])
    menu.feed("x")
    menu.feed(key.ENTER)
    assert not menu.over
    menu.feed(leave)
    assert (menu.chosen, menu.over) == (None, True)
