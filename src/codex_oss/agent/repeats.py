"""Notices a text that says the same words over and over, as small models do.

They do not find an end by themselves: it is wherever the window ends, minutes later.
"""

SAME_CHARS = 2000
"""So much of the end must be repeats, exactly; tables and lists have less of that."""
LONGEST = 100
"""Characters of what is repeated, at most."""
STEP = 250
"""Characters between two looks."""
_PROBE = 16


class Repeats:
    """Takes a text in pieces of any size and keeps it."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._since = 0
        self._once = ""

    def feed(self, piece: str) -> bool:
        """Return whether the end of all that came is repeats."""
        self._pieces.append(piece)
        self._since += len(piece)
        if self._since < STEP:
            return False
        self._since = 0
        self._pieces = ["".join(self._pieces)]
        self._once = _once(self._pieces[0])
        return bool(self._once)

    @property
    def kept(self) -> str:
        """The text with its repeats told once, if ``feed`` found some, else ""."""
        return self._once


def _once(text: str) -> str:
    """Return ``text`` with what its end repeats told once, or "" if it does not."""
    end = text[-SAME_CHARS:]
    if len(end) < SAME_CHARS:
        return ""
    period = _period(end)
    if not period:
        return ""
    # The repeats may have begun long before: as far back as each is the one after it.
    at = len(text) - SAME_CHARS
    while at and text[at - 1] == text[at - 1 + period]:
        at -= 1
    return text[: at + period]


def _period(text: str) -> int:
    """Return after how many characters ``text`` repeats itself, or 0."""
    last = len(text) - _PROBE
    probe, at = text[last:], last
    while (at := text.rfind(probe, 0, at + _PROBE - 1)) >= last - LONGEST:
        period = last - at
        if text[period:] == text[:-period]:
            return period
    return 0
