"""Regular expressions of strangers: looked for in a text, in bounded time.

Python's own engine tries one way after the other, and a pattern can be made so that it
takes years; whoever sends a form could stop the program with it. Here all ways are gone
at once (Thompson's construction), so the time is that of the text times the pattern.
The language is what patterns of JSON Schema mostly use of ECMAScript's: no assertions
about what stands around, no back references, no properties of Unicode.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

MAX_PATTERN = 500
"""Characters of a pattern."""
MAX_DEPTH = 30
"""Groups inside of each other."""
MAX_RANGES = 16
"""Ranges and classes between square brackets."""
MAX_STEPS = 1000
"""Steps of a pattern's counted repetitions, written out, all of them together."""
MAX_WORK = 100_000
"""Steps times characters: about a tenth of a second. Nothing else happens in this
process meanwhile, and a form has many fields."""

_Test = Callable[[str], bool]
_Edge = Literal["begin", "end", "word", "no word"]


class _Take(msgspec.Struct, frozen=True):
    """Take a character that passes."""

    test: _Test


class _Fork(msgspec.Struct, frozen=True):
    """Go on at both places; they are counted from here."""

    one: int
    other: int


class _At(msgspec.Struct, frozen=True):
    """Go on only at such a place in the text."""

    edge: _Edge


_Steps = list[_Take | _Fork | _At]


def found(pattern: str, text: str) -> bool | None:
    """Return whether ``pattern`` is somewhere in ``text``; None: it cannot be told."""
    try:
        steps = _Reader(pattern).steps()
    except ValueError:
        return None
    if len(steps) * (len(text) + 1) > MAX_WORK:
        return None
    here: set[int] = set()
    for at in range(len(text) + 1):
        now = _reached(steps, {0} | here, text, at)
        if len(steps) in now:
            return True
        if at < len(text):
            char = text[at]
            here = {n + 1 for n in now if _takes(steps[n], char)}
    return False


def _takes(step: _Take | _Fork | _At, char: str) -> bool:
    return isinstance(step, _Take) and step.test(char)


def _reached(steps: _Steps, begun: set[int], text: str, at: int) -> set[int]:
    """Return the steps to be taken next, after all that need no character."""
    seen, todo = set[int](), list(begun)
    while todo:
        number = todo.pop()
        if number in seen:
            continue
        seen.add(number)
        step = steps[number] if number < len(steps) else None
        if isinstance(step, _Fork):
            todo += [number + step.one, number + step.other]
        elif isinstance(step, _At) and _is_at(step.edge, text, at):
            todo.append(number + 1)
    return seen


def _is_at(edge: _Edge, text: str, at: int) -> bool:
    if edge == "begin":
        return at == 0
    if edge == "end":
        return at == len(text)
    before = at > 0 and _is_word(text[at - 1])
    after = at < len(text) and _is_word(text[at])
    return (before != after) == (edge == "word")


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


def _is_blank(char: str) -> bool:
    return char.isspace() or char == "\ufeff"


def _no_line_end(char: str) -> bool:
    return char not in "\n\r\u2028\u2029"


_KINDS: dict[str, _Test] = {"d": _is_digit, "w": _is_word, "s": _is_blank}
_CHARS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "0": "\0"}
_EDGES: dict[str, _Edge] = {"b": "word", "B": "no word"}
_HEX = {"x": 2, "u": 4}


class _Reader:
    """Reads a pattern; raises ``ValueError`` for what it does not know."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._repeats = 0

    def steps(self) -> _Steps:
        """Return the whole pattern's."""
        if len(self._text) > MAX_PATTERN:
            raise ValueError("long")
        steps = self._either(0)
        if self._at < len(self._text):
            raise ValueError("a bracket too many")
        return steps

    def _next(self, *wanted: str) -> str:
        """Take one of the texts, if one stands here; any character without texts."""
        for text in wanted or (self._text[self._at : self._at + 1],):
            if text and self._text.startswith(text, self._at):
                self._at += len(text)
                return text
        if wanted:
            return ""
        raise ValueError("its end is missing")

    def _either(self, depth: int) -> _Steps:
        if depth > MAX_DEPTH:
            raise ValueError("deep")
        steps = self._sequence(depth)
        while self._next("|"):
            other = self._sequence(depth)
            over = _Fork(len(other) + 1, len(other) + 1)
            steps = [_Fork(1, len(steps) + 2), *steps, over, *other]
        return steps

    def _sequence(self, depth: int) -> _Steps:
        steps: _Steps = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            steps += self._repeated(self._one(depth))
        return steps

    def _one(self, depth: int) -> _Steps:
        match self._next():
            case "(":
                self._begin_group()
                steps = self._either(depth + 1)
                if not self._next(")"):
                    raise ValueError("a bracket is missing")
                return steps
            case "[":
                return [_Take(self._set())]
            case "\\":
                return self._escaped()
            case "^":
                return [_At("begin")]
            case "$":
                return [_At("end")]
            case ".":
                return [_Take(_no_line_end)]
            case "*" | "+" | "?":
                raise ValueError("nothing to repeat")
            case char:
                return [_Take(char.__eq__)]

    def _begin_group(self) -> None:
        if not self._next("?") or self._next(":"):
            return
        if not self._next("<") or self._next("=", "!"):
            raise ValueError("an assertion")
        while self._next() != ">":
            continue

    def _repeated(self, steps: _Steps) -> _Steps:
        least, most = self._times()
        self._next("?")  # what is lazy is found as well
        size, times = len(steps), max(least, most or 0)
        # A repetition of nothing takes a step for each time, too.
        self._repeats += (size + 1) * times if times > 1 else 0
        if self._repeats > MAX_STEPS:
            raise ValueError("long")
        again: _Steps = []
        if most is None:
            again = [_Fork(1, size + 2), *steps, _Fork(-size - 1, -size - 1)]
        for _ in range(least, most or 0):
            again = [_Fork(1, size + 1 + len(again)), *steps, *again]
        return steps * least + again

    def _times(self) -> tuple[int, int | None]:
        match self._next("*", "+", "?", "{"):
            case "*":
                return 0, None
            case "+":
                return 1, None
            case "?":
                return 0, 1
            case "{":
                return self._counted()
            case _:
                return 1, 1

    def _counted(self) -> tuple[int, int | None]:
        inside, end, _ = self._text[self._at :].partition("}")
        least, comma, most = inside.partition(",")
        numbers = [each for each in (least, most) if each or each is least]
        if not end or not all(map(_is_number, numbers)):
            raise ValueError("a brace")
        self._at += len(inside) + 1
        if not comma:
            return int(least), int(least)
        if most and int(most) < int(least):
            raise ValueError("from more to less")
        return int(least), int(most) if most else None

    def _escaped(self) -> _Steps:
        if edge := self._next("b", "B"):
            return [_At(_EDGES[edge])]
        test = self._class_or_char()
        return [_Take(test.__eq__ if isinstance(test, str) else test)]

    def _class_or_char(self) -> "_Test | str":
        """Return what a backslash and the characters behind it stand for."""
        char = self._next()
        if (kind := _KINDS.get(char.lower())) is not None:
            return kind if char.islower() else _not(kind)
        if char in _CHARS:
            return _CHARS[char]
        if (digits := _HEX.get(char)) is not None:
            code = self._text[self._at : self._at + digits]
            if len(code) < digits or not all(
                c in "0123456789abcdefABCDEF" for c in code
            ):
                raise ValueError("a code")
            self._at += digits
            return chr(int(code, 16))
        if char.isalnum():  # back references, properties and the like
            raise ValueError("unknown")
        return char

    def _set(self) -> _Test:
        negated = bool(self._next("^"))
        tests, chars = list[_Test](), set[str]()
        while not self._next("]"):
            first = self._member()
            if not isinstance(first, str):
                tests.append(first)
            elif self._text[self._at + 1 : self._at + 2] not in ("", "]") and (
                self._next("-")
            ):
                tests.append(_between(first, self._member()))
            else:
                chars.add(first)
        if len(tests) > MAX_RANGES:
            raise ValueError("long")

        def test(char: str) -> bool:
            return (char in chars or any(each(char) for each in tests)) != negated

        return test

    def _member(self) -> "_Test | str":
        if not self._next("\\"):
            return self._next()
        return "\b" if self._next("b") else self._class_or_char()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) <= MAX_STEPS


def _between(first: str, last: "_Test | str") -> _Test:
    if not isinstance(last, str) or last < first:
        raise ValueError("a range")
    return lambda char: first <= char <= last


def _not(test: _Test) -> _Test:
    return lambda char: not test(char)
