"""Whether a JSON value follows a JSON schema, by the keywords that people use.

Checked are types, ``enum``, ``const``, objects, arrays, texts, numbers, combinations
and references inside of the schema; other keywords demand nothing. (JSON Schema
2020-12.)
"""

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, cast

import msgspec

MOST = 5
"""Faults that are told of."""
MAX_DEPTH = 100
"""Schemas within schemas that are followed; a reference may lead to itself."""

SHOWN = 60
"""Characters of a value that are told."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": _is_number,
    "integer": lambda value: _is_number(value) and cast("float", value) % 1 == 0,
}
_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda value, bound: value >= bound, "at least"),
    "maximum": (lambda value, bound: value <= bound, "at most"),
    "exclusiveMinimum": (lambda value, bound: value > bound, "more than"),
    "exclusiveMaximum": (lambda value, bound: value < bound, "less than"),
}
_SIZES = {
    "minLength": (str, "minimum", "characters"),
    "maxLength": (str, "maximum", "characters"),
    "minItems": (list, "minimum", "items"),
    "maxItems": (list, "maximum", "items"),
    "minProperties": (dict, "minimum", "properties"),
    "maxProperties": (dict, "maximum", "properties"),
}


def faults(value: object, schema: object) -> list[str]:
    """Return what is wrong with a value, each with its place; the first few."""
    return list(islice(_Check(schema).faults(value, schema, "$", 0), MOST))


def main() -> None:
    """Read a value and a schema as one JSON array; write what is wrong as another."""
    value, schema = msgspec.json.decode(sys.stdin.buffer.read())
    sys.stdout.buffer.write(msgspec.json.encode(faults(value, schema)))


def _text(value: object) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


class _Check:
    """One schema; references are looked up in the whole of it."""

    def __init__(self, whole: object) -> None:
        self._whole = whole

    def faults(
        self, value: object, schema: object, at: str, depth: int
    ) -> Iterator[str]:
        """Yield what is wrong with one value."""
        if schema is False:
            yield f"{at} must not be there"
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return
        rules = cast("dict[str, Any]", schema)
        if isinstance(reference := rules.get("$ref"), str):
            yield from self.faults(value, self._found(reference), at, depth + 1)
        yield from _of_the_value(value, rules, at)
        match value:
            case dict():
                inside = cast("dict[str, object]", value)
                yield from self._of_an_object(inside, rules, at, depth)
            case list():
                items = cast("list[object]", value)
                yield from self._of_an_array(items, rules, at, depth)
            case _:
                yield from _of_a_scalar(value, rules, at)
        yield from self._of_combinations(cast("object", value), rules, at, depth)

    def _found(self, reference: str) -> object:
        """Return what ``#/$defs/x`` names; anything goes where that is nothing."""
        node = self._whole
        for name in reference.removeprefix("#").split("/")[1:]:
            if isinstance(node, list):
                number = int(name) if name.isdecimal() else -1
                items = cast("list[object]", node)
                node = items[number] if 0 <= number < len(items) else True
                continue
            node = _table(node).get(name.replace("~1", "/").replace("~0", "~"), True)
        return node if reference.startswith("#") else True

    def _of_an_object(
        self, value: dict[str, object], rules: dict[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        for name in _list(rules.get("required")):
            if name not in value:
                yield f"{at}.{name} is missing"
        known = _table(rules.get("properties"))
        patterns = _table(rules.get("patternProperties"))
        for name, inside in value.items():
            place, matched = f"{at}.{name}", name in known
            if matched:
                yield from self.faults(inside, known[name], place, depth + 1)
            for pattern, schema in patterns.items():
                if _search(pattern, name):
                    matched = True
                    yield from self.faults(inside, schema, place, depth + 1)
            if not matched:
                others = rules.get("additionalProperties", True)
                yield from self.faults(inside, others, place, depth + 1)

    def _of_an_array(
        self, value: list[object], rules: dict[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        first = _list(rules.get("prefixItems"))
        for number, item in enumerate(value):
            schema = first[number] if number < len(first) else rules.get("items", True)
            yield from self.faults(item, schema, f"{at}[{number}]", depth + 1)
        if rules.get("uniqueItems") is True:
            texts = [msgspec.json.encode(item, order="sorted") for item in value]
            if len(set(texts)) < len(texts):
                yield f"{at} has an item twice"

    def _of_combinations(
        self, value: object, rules: dict[str, Any], at: str, depth: int
    ) -> Iterator[str]:
        for schema in _list(rules.get("allOf")):
            yield from self.faults(value, schema, at, depth + 1)
        for name in ("anyOf", "oneOf"):
            ways = _list(rules.get(name))
            found = [list(self.faults(value, way, at, depth + 1)) for way in ways]
            fitting = sum(1 for faults in found if not faults)
            if ways and not fitting:
                yield min(found, key=len)[0]
            elif name == "oneOf" and fitting > 1:
                yield f"{at} fits {fitting} of the schemas in oneOf, not one"
        if "not" in rules and not any(self.faults(value, rules["not"], at, depth + 1)):
            yield f"{at} is what it must not be"


def _of_the_value(value: object, rules: dict[str, Any], at: str) -> Iterator[str]:
    kinds = rules.get("type")
    names = [kinds] if isinstance(kinds, str) else _list(kinds)
    if names and not any(_TYPES.get(name, bool)(value) for name in names):
        yield f"{at} must be {' or '.join(names)}, and is {_text(value)}"
    for name in ("enum", "const"):
        if name in rules:
            allowed = [rules[name]] if name == "const" else _list(rules[name])
            if not any(_same(value, one) for one in allowed):
                words = " or ".join(map(_text, allowed))
                yield f"{at} must be {words}, and is {_text(value)}"
    for name, (kind, bound, unit) in _SIZES.items():
        if _is_number(rules.get(name)) and isinstance(value, kind):
            holds, words = _BOUNDS[bound]
            size = len(value)  # pyright: ignore[reportUnknownArgumentType]  JSON
            if not holds(size, rules[name]):
                yield f"{at} must have {words} {rules[name]} {unit}, and has {size}"


def _of_a_scalar(value: object, rules: dict[str, Any], at: str) -> Iterator[str]:
    if isinstance(value, str) and isinstance(pattern := rules.get("pattern"), str):
        if not _search(pattern, value):
            yield f"{at} must match {pattern}, and is {_text(value)}"
        return
    if not _is_number(value):
        return
    for name, (holds, words) in _BOUNDS.items():
        if _is_number(bound := rules.get(name)) and not holds(value, bound):
            yield f"{at} must be {words} {bound}, and is {_text(value)}"
    step = rules.get("multipleOf")
    if _is_number(step) and step and not _is_multiple(cast("float", value), step):
        yield f"{at} must be a multiple of {step}, and is {_text(value)}"


def _is_multiple(value: float, step: float) -> bool:
    """Return whether it is, counted as people do: 19.99 is a multiple of 0.01."""
    times = value / step
    return math.isinf(times) or math.isclose(
        times, round(times), rel_tol=1e-9, abs_tol=0.0
    )


def _same(one: object, other: object) -> bool:
    """Return whether two JSON values are equal: ``1`` is ``1.0``, and no ``true``."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def _search(pattern: str, text: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True  # a pattern of another dialect demands nothing


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
