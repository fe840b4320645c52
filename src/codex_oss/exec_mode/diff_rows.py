"""A diff as rows of a terminal: every character of it is shown, none is obeyed."""

from collections.abc import Iterator, Sequence

from codex_oss.exec_mode.visible import visible
from codex_oss.exec_mode.wrapping import wrap
from codex_oss.policy import Diff

TAB = 8
"""Columns from one tab stop to the next, as in terminals."""
_COLORS = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
_PLAIN = "\x1b[0m"
_BEFORE = {"add": "new: ", "delete": "deleted: ", "update": "", "move": "moved: "}


def heading(diff: Diff) -> str:
    """Return a file's name, what becomes of it, and how many lines change."""
    added, lost = (sum(line[0] == mark for line in diff.lines) for mark in "+-")
    to = f" -> {visible(diff.moved_to)}" if diff.moved_to else ""
    return f"{_BEFORE[diff.kind]}{visible(diff.path)}{to} (+{added} -{lost})"


def rows_of(diffs: Sequence[Diff], columns: int, *, color: bool) -> Iterator[str]:
    """Yield rows of at most so many columns; colours come on top of that."""
    for diff in diffs:
        if len(diffs) > 1:
            yield from wrap(heading(diff), columns)
        for line in diff.lines:
            paint = _COLORS.get(line[0], "") if color else ""
            for row in wrap(line[0] + visible(line[1:].expandtabs(TAB)), columns):
                yield f"{paint}{row}{_PLAIN}" if paint else row
