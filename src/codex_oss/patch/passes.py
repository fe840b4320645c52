"""How strictly lines are compared: passes that let more and more aside.

The first pass that finds something decides.
"""

from collections.abc import Callable

Pass = Callable[[str], str]

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
