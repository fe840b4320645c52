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

from collections.abc import Sequence

import msgspec

from codex_oss.errors import PatchError
from codex_oss.patch.indentation import moved
from codex_oss.patch.meant import unnumbered
from codex_oss.patch.nearest import nearest
from codex_oss.patch.parse import Chunk
from codex_oss.patch.passes import find, find_told, typography_aside

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


def find_context(lines: Sequence[str], context: str, start: int) -> int | None:
    """Return the index of the line that is, or at least begins with, ``context``."""
    at = find(lines, [context], start)
    if at is not None:
        return at
    beginning = typography_aside(context)
    return next(
        (
            number
            for number in range(start, len(lines))
            if typography_aside(lines[number]).startswith(beginning)
        ),
        None,
    )


# --- chunks ---------------------------------------------------------------------------


def replace(lines: Sequence[str], chunks: Sequence[Chunk], path: str) -> list[str]:
    """Return ``lines`` with all chunks applied; lines have no newline.

    Raises ``PatchError`` when a chunk is not found; its hint shows the place of the
    file that is most like it.
    """
    result = list(lines)
    for edit in reversed(locate(lines, chunks, path)):
        result[edit.start : edit.stop] = edit.added
    return result


def locate(lines: Sequence[str], chunks: Sequence[Chunk], path: str) -> list[Edit]:
    """Return what ``chunks`` change in ``lines``, in the order of the file."""
    changed: list[tuple[int, list[Edit]]] = []
    taken: list[_Place] = []
    after = 0
    for chunk in chunks:
        above = after
        if chunk.context is not None:
            above = _seek(lines, chunk, after, path)
            after = above + 1
        if chunk.old:
            place = _place(lines, chunk, (after, above), taken)
            if place is None:
                wanted = "\n".join(chunk.old)
                message = f"Failed to find expected lines in {path}:\n{wanted}"
                raise PatchError(message, hint=_hint(lines, chunk))
            taken.append(place)
            after = place.stop
            changed.append((place.start, _edits(lines, place)))
        elif chunk.new:
            end = len(lines)
            changed.append((end, [Edit(end, end, chunk.new)]))
    # Stable: what is added at the end stays in the order of the patch.
    changed.sort(key=lambda change: change[0])
    return [edit for _, edits in changed for edit in edits]


def _seek(lines: Sequence[str], chunk: Chunk, start: int, path: str) -> int:
    context = chunk.context or ""
    at = find_context(lines, context, start)
    if at is None and chunk.old:
        # The chunk may stand above the last one; `_place` checks that it fits there.
        at = find_context(lines, context, 0)
    if at is None:
        message = f"Failed to find context '{context}' in {path}"
        raise PatchError(message, hint=nearest(lines, [context]))
    return at


def _place(
    lines: Sequence[str], chunk: Chunk, starts: tuple[int, int], taken: list[_Place]
) -> _Place | None:
    """Return where ``chunk`` is, with and then without its last blank lines."""
    for body in _bodies(chunk):
        old = [line[1:] for line in body if line[0] != "+"]
        if chunk.line is not None:
            at = find_told(lines, old, chunk.line)
            if at is not None and not _overlaps(at, len(old), taken):
                return _Place(at, at + len(old), body)
            continue
        at = _last(lines, old, starts[1]) if chunk.at_end else None
        for start in starts:
            at = find(lines, old, start) if at is None else at
        at = _only(lines, old, taken) if at is None else at
        if at is not None and not _overlaps(at, len(old), taken):
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


def _last(lines: Sequence[str], old: list[str], start: int) -> int | None:
    """Return where ``old`` ends the file, or else its last place after ``start``."""
    at = find(lines, old, max(0, len(lines) - len(old)))
    if at is not None:
        return at
    from_end = find(lines[::-1], old[::-1])
    at = None if from_end is None else len(lines) - from_end - len(old)
    return at if at is not None and at >= start else None


def _only(lines: Sequence[str], old: list[str], taken: list[_Place]) -> int | None:
    """Return the place of ``old`` above the last chunk if there is exactly one."""
    at = find(lines, old) if taken else None
    if at is None or find(lines, old, at + 1) is not None:
        return None
    return at


def _overlaps(at: int, length: int, taken: list[_Place]) -> bool:
    return any(at < place.stop and place.start < at + length for place in taken)


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


def _hint(lines: Sequence[str], chunk: Chunk) -> str:
    """Say what a model that sent ``chunk`` should do next."""
    added = any(line[0] == "+" for line in chunk.body)
    at = find(lines, chunk.new) if added else None
    if at is not None:
        return f"The file has the new lines already, at line {at + 1}."
    return nearest(lines, chunk.old)
