"""A constrained reply, read while it comes: ``{"tool": …}`` or ``{"answer": …}``."""

from collections.abc import Callable

import msgspec

KEY_LIMIT = 256
"""Characters of a key or a tool's name; a longer one is text that begins like JSON."""


class AnswerText(msgspec.Struct, frozen=True):
    """More of what the model tells the person."""

    text: str


class CallOpened(msgspec.Struct, frozen=True):
    """A call begins."""

    name: str


class CallArguments(msgspec.Struct, frozen=True):
    """More of the JSON text of the call's arguments."""

    text: str


class CallClosed(msgspec.Struct, frozen=True):
    """The call is over; its arguments may be cut off when the answer is."""


Piece = AnswerText | CallOpened | CallArguments | CallClosed

_SPACE = " \t\r\n"
_ESCAPES = {
    '"': '"', "\\": "\\", "/": "/",
    "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t",
}  # fmt: skip
_UNICODE = 6
"""Characters of an escape such as ``\\u00e9``; a surrogate pair has two."""


class ReplyDecoder:
    """Turns the text of constrained replies into pieces, as soon as they are known.

    Joined, the pieces are the same however the text is cut. Text of another form, for
    servers may ignore the schema, comes out as it is.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._pieces: list[Piece] = []
        self._begin()

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what it completes."""
        self._rest += text
        while self._rest and self._step():
            pass
        return self._taken()

    def finish(self) -> list[Piece]:
        """Return what is left when the answer is over."""
        if self._step == self._text and self._rest:
            self._tell("\ufffd" if self._rest.startswith("\\u") else "")
        elif not self._committed and (self._seen + self._rest).strip(_SPACE):
            self._tell(self._seen + self._rest)
        if self._called:
            self._close()
        self._rest = ""
        self._begin()
        return self._taken()

    def _taken(self) -> list[Piece]:
        pieces, self._pieces = self._pieces, []
        return pieces

    # --- what is told ------------------------------------------------------------

    def _begin(self) -> None:
        self._step: Callable[[], bool] = self._start
        self._seen = ""
        self._key = ""
        self._held = ""
        self._committed = False
        self._called = False
        self._argued = False
        self._extent = _Extent()

    def _tell(self, text: str) -> None:
        if text:
            self._pieces.append(AnswerText(text))

    def _argue(self, text: str) -> None:
        if self._called and text:
            self._argued = True
            self._pieces.append(CallArguments(text))
        else:
            self._held += text

    def _close(self) -> None:
        if not self._argued:
            self._pieces.append(CallArguments("{}"))
        self._pieces.append(CallClosed())

    # --- steps: each takes from the rest, and returns whether the next may go on ----

    def _take(self, size: int) -> str:
        taken, self._rest = self._rest[:size], self._rest[size:]
        if not self._committed:
            self._seen += taken
        return taken

    def _next(self, skipped: str = _SPACE) -> str:
        """Skip white space; return the next character, or "" when more must come."""
        self._take(len(self._rest) - len(self._rest.lstrip(skipped)))
        return self._rest[:1]

    def _start(self) -> bool:
        match self._next():
            case "":
                return False
            case "{":
                self._take(1)
                self._step = self._member
                return True
            case _:
                return self._other()

    def _other(self) -> bool:
        """Take what is not a reply as text, with all of it that was held back."""
        if self._called:
            self._close()
        if not self._committed:
            self._tell(self._seen)
        self._committed, self._called = True, False
        self._step = self._verbatim
        return True

    def _verbatim(self) -> bool:
        self._tell(self._take(len(self._rest)))
        return False

    def _member(self) -> bool:
        match self._next(_SPACE + ","):
            case "":
                return False
            case "}":
                return self._end()
            case '"':
                return self._name_then(self._keyed)
            case _:
                return self._other()

    def _end(self) -> bool:
        if not self._committed:
            return self._other()
        self._take(1)
        if self._called:
            self._close()
        self._begin()
        return True

    def _name_then(self, use: Callable[[str], bool]) -> bool:
        """Take a whole string, without escapes, and go on with it."""
        end = self._rest.find('"', 1)
        if end < 0:
            return len(self._rest) > KEY_LIMIT and self._other()
        return use(self._take(end + 1)[1:-1])

    def _keyed(self, key: str) -> bool:
        self._key = key
        self._step = self._colon
        return True

    def _colon(self) -> bool:
        if not self._next():
            return False
        if self._rest[0] != ":":
            return self._other()
        self._take(1)
        self._step = self._value
        return True

    def _value(self) -> bool:
        first = self._next()
        if not first:
            return False
        match self._key:
            case "answer" if first == '"' and not self._called:
                self._take(1)
                self._committed = True
                self._step = self._text
                return True
            case "tool" if first == '"' and not self._called:
                return self._name_then(self._open)
            case "arguments":
                self._step = self._arguments
                return True
            case _ if self._committed:
                self._step = self._skipped
                return True
            case _:
                return self._other()

    def _open(self, name: str) -> bool:
        self._pieces.append(CallOpened(name))
        self._committed = self._called = True
        held, self._held = self._held, ""
        self._argue(held)
        self._step = self._member
        return True

    def _arguments(self) -> bool:
        self._argue(self._take(self._extent.of(self._rest)))
        return self._go_on()

    def _skipped(self) -> bool:
        self._take(self._extent.of(self._rest))
        return self._go_on()

    def _go_on(self) -> bool:
        """Go on to the next member when the value is over."""
        if self._extent.closed:
            self._extent = _Extent()
            self._step = self._member
        return bool(self._rest)

    def _text(self) -> bool:
        """Tell the answer up to its next quote or escape."""
        ends = (self._rest.find('"'), self._rest.find("\\"))
        end = min((at for at in ends if at >= 0), default=len(self._rest))
        self._tell(self._take(end))
        if self._rest.startswith('"'):
            self._take(1)
            self._step = self._member
            return True
        return bool(self._rest) and self._escape()

    def _escape(self) -> bool:
        char = self._rest[1:2]
        if char == "u":
            return self._unicode()
        if char:
            self._take(2)
            self._tell(_ESCAPES.get(char, "\\" + char))
        return bool(char)

    def _unicode(self) -> bool:
        size = _UNICODE
        if self._rest[2:3] in "dD" and self._rest[3:4] in "89abAB":  # a high surrogate
            follower = self._rest[_UNICODE : _UNICODE + 2]
            size = 2 * _UNICODE if "\\u".startswith(follower) else _UNICODE
        if len(self._rest) < size:
            return False
        escape = f'"{self._take(size)}"'
        try:
            self._tell(msgspec.json.decode(escape, type=str))
        except msgspec.DecodeError:
            self._tell("\ufffd")
        return True


class _Extent:
    """Finds where a JSON value ends, in any number of pieces of text."""

    def __init__(self) -> None:
        self.closed = False
        self._depth = 0
        self._quoted = False
        self._escaped = False
        self._begun = False

    def of(self, text: str) -> int:
        """Return how many characters of ``text`` belong to the value."""
        for at, char in enumerate(text):
            if self._quoted:
                self._in_string(char)
            elif char in '{["':
                self._quoted = char == '"'
                self._depth += char != '"'
            elif char in "}]" and self._depth:
                self._depth -= 1
            elif char in ",}]" and not self._depth:
                self.closed = True
                return at  # a number or a word ends before what follows it
            else:
                continue
            if not self._depth and not self._quoted:
                self.closed = True
                return at + 1
        return len(text)

    def _in_string(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._quoted = False
