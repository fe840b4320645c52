"""Lines by what they say, so that many chunks find their places in a long file fast.

A place is looked for where the rarest of the wanted lines stands, not at every line.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from codex_oss.errors import PatchError
from codex_oss.patch.passes import PASSES, Pass, typography_aside

MAX_NAMED = 10
"""Places that are named to a model whose text is there several times."""
_FEW = 64
"""Lines that begin alike, up to which their places are compared; else lines are."""
_LAST = "\U0010ffff"
"""Sorts behind what any line goes on with."""


class Index:
    """The lines of a file, which do not change."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self._keyed: dict[Pass, tuple[list[str], dict[str, list[int]]]] = {}
        self._sorted: list[str] | None = None

    def find(self, wanted: Sequence[str], start: int = 0) -> int | None:
        """Return the index at or after ``start`` where ``wanted`` stands.

        The strictest pass that finds it decides, here as everywhere.
        """
        found = (next(self._places(wanted, key, start), None) for key in PASSES)
        return next((at for at in found if at is not None), None)

    def find_last(self, wanted: Sequence[str]) -> int | None:
        """Return the last index where ``wanted`` stands."""
        found = (next(self._places(wanted, key, -1), None) for key in PASSES)
        return next((at for at in found if at is not None), None)

    def find_told(self, wanted: Sequence[str], number: int) -> int | None:
        """Return the only index of ``wanted``, or the one that line ``number`` names.

        Raises ``PatchError`` when there are several, and the number names none of them.
        """
        for key in PASSES:
            found = self.places(wanted, key)
            if len(found) == 1 or number - 1 in found:
                return found[0] if len(found) == 1 else number - 1
            if found:
                at = ", ".join(str(each + 1) for each in found[:MAX_NAMED])
                raise PatchError(
                    f"the old lines are in the file {len(found)} times, at lines {at}",
                    hint="Send more of the lines around the place you mean.",
                )
        return None

    def find_beginning(self, beginning: str, start: int) -> int | None:
        """Return the first line at or after ``start`` that begins so."""
        key = typography_aside
        lines, places = self._key(key)
        if self._sorted is None:
            self._sorted = sorted(places)
        first = bisect_left(self._sorted, beginning)
        alike = self._sorted[first : bisect_left(self._sorted, beginning + _LAST)]
        if len(alike) > _FEW:
            numbers = range(start, len(lines))
            return next((n for n in numbers if lines[n].startswith(beginning)), None)
        each = ((places[line], bisect_left(places[line], start)) for line in alike)
        return min((at[n] for at, n in each if n < len(at)), default=None)

    def places(self, wanted: Sequence[str], key: Pass) -> list[int]:
        """Return where ``wanted`` stands in one pass, without overlaps."""
        found: list[int] = []
        for at in self._places(wanted, key, 0):
            if not found or at >= found[-1] + len(wanted):
                found.append(at)
        return found

    def _places(self, wanted: Sequence[str], key: Pass, start: int) -> Iterator[int]:
        """Yield where ``wanted`` stands from ``start`` on; -1: from the end back."""
        if not wanted:
            return
        lines, places = self._key(key)
        sought = [key(line) for line in wanted]
        known = [places.get(line, []) for line in sought]
        rare = min(range(len(known)), key=lambda n: len(known[n]))
        at_rare, size = known[rare], len(sought)
        if start < 0:
            numbers = range(len(at_rare) - 1, -1, -1)
        else:
            numbers = range(bisect_left(at_rare, start + rare), len(at_rare))
        for number in numbers:
            at = at_rare[number] - rare
            if at >= 0 and lines[at : at + size] == sought:
                yield at

    def _key(self, key: Pass) -> tuple[list[str], dict[str, list[int]]]:
        """Return the lines as a pass compares them, and where each stands."""
        if key not in self._keyed:
            lines = [key(line) for line in self.lines]
            places: dict[str, list[int]] = {}
            for number, line in enumerate(lines):
                places.setdefault(line, []).append(number)
            self._keyed[key] = lines, places
        return self._keyed[key]


def find(lines: Sequence[str], wanted: Sequence[str], start: int = 0) -> int | None:
    """Return the index at or after ``start`` where ``wanted`` stands in ``lines``."""
    return Index(lines).find(wanted, start)
