"""New lines with the indentation of a file, when the old ones were sent with another.

What was sent differs from the file in a way that must be the same for every line: more
or less space before all of them, the first line alone cut short, tabs for spaces, or
steps of another width. Anything else is not carried over.
"""

from collections.abc import Callable, Sequence

Move = Callable[[str], str | None]
"""From an indentation as it was sent to the file's; None: that is not known."""


def moved(
    new: Sequence[str], sent: Sequence[str], there: Sequence[str]
) -> list[str] | None:
    """Return ``new`` as the file would have it; None when that is not plain.

    ``sent`` are the old lines as the model wrote them, ``there`` as they stand.
    """
    pairs = [
        (_margin(a), _margin(b)) for a, b in zip(sent, there, strict=True) if a.strip()
    ]
    if all(a == b for a, b in pairs) or _written_with_care(new, sent, there):
        return list(new)
    move = _move(pairs)
    if move is not None:
        return _all_moved(new, move)
    return _first_apart(new, pairs)


def _written_with_care(
    new: Sequence[str], sent: Sequence[str], there: Sequence[str]
) -> bool:
    """Return whether only the old lines lack the file's indentation."""
    return _least(new) == _least(there) != _least(sent)


def _least(lines: Sequence[str]) -> str:
    return min((_margin(line) for line in lines if line.strip()), key=len, default="")


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _all_moved(new: Sequence[str], move: Move) -> list[str] | None:
    lines: list[str] = []
    for line in new:
        margin = move(_margin(line)) if line.strip() else ""
        if margin is None:
            return None
        lines.append(margin + line.lstrip() if line.strip() else "")
    return lines


def _first_apart(new: Sequence[str], pairs: list[tuple[str, str]]) -> list[str] | None:
    """Return the lines where the first was sent without its indentation."""
    (sent, there), *others = pairs
    move = _move(others) if others else None
    if move is None or sent == there or sent or not new or _margin(new[0]):
        return None
    rest = _all_moved(new[1:], move)
    return None if rest is None else [there + new[0], *rest]


def _move(pairs: list[tuple[str, str]]) -> Move | None:
    """Return the one way that takes all of ``pairs`` from left to right."""
    if not pairs:
        return None
    for make in (_same, _deeper, _less_deep, _tabs, _spaces, _wider):
        move = make(pairs)
        if move is not None and all(move(a) == b for a, b in pairs):
            return move
    return None


def _same(pairs: list[tuple[str, str]]) -> Move | None:
    return (lambda margin: margin) if all(a == b for a, b in pairs) else None


def _deeper(pairs: list[tuple[str, str]]) -> Move | None:
    sent, there = pairs[0]
    if not there.endswith(sent):
        return None
    more = there.removesuffix(sent)
    return lambda margin: more + margin


def _less_deep(pairs: list[tuple[str, str]]) -> Move | None:
    sent, there = pairs[0]
    if not sent.endswith(there):
        return None
    less = sent.removesuffix(there)
    return lambda margin: margin.removeprefix(less) if margin.startswith(less) else None


def _tabs(pairs: list[tuple[str, str]]) -> Move | None:
    """Spaces were sent where the file has tabs."""
    width = next((len(a) // len(b) for a, b in pairs if a and set(b) == {"\t"}), 0)
    if not width:
        return None

    def move(margin: str) -> str | None:
        if margin.strip(" ") or len(margin) % width:
            return None
        return "\t" * (len(margin) // width)

    return move


def _spaces(pairs: list[tuple[str, str]]) -> Move | None:
    """Tabs were sent where the file has spaces."""
    width = next((len(b) // len(a) for a, b in pairs if b and set(a) == {"\t"}), 0)
    if not width:
        return None
    return lambda margin: (
        " " * (len(margin) * width) if not margin.strip("\t") else None
    )


def _wider(pairs: list[tuple[str, str]]) -> Move | None:
    """Both have spaces, in steps of another width."""
    sent, there = next(((a, b) for a, b in pairs if a), ("", ""))
    if not sent or not there or (sent + there).strip(" "):
        return None

    def move(margin: str) -> str | None:
        size, rest = divmod(len(margin) * len(there), len(sent))
        return None if rest or margin.strip(" ") else " " * size

    return move
