"""A diff with more of each file around its changes, as far as there is room."""

from collections.abc import Sequence

from codex_oss.patch.pieces import pieces

_FILE = "diff --git "
_WHOLE = 1 << 62
"""A limit on pieces that nothing reaches."""


def widened(diff: str, wider: Sequence[str], limit: int) -> str:
    """Return the diff, its files as they are in the widest that there is room for.

    ``wider`` are diffs of the same changes, each with more around them than the one
    before. Files that take the least go first. ``limit`` is in bytes, of ``pieces``.
    """
    chosen = _by_file(diff)
    sizes = {head: _size(text) for head, text in chosen.items()}
    left = limit - sum(sizes.values())
    for other in map(_by_file, wider):
        costs = {
            head: _size(text) - sizes[head]
            for head, text in other.items()
            if head in chosen and text != chosen[head]
        }
        for head in sorted(costs, key=lambda head: costs[head]):
            if costs[head] > left:
                break
            left -= costs[head]
            sizes[head] += costs[head]
            chosen[head] = other[head]
    return "".join(chosen.values())


def _by_file(diff: str) -> dict[str, str]:
    """Return the parts of a diff by the line that begins each; no file's line does."""
    found: dict[str, str] = {}
    head = ""
    for line in diff.removesuffix("\n").split("\n") if diff else []:
        if line.startswith(_FILE):
            head = line
        found[head] = f"{found.get(head, '')}{line}\n"
    return found


def _size(text: str) -> int:
    return sum(len(piece.encode()) for piece in pieces(text, _WHOLE))
