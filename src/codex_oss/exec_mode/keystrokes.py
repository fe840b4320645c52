"""Bytes of a terminal to keys.

A key is its character, one of the names below, or ``PASTED`` with the pasted text
behind it. Sequences of unknown keys are left out.
"""

import codecs

UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"
PAGE_UP, PAGE_DOWN = "\x1b[5~", "\x1b[6~"
ESCAPE, ENTER, NEW_LINE, BACKSPACE = "\x1b", "\n", "\x1b\n", "\x7f"
PASTED = "\x1b[200~"
PASTES_ON, PASTES_OFF = "\x1b[?2004h", "\x1b[?2004l"
"""What tells a terminal to mark what is pasted, and no longer to."""

_PASTE_END = "\x1b[201~"
_SAME = {
    "\x1b[1~": HOME,
    "\x1b[7~": HOME,
    "\x1b[4~": END,
    "\x1b[8~": END,
    "\r": ENTER,
    "\x08": BACKSPACE,
    "\x1b\r": NEW_LINE,
}
_KNOWN = frozenset(
    (UP, DOWN, RIGHT, LEFT, HOME, END, DELETE, PAGE_UP, PAGE_DOWN, NEW_LINE)
)
MAX_SEQUENCE = 32
"""Characters of a key's sequence; what is longer is none."""


class Keystrokes:
    """Takes what a terminal sends, in any pieces."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that are whole.

        Escape at the very end of what came at once is a key of its own.
        """
        text = self._rest + self._decoder.decode(data)
        self._rest = ""
        keys: list[str] = []
        while text:
            key, text = self._next(text)
            if not key:
                self._rest = text
                break
            key = _SAME.get(key, key)
            plain = key[0] != "\x1b" or key == ESCAPE
            if plain or key in _KNOWN or key.startswith(PASTED):
                keys.append(key)
        return keys

    def _next(self, text: str) -> tuple[str, str]:
        """Return the first key and what follows; no key, where more must come."""
        if text[0] != "\x1b" or text == "\x1b":
            return text[0], text[1:]
        if text.startswith(PASTED):
            pasted, end, after = text.partition(_PASTE_END)
            return (pasted, after) if end else ("", text)
        if text[1] not in "[O":
            return text[:2], text[2:]
        for at in range(2, min(len(text), MAX_SEQUENCE)):
            if "@" <= text[at] <= "~":
                # Arrows come as ESC O A too, and with modifiers as ESC [ 1 ; 5 A.
                plain = text[at] in "ABCDHF"
                key = f"\x1b[{text[at]}" if plain else text[: at + 1]
                return key, text[at + 1 :]
        return ("", text) if len(text) < MAX_SEQUENCE else (text[:2], text[2:])
