"""What a server's question to the person can be answered with when they say yes."""

from typing import Any, cast

MAX_FIELDS = 32
"""Fields of a form; one with more is declined."""


def agreed(schema: object) -> dict[str, Any] | None:
    """Return a form filled in by agreement alone; None where somebody must write.

    A field has its default, a required switch is on.
    """
    fields = _at(schema, "properties")
    required = _at(schema, "required")
    if not isinstance(fields, dict):
        return {}
    named = cast("dict[str, Any]", fields)
    if len(named) > MAX_FIELDS:
        return None
    filled: dict[str, Any] = {}
    for name, field in named.items():
        default = _at(field, "default")
        if default is not None:
            filled[name] = default
        elif isinstance(required, list) and name in required:
            if _at(field, "type") != "boolean":
                return None
            filled[name] = True
    return filled


def _at(value: object, key: str) -> object:
    return cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
