"""JSON schemas of tools without what only validators and editors read.

What a call must look like stays: types, required keys, enums, bounds, references. What
goes is ``$schema``, ``title``, examples and comments, ``additionalProperties`` that
says true or false, defaults that say nothing, and most of long descriptions.
"""

from collections.abc import Mapping
from typing import Any, cast

from codex_oss.translate.diet.wording import cut

MAX_DEPTH = 40
"""Levels below which a schema stays as it is."""

_NOISE = frozenset(
    (
        "$schema",
        "$id",
        "$comment",
        "title",
        "example",
        "examples",
        "markdownDescription",
        "enumDescriptions",
        "deprecated",
        "readOnly",
        "writeOnly",
    )
)
_BY_NAME = frozenset(
    (
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "dependentRequired",
    )
)
_VALUES = frozenset(("enum", "const", "required", "default"))
_NULL = {"type": "null"}
_UNION = "anyOf"
_ROOT_ONLY = "description"


def slim_schema(
    schema: Mapping[str, Any], limit: int, *, strict: bool = False
) -> dict[str, Any]:
    """Return a tool's schema; descriptions in it have at most ``limit`` characters.

    With a limit of 0 there are none.
    ``strict``: the server holds calls to the schema and wants all its
    ``additionalProperties``, and nothing optional.
    """
    slim = _Slimmer(limit, strict=strict).object(schema, 0)
    slim.pop(_ROOT_ONLY, None)  # says what the tool's own description says
    return slim


class _Slimmer:
    def __init__(self, limit: int, *, strict: bool) -> None:
        self._limit = limit
        self._strict = strict

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth > MAX_DEPTH:
            return dict(schema)
        required = _strings(schema.get("required"))
        kept: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _NOISE or self._says_nothing(key, value):
                continue
            if key in _BY_NAME and isinstance(value, dict):
                fields = cast("dict[str, Any]", value)
                optional = key == "properties" and not self._strict
                free = fields.keys() - required if optional else ()
                kept[key] = {
                    name: self._field(field, depth + 1, optional=name in free)
                    for name, field in fields.items()
                }
            elif key == "description" and isinstance(value, str):
                kept[key] = cut(value, self._limit)
            else:
                kept[key] = value if key in _VALUES else self._any(value, depth + 1)
        return kept

    def _says_nothing(self, key: str, value: Any) -> bool:
        match key:
            case "additionalProperties":
                return isinstance(value, bool) and not self._strict
            case "default":
                return value is None or value in ("", [], {})
            case "description":
                return not value or self._limit == 0
            case "required":
                return value == []
            case _:
                return False

    def _field(self, field: Any, depth: int, *, optional: bool) -> Any:
        if not isinstance(field, dict):
            return field
        schema = cast("dict[str, Any]", field)
        return self.object(_without_null(schema) if optional else schema, depth)

    def _any(self, value: Any, depth: int) -> Any:
        match value:
            case dict():
                return self.object(cast("dict[str, Any]", value), depth)
            case list():
                return [self._any(each, depth) for each in cast("list[Any]", value)]
            case _:
                return value


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return an optional field that may be null as one that may be left out."""
    union, kinds = field.get(_UNION), field.get("type")
    if isinstance(kinds, list) and "null" in kinds and "enum" not in field:
        rest = [kind for kind in cast("list[Any]", kinds) if kind != "null"]
        return {**field, "type": rest[0] if len(rest) == 1 else rest} if rest else field
    if not isinstance(union, list) or _NULL not in union:
        return field
    rest = [each for each in cast("list[Any]", union) if each != _NULL]
    if len(rest) != 1 or not isinstance(rest[0], dict):
        return field
    outer = {key: value for key, value in field.items() if key != _UNION}
    return {**cast("dict[str, Any]", rest[0]), **outer}


def _strings(value: Any) -> set[str]:
    listed = cast("list[Any]", value) if isinstance(value, list) else []
    return {each for each in listed if isinstance(each, str)}
