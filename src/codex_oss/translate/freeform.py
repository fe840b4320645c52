"""The text that a freeform tool gets, read from what a model sent as its arguments.

Models send ``{"input": …}``, ``{"patch": …}``, one JSON string, the bare text, a code
fence, or a shell command around it. Patches are also mended, where a mark is missing
and nothing else can be meant: the JSON around them was whole, so they are not cut off.
"""

from typing import Any, cast

import msgspec

from codex_oss.translate import lenient
from codex_oss.translate.repair import mend_arguments
from codex_oss.translate.tools import INPUT_SCHEMA
from codex_oss.wire.json_text import NOT_JSON

BEGIN, END = "*** Begin Patch", "*** End Patch"
_SECTIONS = ("*** Add File: ", "*** Update File: ", "*** Delete File: ")
_PROGRAMS = ("apply_patch", "applypatch")


def input_of(arguments: str) -> str:
    """Return the input of a freeform tool; "" when there is none.

    What is no JSON is the input as it stands.
    """
    given = _text_in(_decoded(arguments))
    if given is None:
        mended = mend_arguments(arguments, INPUT_SCHEMA)
        given = _text_in(_decoded(mended)) if mended else None
    if given is None:
        given = "" if arguments.strip() in ("", "{}", "null") else arguments
    return mend_patch(given)


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON:
        return None


def _text_in(given: object) -> str | None:
    match given:
        case str():
            return given
        case [str() as program, str() as text] if program in _PROGRAMS:
            return text
        case {"input": str(text)}:
            return text
        case dict():
            values = [*cast("dict[str, Any]", given).values()]
            texts = [text for value in values if (text := _text_in(value)) is not None]
            return texts[0] if len(texts) == 1 else None
        case _:
            return None


# --- patches -----------------------------------------------------------------------


def mend_patch(text: str) -> str:
    """Return a patch between its two marks; any other text as it was."""
    found = _patch_lines(text)
    if found is None:
        return text
    if found[0].strip() != BEGIN:
        found.insert(0, BEGIN)
    if found[-1].strip() != END:
        found.append(END)
    mended = "\n".join(found)
    return text if mended == text.strip() else mended


def _patch_lines(text: str) -> list[str] | None:
    """Return the lines of the one patch that ``text`` is, without its wrapping."""
    body = lenient.unfenced(text.strip())[1].strip()
    lines = body.split("\n")
    word = _heredoc_word(lines[0])
    if word:
        del lines[0]
        if lines and lines[-1].strip() == word:
            del lines[-1]
    while lines and not lines[-1].strip():
        del lines[-1]
    if not lines or not _opens_patch(lines[0]):
        return None
    whole = any(line.strip() == END for line in lines[:-1])
    return None if whole else lines


def _opens_patch(line: str) -> bool:
    return line.strip() == BEGIN or line.startswith(_SECTIONS)


def _heredoc_word(line: str) -> str:
    """Return the last line's word when ``line`` is ``apply_patch <<'WORD'``."""
    program, arrow, word = line.partition("<<")
    if not arrow or program.strip() not in _PROGRAMS:
        return ""
    return word.removeprefix("-").strip().strip("'\"")


# --- patches in commands -----------------------------------------------------------


def patch_command(patch: str) -> str:
    """Return the command that applies ``patch``; Codex runs it without a shell."""
    text = mend_patch(patch).rstrip("\n")
    word = heredoc_word(text)
    return f"apply_patch <<'{word}'\n{text}\n{word}\n"


def heredoc_word(text: str) -> str:
    """Return a word that no line of ``text`` is."""
    lines = {line.strip() for line in text.split("\n")}
    word, number = "EOF", 1
    while word in lines:
        number += 1
        word = f"EOF_{number}"
    return word


def mend_command(command: str) -> str:
    """Return a command that applies a patch, with the patch's marks.

    A command that is a bare patch becomes one that applies it. Others stay.
    """
    if BEGIN not in command:
        return command
    script = command.strip()
    first = script.partition("\n")[0]
    bare = first.strip() == BEGIN
    if not bare and not _heredoc_word(first):
        return command
    if END in script and not bare:
        return command
    lines = _patch_lines(script)
    return command if lines is None else patch_command("\n".join(lines))
