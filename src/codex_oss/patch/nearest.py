"""The part of a file that is most like lines that were not found in it.

A model that is told only "not found" sends the same patch again; one that sees the
lines as they are corrects itself.
"""

from collections.abc import Sequence

_SHOWN_LINES = 12
_SHOWN_COLUMNS = 200
_SEARCHED_LINES = 4_000
"""Fuzzy comparison costs about 20 µs a line."""
_LIKENESS = 0.6
"""Of difflib's ratio: below it, lines have nothing to do with each other."""


def nearest(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Return words and numbered lines that show a model where it was nearly right."""
    if not lines:
        return "The file is empty."
    start = start_of_nearest(lines, wanted)
    if start is None:
        return "No part of the file is like it. Read the file before the next patch."
    stop = min(len(lines), start + min(len(wanted), _SHOWN_LINES - 2) + 1)
    start = max(0, start - 1)
    shown = (f"{at + 1}: {lines[at][:_SHOWN_COLUMNS]}" for at in range(start, stop))
    return "The file has, with line numbers:\n" + "\n".join(shown)


def start_of_nearest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the index at which ``wanted`` would stand; None if nothing is like it."""
    start = _most_shared(lines, wanted)
    return _most_alike(lines, wanted) if start is None else start


def _most_shared(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return the start at which most of the wanted lines would be where they belong."""
    offsets: dict[str, int] = {}
    for offset, line in enumerate(wanted):
        offsets.setdefault(line.strip(), offset)
    offsets.pop("", None)
    votes: dict[int, int] = {}
    for at, line in enumerate(lines):
        offset = offsets.get(line.strip())
        if offset is not None:
            start = max(0, at - offset)
            votes[start] = votes.get(start, 0) + 1
    return max(votes, key=votes.__getitem__) if votes else None


def _most_alike(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    """Return where the longest wanted line would stand, by likeness of text."""
    import difflib  # noqa: PLC0415  only for a patch that failed

    longest = max(range(len(wanted)), key=lambda at: len(wanted[at].strip()))
    texts = [line.strip() for line in lines[:_SEARCHED_LINES]]
    found = difflib.get_close_matches(
        wanted[longest].strip()[:_SHOWN_COLUMNS], texts, n=1, cutoff=_LIKENESS
    )
    return max(0, texts.index(found[0]) - longest) if found else None
