"""Words of a shell script: what the shell makes of quotes, escapes and expansions."""

import re

import msgspec


class Word(msgspec.Struct, frozen=True):
    """One word as a program gets it, without its quotes.

    ``literal`` is False where the shell puts something in its place: variables,
    substitutions, wildcards, ``~``, braces. Those stand in ``text`` as written.
    """

    text: str
    literal: bool = True


class Piece(msgspec.Struct, frozen=True):
    """A part of a word. ``bare`` is what of it stands outside of quotes."""

    text: str
    bare: str = ""
    literal: bool = True


_QUOTED = "\0"
"""Stands in ``bare`` for what was quoted: no wildcard, and no ``~``."""
_ESCAPED = r"\\((?s:.)|$)"
_WILDCARDS = frozenset("*?[")
_BLANKS = frozenset(" \t\n")
"""The grammar takes ``{ {`` for one word."""


_REPLACED = r"(^|[=:])~|\{[^}]*(,|\.\.)"
"""Home folders, also in ``--prefix=~/x``, and braces."""


def joined(pieces: list[Piece]) -> Word:
    """Return the word that its pieces make."""
    bare = "".join(piece.bare for piece in pieces)
    literal = (
        all(piece.literal for piece in pieces)
        and (_WILDCARDS | _BLANKS).isdisjoint(bare)
        and re.search(_REPLACED, bare) is None
    )
    return Word("".join(piece.text for piece in pieces), literal)


def bare(source: str) -> Piece:
    """Return a piece without quotes; a backslash takes the next character as it is."""
    if "\\" not in source:
        return Piece(source, source)
    text = re.sub(_ESCAPED, lambda found: found[1].strip("\n"), source)
    skeleton = re.sub(_ESCAPED, _QUOTED, source)
    return Piece(text, skeleton)


def single(source: str) -> Piece:
    """Return a piece in single quotes, with them."""
    return Piece(source[1:].removesuffix("'"), _QUOTED)


def double(source: str, *, literal: bool) -> Piece:
    r"""Return a piece in double quotes, with them.

    ``\`` takes only ``$ ` " \`` and newline as they are; of those, only ``"`` where
    something is expanded.
    """
    inside = source[1:]
    inside = inside.removesuffix('"')
    if not literal:
        inside = inside.replace('\\"', '"')
    elif "\\" in inside:
        inside = re.sub(r'\\([$`"\\]|\n)', lambda found: found[1].strip("\n"), inside)
    return Piece(inside, _QUOTED, literal)


_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}
_ANSI = (
    r"\\(?:x(?P<x>[0-9a-fA-F]{1,2})|u(?P<u>[0-9a-fA-F]{1,4})"
    r"|U(?P<U>[0-9a-fA-F]{1,8})|(?P<o>[0-7]{1,3})|(?P<c>(?s:.)))"
)


def ansi(source: str) -> Piece:
    r"""Return a piece in ``$'…'``, with its quotes: escapes as in C."""
    inside = source[2:].removesuffix("'")
    return Piece(re.sub(_ANSI, _unescaped, inside), _QUOTED)


def expanded(source: str) -> Piece:
    """Return a piece that the shell replaces."""
    return Piece(source, _QUOTED, literal=False)


def _unescaped(found: re.Match[str]) -> str:
    for name, base in (("x", 16), ("u", 16), ("U", 16), ("o", 8)):
        if digits := found[name]:
            return _character(int(digits, base))
    return _ESCAPES.get(found["c"], found["c"])


def _character(code: int) -> str:
    try:
        return chr(code)
    except (OverflowError, ValueError):
        return "\N{REPLACEMENT CHARACTER}"
