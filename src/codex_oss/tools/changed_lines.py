"""The lines that an edit has changed, with their numbers, for the model to look at.

As in a diff, but with the number that each line has now; so a model sees where it is,
and what its edit has made of the indentation, without reading the file again.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONTEXT = 2
"""Unchanged lines before and after."""
MAX_BYTES = 1600
"""About 400 tokens."""
MAX_COLUMNS = 160
MAX_COMPARED = 2000
"""Lines that are compared; a longer stretch counts as changed as a whole."""


class Stretch(NamedTuple):
    """Lines ``start`` to ``stop`` of the new text, in place of ``lost`` old ones."""

    start: int
    stop: int
    lost: int


def changed_lines(before: str, after: str, size: int = MAX_BYTES) -> str:
    """Return the changed lines with their numbers, in at most about ``size`` bytes."""
    old, new = before.splitlines(), after.splitlines()
    shown: list[str] = []
    used = 0
    for line in _shown(stretches(old, new), new):
        used += len(line.encode()) + 1
        if used > size:
            shown.append("...")
            break
        shown.append(line)
    return "\n".join(shown)


def stretches(old: Sequence[str], new: Sequence[str]) -> list[Stretch]:
    """Return where ``new`` differs from ``old``."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    a, b = old[head : len(old) - tail], new[head : len(new) - tail]
    if not a and not b:
        return []
    if not a or not b or len(a) + len(b) > MAX_COMPARED:
        return [Stretch(head, head + len(b), len(a))]
    from difflib import SequenceMatcher  # noqa: PLC0415  only after an edit

    codes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [
        Stretch(head + start, head + stop, last - first)
        for kind, first, last, start, stop in codes
        if kind != "equal"
    ]


def _shown(found: Sequence[Stretch], new: Sequence[str]) -> Iterator[str]:
    """Yield what is shown of all stretches; neighbours share their context."""
    told = 0
    width = len(str(len(new)))
    for number, each in enumerate(found):
        first = max(each.start - CONTEXT, told)
        if first > told and told:
            yield "..."
        after = found[number + 1].start if number + 1 < len(found) else len(new)
        last = min(each.stop + CONTEXT, after, len(new))
        for at in range(first, last):
            if at == each.start and each.lost and each.start == each.stop:
                yield _removed(each.lost, width)
            mark = "+" if each.start <= at < each.stop else " "
            yield f"{at + 1:>{width}}{mark} {new[at][:MAX_COLUMNS]}"
        if each.start == each.stop and each.start >= last:
            yield _removed(each.lost, width)
        told = last


def _removed(count: int, width: int) -> str:
    lines = "line" if count == 1 else "lines"
    return f"{'':>{width}}- ({count} {lines} removed)"
