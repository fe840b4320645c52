"""How strictly lines are compared: passes that let more and more aside.

The first pass that finds something decides.
"""

from collections.abc import Callable, Sequence

from codex_oss.errors import PatchError

Pass = Callable[[str], str]
MAX_NAMED = 10
"""Places that are named to a model whose text is there several times."""

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_SINGLE = "\u2018\u2019\u201a\u201b"
_DOUBLE = "\u201c\u201d\u201e\u201f"
_SPACES = (
    "\u00a0\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_ASCII = {
    ord(char): plain
    for chars, plain in ((_DASHES, "-"), (_SINGLE, "'"), (_DOUBLE, '"'), (_SPACES, " "))
    for char in chars
}


def exact(line: str) -> str:
    """Every character counts."""
    return line


def trailing_space_aside(line: str) -> str:
    """Space at the end of a line does not count."""
    return line.rstrip()


def outer_space_aside(line: str) -> str:
    """Nor does indentation."""
    return line.strip()


def typography_aside(line: str) -> str:
    """Nor do the Unicode forms of dashes, quotes and spaces."""
    return line.strip().translate(_ASCII).strip()


PASSES: tuple[Pass, ...] = (
    exact,
    trailing_space_aside,
    outer_space_aside,
    typography_aside,
)


def find(lines: Sequence[str], wanted: Sequence[str], start: int = 0) -> int | None:
    """Return the index at or after ``start`` where ``wanted`` stands in ``lines``."""
    if not wanted or len(wanted) > len(lines) - start:
        return None
    for key in PASSES:
        at = _first(
            [key(line) for line in lines], [key(line) for line in wanted], start
        )
        if at is not None:
            return at
    return None


def places(lines: Sequence[str], wanted: Sequence[str], key: Pass) -> list[int]:
    """Return where ``wanted`` stands in ``lines`` in one pass, without overlaps."""
    keyed, sought = [key(line) for line in lines], [key(line) for line in wanted]
    found: list[int] = []
    at = _first(keyed, sought, 0) if sought else None
    while at is not None:
        found.append(at)
        at = _first(keyed, sought, at + len(sought))
    return found


def find_told(lines: Sequence[str], wanted: Sequence[str], number: int) -> int | None:
    """Return the only index of ``wanted``, or the one that line ``number`` names.

    Raises ``PatchError`` when there are several, and the number names none of them.
    """
    for key in PASSES:
        found = places(lines, wanted, key)
        if len(found) == 1 or number - 1 in found:
            return found[0] if len(found) == 1 else number - 1
        if found:
            at = ", ".join(str(each + 1) for each in found[:MAX_NAMED])
            raise PatchError(
                f"the old lines are in the file {len(found)} times, at lines {at}",
                hint="Send more of the lines around the place you mean.",
            )
    return None


def _first(lines: list[str], wanted: list[str], start: int) -> int | None:
    stop = len(lines) - len(wanted) + 1
    while start < stop:
        try:
            at = lines.index(wanted[0], start, stop)
        except ValueError:
            return None
        if lines[at : at + len(wanted)] == wanted:
            return at
        start = at + 1
    return None
