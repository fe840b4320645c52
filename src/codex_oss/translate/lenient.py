"""A reader for JSON as models write it, which refuses where a value would be guessed.

On top of JSON it takes what occurs in tool calls of open models: single quotes, keys
without quotes, ``True``/``False``/``None``, trailing and missing commas, raw newlines
in strings, unknown escapes (kept, as regular expressions are meant) and an object
whose last braces are missing. A string, number or list that is cut off is refused:
half a command must not run.
"""

from typing import Any

import msgspec

MAX_DEPTH = 64
"""Levels of nesting that are read; deeper text is refused."""

_SPACE = " \t\r\n"
_ESCAPES = {
    '"': '"', "'": "'", "\\": "\\", "/": "/",
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\n": "",
}  # fmt: skip
_WORDS = {
    "true": True, "false": False, "null": None,
    "True": True, "False": False, "None": None,
}  # fmt: skip
_BARE = "_-"
_HIGH_SURROGATES = range(0xD800, 0xDC00)
_SURROGATES = range(0xD800, 0xE000)


class UnreadableError(ValueError):
    """The text is not JSON, and what is meant would have to be guessed."""


def read(text: str, start: int = 0) -> tuple[Any, int]:
    """Return the value that begins at ``start`` and the position after it."""
    reader = _Reader(text, start)
    value = reader.value(0)
    return value, reader.pos


def unfenced(text: str) -> tuple[str, str]:
    """Return the info word and content of the one code fence that ``text`` is.

    Of a text that is none, or more than that, return "" and the text.
    """
    head, newline, body = text.partition("\n")
    info, body = head[3:].strip(), body.rstrip()
    if not (newline and head.startswith("```")) or "`" in info or " " in info:
        return "", text
    content = body.removesuffix("```")
    return ("", text) if "```" in content else (info.lower(), content.strip())


class _Reader:
    """One pass over ``text``; ``pos`` is the next character."""

    def __init__(self, text: str, pos: int) -> None:
        self.text = text
        self.pos = pos

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise UnreadableError("nested too deep")
        match self.peek():
            case "{":
                return self.object(depth + 1)
            case "[":
                return self.array(depth + 1)
            case '"' | "'":
                return self.string()
            case _:
                return self.scalar()

    def peek(self) -> str:
        """Skip white space; return the next character, or "" at the end."""
        text = self.text
        while self.pos < len(text) and text[self.pos] in _SPACE:
            self.pos += 1
        return text[self.pos : self.pos + 1]

    def object(self, depth: int) -> dict[str, Any]:
        self.pos += 1
        found: dict[str, Any] = {}
        while True:
            char = self.peek()
            if char == "}":
                self.pos += 1
                return found
            if not char:
                if not found or self.text.rstrip(_SPACE).endswith(","):
                    raise UnreadableError("an object whose end is not known")
                return found
            key = self.key()
            if self.peek() != ":":
                raise UnreadableError("a key without a value")
            self.pos += 1
            found[key] = self.value(depth)
            self.comma("}", '"')

    def array(self, depth: int) -> list[Any]:
        self.pos += 1
        found: list[Any] = []
        while True:
            char = self.peek()
            if char == "]":
                self.pos += 1
                return found
            if not char:
                raise UnreadableError("a list that is cut off")
            found.append(self.value(depth))
            self.comma("]", "{")

    def comma(self, closer: str, opener: str) -> None:
        """Skip a comma; it may be missing before what can only be the next entry."""
        char = self.peek()
        if char == ",":
            self.pos += 1
        elif char not in (closer, opener, ""):
            raise UnreadableError(f"{char!r} where a comma should be")

    def key(self) -> str:
        if self.text[self.pos] in "\"'":
            return self.string()
        return self.word() or self.refuse()

    def word(self) -> str:
        start = self.pos
        text = self.text
        while self.pos < len(text) and (
            text[self.pos].isalnum() or text[self.pos] in _BARE
        ):
            self.pos += 1
        return text[start : self.pos]

    def scalar(self) -> bool | int | float | None:
        start = self.pos
        text = self.text
        while self.pos < len(text) and (
            text[self.pos].isalnum() or text[self.pos] in "+-."
        ):
            self.pos += 1
        if self.pos == len(text):
            raise UnreadableError("a value that is cut off")
        token = text[start : self.pos]
        if token in _WORDS:
            return _WORDS[token]
        try:
            return msgspec.json.decode(token, type=int | float)
        except msgspec.DecodeError:
            return self.refuse()

    def string(self) -> str:
        quote = self.text[self.pos]
        self.pos += 1
        parts: list[str] = []
        end = backslash = -1
        while True:
            # Each is looked for again only when passed: once through the text in all.
            if end < self.pos:
                end = self.find(quote)
            if backslash < self.pos:
                backslash = self.find("\\")
            if end == len(self.text):
                raise UnreadableError("a string that is cut off")
            stop = min(end, backslash)
            parts.append(self.text[self.pos : stop])
            self.pos = stop + 1
            if stop == end:
                return "".join(parts)
            parts.append(self.escape())

    def find(self, char: str) -> int:
        """Return where ``char`` comes next, or the text's length."""
        found = self.text.find(char, self.pos)
        return len(self.text) if found < 0 else found

    def escape(self) -> str:
        char = self.text[self.pos : self.pos + 1]
        self.pos += 1
        if char == "u":
            return self.unicode()
        return _ESCAPES.get(char, "\\" + char)

    def unicode(self) -> str:
        first = self.hex4()
        if first in _HIGH_SURROGATES and self.text.startswith("\\u", self.pos):
            self.pos += 2
            low = self.hex4()
            pair = first.to_bytes(2, "big") + low.to_bytes(2, "big")
            return pair.decode("utf-16-be", "replace")
        return "\ufffd" if first in _SURROGATES else chr(first)

    def hex4(self) -> int:
        digits = self.text[self.pos : self.pos + 4]
        if len(digits) < 4 or not digits.isalnum():  # noqa: PLR2004
            raise UnreadableError("a broken escape")
        self.pos += 4
        try:
            return int(digits, 16)
        except ValueError:
            return self.refuse()

    def refuse(self) -> Any:
        raise UnreadableError(f"unexpected text at {self.pos}")
