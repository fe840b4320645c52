r"""What models send with the lines of a file that is not in the file.

Line numbers are copied from the output of ``cat -n`` and ``nl``; JSON is escaped once
too often; a code block keeps its fence; and ``# ... rest of the code`` stands for lines
that the model does not want to write. The first three can be taken off where the result
can mean only one thing. The last must never reach a file.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from codex_oss.errors import PatchError

_NUMBERED = r"[ \t]*(\d+)(?:[\t:|→]|  )"
_NUMBER_ALONE = r"[ \t]*(\d+)[:|→]?[ \t]*"
_MARK = r"(?://+|#+|--+|/\*+|<!--|;+|%+|\{/\*|\"\"\"|\*)"
_DOTS = r"(?:\.\.\.+|…)"
_WORDS = (
    r"(?:rest|existing|remaining|unchanged|omitted|truncated|same as|as before|"
    r"previous|other|more|stays? the same|implementation|above|below)"
)
_SAYS_REST = (
    rf"[ \t]*(?:{_MARK}[ \t]*|\[|\()?{_DOTS}[^\n]*\b{_WORDS}\b[^\n]*"
    rf"|[ \t]*{_MARK}[ \t]*(?:the )?\b(?:rest of|remaining|existing)\b[^\n]*"
    rf"(?:{_DOTS}|unchanged|\bsame\b|\bhere\b|as before)[^\n]*"
    rf"|[ \t]*{_MARK}[^\n]*\b(?:unchanged|as before)\b[^\n]*{_DOTS}[^\n]*"
)
_BARE = rf"[ \t]*{_MARK}?[ \t]*{_DOTS}[ \t]*(?:\*/|-->|\*/\}})?[ \t]*"
_SIGNS = ("...", "\u2026", "rest of", "remaining", "existing")
MAX_WORDS = 200
"""Characters of a line that stands for others."""
_FENCE = r"```[\w+.#-]*"
_MARKUP = (".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc")
"""Files in which a fence may well be meant."""
SHRUNK = 0.7
"""A file that keeps less of its lines than this is looked at more closely."""
SHORT_FILE = 20
"""Lines of a file that can well be written anew in less."""
_TABLES = (".tsv", ".csv", ".txt", ".md", ".log", ".tab", ".dat", ".json")
"""Files in which each line may well begin with a number."""


class Reading(NamedTuple):
    """Both texts as they may be meant; ``mended`` is words for the model."""

    old: str
    new: str
    mended: str = ""


def readings(old: str, new: str) -> Iterator[Reading]:
    """Yield the texts as they came, then as they were probably meant."""
    yield Reading(old, new)
    bare = _unfenced(old), _unfenced(new)
    if bare != (old, new):
        yield Reading(*bare, "the code fence was taken off")
    plain = unnumbered(old)
    if plain is not None:
        again = unnumbered(new)
        if again is None and _any_numbered(new):
            raise PatchError(
                "old_text has line numbers, and only some lines of new_text do",
                hint="Send both texts without line numbers: they are not in the file.",
            )
        kept = new if again is None else again
        yield Reading(plain, kept, "line numbers are not in the file: taken off")
    if "\n" not in old and "\\n" in old:
        texts = _unescaped(old), _unescaped(new)
        yield Reading(*texts, r"`\n` was taken for newlines")


def content_meant(content: str, path: str) -> Reading:
    """Return a whole file without the fence of a code block around all of it."""
    if path.lower().endswith(_MARKUP):
        return Reading("", content)
    plain = _unfenced(content)
    if plain == content:
        return Reading("", content)
    return Reading("", plain + "\n", "the code fence was taken off")


def _unfenced(text: str) -> str:
    lines = text.strip("\n").split("\n")
    closed = len(lines) > 1 and lines[-1].strip() == "```"
    if closed and re.fullmatch(_FENCE, lines[0].strip()):
        return "\n".join(lines[1:-1])
    return text


def _unescaped(text: str) -> str:
    signs = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r'\\([nt"\\])', lambda found: signs[found[1]], text)


# --- line numbers ---------------------------------------------------------------------


def unnumbered(text: str) -> str | None:
    """Return ``text`` without the line numbers that all its lines have, else None.

    They must count up by one; ``nl`` leaves blank lines without a number.
    """
    lines, numbers = text.split("\n"), list[int]()
    plain: list[str] = []
    for line in lines:
        if not line.strip():
            plain.append("")
            continue
        found = re.match(_NUMBERED, line) or re.fullmatch(_NUMBER_ALONE, line)
        if found is None:
            return None
        numbers.append(int(found[1]))
        plain.append(line[found.end() :])
    steps = {b - a for a, b in pairwise(numbers)}
    if not numbers or steps - {1}:
        return None
    return "\n".join(_closer(plain))


def _closer(lines: list[str]) -> list[str]:
    """Take the one space off that stands after ``12:`` and ``12|`` in every line."""
    full = [line for line in lines if line]
    one = full and all(line.startswith(" ") for line in full)
    odd = one and all((len(x) - len(x.lstrip(" "))) % 2 for x in full if x.strip())
    return [line[1:] for line in lines] if odd else lines


def _any_numbered(text: str) -> bool:
    return any(re.match(_NUMBERED, line) for line in text.split("\n"))


def numbered_content(content: str, before: str | None, path: str) -> bool:
    """Return whether ``content`` is a file copied with its line numbers."""
    if path.lower().endswith(_TABLES) or content.count("\n") < 2:  # noqa: PLR2004
        return False
    if unnumbered(content.rstrip("\n")) is None:
        return False
    return not before or unnumbered(before.rstrip("\n")) is None


# --- what is left out -----------------------------------------------------------------


def has_gap(text: str) -> bool:
    """Return whether a line of ``text`` stands for lines that were not written."""
    return any(_stands_for_lines(line) for line in text.split("\n"))


def _stands_for_lines(line: str) -> bool:
    return _says_rest(line) or _bare(line)


def _says_rest(line: str) -> bool:
    # Nearly all lines have none of this; the pattern is slow on long ones.
    if len(line) > MAX_WORDS or not any(sign in line.lower() for sign in _SIGNS):
        return False
    return re.fullmatch(_SAYS_REST, line, re.IGNORECASE) is not None


def _bare(line: str) -> bool:
    return len(line) <= MAX_WORDS and re.fullmatch(_BARE, line) is not None


def lost_by(before: str, new: str) -> str:
    """Return the line of ``new`` that says that lines are left out, or nothing.

    A line that the file has already is its own.
    """
    there = {line.strip() for line in before.split("\n")}
    for line in new.split("\n"):
        if _says_rest(line) and line.strip() not in there:
            return line.strip()
    return ""


def lost_by_whole(before: str, content: str) -> str:
    """Return the line for which much of a file would be lost by writing it anew."""
    lost = lost_by(before, content)
    if lost or not _shrinks(before.split("\n"), content.split("\n")):
        return lost
    there = {line.strip() for line in before.split("\n")}
    bare = (x.strip() for x in content.split("\n") if x.strip() and _bare(x))
    return next((line for line in bare if line not in there), "")


def _shrinks(before: Sequence[str], after: Sequence[str]) -> bool:
    return len(before) > SHORT_FILE and len(after) < SHRUNK * len(before)
