"""A hunk in a file's lines: where it is, and what the lines become.

A place is sought from where the last one ended, in passes that are less and less
strict; the first match of the strictest pass that has one wins. Beyond what the Codex
CLI 0.169 does, because open models need it:

- ``@@ context`` may be the beginning of its line, and may be the first old line too;
- ``*** End of File`` prefers the end and does not insist on it;
- a chunk that stands above the last one is taken if it matches only there;
- a chunk with another indentation than the file's gets that, added lines as well;
- a chunk that was copied with line numbers is taken without them.
"""

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.indentation import moved
from codex_oss.patch.index import Index
from codex_oss.patch.meant import unnumbered
from codex_oss.patch.nearest import nearest
from codex_oss.patch.parse import Chunk
from codex_oss.patch.passes import typography_aside

# --- search ---------------------------------------------------------------------------


class Edit(msgspec.Struct, frozen=True):
    """Lines ``start`` to ``stop`` (not included) become ``added``."""

    start: int
    stop: int
    added: list[str]


class _Place(msgspec.Struct, frozen=True):
    """Where a chunk is: ``body`` may lack blank lines that the file does not have."""

    start: int
    stop: int
    body: list[str]


class _Taken:
    """Places that chunks have, which do not overlap."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._starts)

    def add(self, place: _Place) -> None:
        """Take a place."""
        number = bisect_left(self._starts, place.start)
        self._starts.insert(number, place.start)
        self._stops.insert(number, place.stop)

    def overlaps(self, at: int, length: int) -> bool:
        """Tell whether one of them has a line of these."""
        number = bisect_left(self._starts, at + length)
        return number > 0 and self._stops[number - 1] > at


def find_context(index: Index, context: str, start: int) -> int | None:
    """Return the index of the line that is, or at least begins with, ``context``."""
    at = index.find([context], start)
    if at is None:
        at = index.find_beginning(typography_aside(context), start)
    return at


# --- chunks ---------------------------------------------------------------------------


def replace(lines: Sequence[str], chunks: Sequence[Chunk], path: str) -> list[str]:
    """Return ``lines`` with all chunks applied; lines have no newline.

    Raises ``PatchError`` when a chunk is not found; its hint shows the place of the
    file that is most like it.
    """
    result: list[str] = []
    at = 0
    for edit in locate(lines, chunks, path):
        result += [*lines[at : edit.start], *edit.added]
        at = edit.stop
    return [*result, *lines[at:]]


def locate(lines: Sequence[str], chunks: Sequence[Chunk], path: str) -> list[Edit]:
    """Return what ``chunks`` change in ``lines``, in the order of the file."""
    index = Index(lines)
    changed: list[tuple[int, list[Edit]]] = []
    taken = _Taken()
    after = 0
    for chunk in chunks:
        above = after
        if chunk.context is not None:
            above = _seek(index, chunk, after, path)
            after = above + 1
        if chunk.old:
            place = _place(index, chunk, (after, above), taken)
            if place is None:
                wanted = "\n".join(chunk.old)
                message = f"Failed to find expected lines in {path}:\n{wanted}"
                raise PatchError(message, hint=_hint(index, chunk))
            taken.add(place)
            after = place.stop
            changed.append((place.start, _edits(lines, place)))
        elif chunk.new:
            end = len(lines)
            changed.append((end, [Edit(end, end, chunk.new)]))
    # Stable: what is added at the end stays in the order of the patch.
    changed.sort(key=lambda change: change[0])
    return [edit for _, edits in changed for edit in edits]


def _seek(index: Index, chunk: Chunk, start: int, path: str) -> int:
    context = chunk.context or ""
    at = find_context(index, context, start)
    if at is None and chunk.old:
        # The chunk may stand above the last one; `_place` checks that it fits there.
        at = find_context(index, context, 0)
    if at is None:
        message = f"Failed to find context '{context}' in {path}"
        raise PatchError(message, hint=nearest(index.lines, [context]))
    return at


def _place(
    index: Index, chunk: Chunk, starts: tuple[int, int], taken: _Taken
) -> _Place | None:
    """Return where ``chunk`` is, with and then without its last blank lines."""
    for body in _bodies(chunk):
        old = [line[1:] for line in body if line[0] != "+"]
        if chunk.line is not None:
            at = index.find_told(old, chunk.line)
            if at is not None and not taken.overlaps(at, len(old)):
                return _Place(at, at + len(old), body)
            continue
        at = _last(index, old, starts[1]) if chunk.at_end else None
        for start in starts:
            at = index.find(old, start) if at is None else at
        at = _only(index, old, taken) if at is None else at
        if at is not None and not taken.overlaps(at, len(old)):
            return _Place(at, at + len(old), body)
    return None


def _bodies(chunk: Chunk) -> list[list[str]]:
    """Return the chunk's body, shorter ones for files that end earlier, and plain."""
    body = list(chunk.body)
    bodies = [chunk.body]
    while True:
        old = [at for at, line in enumerate(body) if line[0] != "+"]
        if len(old) < 2 or body[old[-1]][1:]:  # noqa: PLR2004  one must stay
            return [*bodies, *_without_numbers(chunk.body)]
        if body[-1] == "+":
            body.pop()
        del body[old[-1]]
        bodies.append(list(body))


def _without_numbers(body: list[str]) -> list[list[str]]:
    """Return the body without line numbers, if all of its old lines have them."""
    kept = "\n".join(line[1:] for line in body if line[0] != "+")
    added = "\n".join(line[1:] for line in body if line[0] == "+")
    plain = unnumbered(kept)
    if plain is None:
        return []
    new = unnumbered(added)
    old, fresh = iter(plain.split("\n")), iter((new or added).split("\n"))
    return [[mark[0] + next(fresh if mark[0] == "+" else old) for mark in body]]


def _last(index: Index, old: list[str], start: int) -> int | None:
    """Return where ``old`` ends the file, or else its last place after ``start``."""
    at = index.find(old, max(0, len(index.lines) - len(old)))
    if at is not None:
        return at
    at = index.find_last(old)
    return at if at is not None and at >= start else None


def _only(index: Index, old: list[str], taken: _Taken) -> int | None:
    """Return the place of ``old`` above the last chunk if there is exactly one."""
    at = index.find(old) if taken.any else None
    if at is None or index.find(old, at + 1) is not None:
        return None
    return at


def _edits(lines: Sequence[str], place: _Place) -> list[Edit]:
    """Return the runs of removed and added lines; context stays as the file has it."""
    new = iter(_new(lines, place))
    edits: list[Edit] = []
    at = start = place.start
    added: list[str] = []
    for mark in [*(line[0] for line in place.body), " "]:
        if mark == "+":
            added.append(next(new))
        elif mark == "-":
            at += 1
        else:
            next(new, "")
            if added or at > start:
                edits.append(Edit(start, at, added))
            at += 1
            start, added = at, []
    return edits


def _new(lines: Sequence[str], place: _Place) -> list[str]:
    """Return the lines that the place shall have, with the file's indentation.

    As they were sent where it is not plain how theirs differs.
    """
    old = [line[1:] for line in place.body if line[0] != "+"]
    new = [line[1:] for line in place.body if line[0] != "-"]
    put = moved(new, old, lines[place.start : place.stop])
    return new if put is None else put


def _hint(index: Index, chunk: Chunk) -> str:
    """Say what a model that sent ``chunk`` should do next."""
    added = any(line[0] == "+" for line in chunk.body)
    at = index.find(chunk.new) if added else None
    if at is not None:
        return f"The file has the new lines already, at line {at + 1}."
    return nearest(index.lines, chunk.old)
