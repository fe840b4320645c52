"""Prometheus' text format: counters, gauges and histograms as lines.

Source: Prometheus documentation, "Exposition formats", text format 0.0.4.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]
"""The values of a family's labels, in the order of its names."""


class Counter:
    """Numbers that only grow, one per combination of label values."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._name, self._text, self._labels = name, text, tuple(labels)
        self._values: dict[Labels, float] = {} if labels else {(): 0}

    def add(self, amount: float = 1, *labels: str) -> None:
        """Add to the number of these label values."""
        self._values[labels] = self._values.get(labels, 0) + amount

    def lines(self) -> list[str]:
        """Return the family's lines."""
        values = sorted(self._values.items())
        samples = (_sample(self._name, self._labels, k, v) for k, v in values)
        return [*_head(self._name, "counter", self._text), *samples]


class Histogram:
    """How many values there were up to each of ``bounds``, which ascend."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text, self._bounds = name, text, tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self) -> list[str]:
        """Return the family's lines."""
        name, total, lines = self._name, 0, _head(self._name, "histogram", self._text)
        for bound, count in zip((*self._bounds, math.inf), self._counts, strict=True):
            total += count
            lines.append(_sample(f"{name}_bucket", ("le",), (_number(bound),), total))
        lines.append(_sample(f"{name}_sum", (), (), self._sum))
        lines.append(_sample(f"{name}_count", (), (), total))
        return lines


def gauge(
    name: str, text: str, value: float, labels: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Return the lines of a number that is looked up when somebody asks."""
    pairs = tuple(labels)
    names, values = tuple(n for n, _ in pairs), tuple(v for _, v in pairs)
    return [*_head(name, "gauge", text), _sample(name, names, values, value)]


def exposition(families: Iterable[list[str]]) -> bytes:
    """Return the body of an answer."""
    return "".join(f"{line}\n" for lines in families for line in lines).encode()


def _head(name: str, kind: str, text: str) -> list[str]:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return [f"# HELP {name} {escaped}", f"# TYPE {name} {kind}"]


def _sample(name: str, labels: Labels, values: Labels, value: float) -> str:
    pairs = zip(labels, values, strict=True)
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in pairs)
    return (
        f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"
    )


def _escaped(text: str) -> str:
    text = text.encode("utf-8", "replace").decode()  # no lone surrogates
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
