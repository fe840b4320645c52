"""What a change does to files, line by line, for the person who is asked about it.

All of it: nothing that will be written is left out here, and nothing is made pretty.
"""

from collections.abc import Iterator, Sequence

from codex_oss.patch.apply import Change
from codex_oss.policy import Diff
from codex_oss.tools.changed_lines import Stretch, stretches

CONTEXT = 3
"""Unchanged lines before and after, as in other diffs."""
NO_NEWLINE = "\\ No newline at end of file"


def diffs(changes: Sequence[Change]) -> tuple[Diff, ...]:
    """Return a diff for each change. Takes a while for long files."""
    return tuple(map(_diff, changes))


def _diff(change: Change) -> Diff:
    old, new = _lines(change.before), _lines(change.after)
    if old and new and _windows([*old, *new]):
        old, new = ([f"{line[:-2]}\n" for line in each] for each in (old, new))
    target = change.target or change.removed or change.path
    moved = change.kind == "move" and change.removed is not None
    return Diff(
        path=str(change.removed if moved else target),
        kind=change.kind,
        moved_to=str(target) if moved else "",
        lines=tuple(_shown(old, new, stretches(old, new))),
    )


def _lines(data: bytes | None) -> list[str]:
    """Return the lines with their ends: line feeds, and nothing else ends one.

    A byte that is no UTF-8 becomes its code.
    """
    *lines, last = (data or b"").decode("utf-8", "backslashreplace").split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]


def _windows(lines: Sequence[str]) -> bool:
    return all(line.endswith("\r\n") for line in lines)


def _shown(
    old: Sequence[str], new: Sequence[str], found: Sequence[Stretch]
) -> Iterator[str]:
    """Yield the lines of a diff, each with its mark; neighbours share their context."""
    told = lost = 0
    for number, each in enumerate(found):
        first = max(each.start - CONTEXT, told)
        if first > told or not number:
            yield f"@@ line {first + 1} @@"
        yield from _marked(" ", new[first : each.start])
        begin = each.start + lost
        yield from _marked("-", old[begin : begin + each.lost])
        yield from _marked("+", new[each.start : each.stop])
        lost += each.lost - (each.stop - each.start)
        after = found[number + 1].start if number + 1 < len(found) else len(new)
        told = min(each.stop + CONTEXT, after)
        yield from _marked(" ", new[each.stop : told])


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield mark + line.removesuffix("\n")
        if not line.endswith("\n"):
            yield NO_NEWLINE
