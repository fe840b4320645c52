"""An MCP server's form: its schema to ``policy.form``, leaving nothing out.

A form with a field that is none of the protocol's is refused as a whole: it could not
be filled in as the server wants it. Beyond the protocol ``null`` is left out where a
field may also be that, as pydantic writes optional ones.
"""

from typing import Any, cast

import msgspec

from codex_oss.errors import McpError
from codex_oss.policy.filling import Wrong, check
from codex_oss.policy.form import (
    Choice,
    Choices,
    Field,
    Form,
    Format,
    Number,
    Option,
    Switch,
    Text,
)

MAX_FIELDS = 64
"""Fields of a form."""
MAX_OPTIONS = 256
"""Options of a field."""
MAX_SCHEMA = 64 * 1024
"""Bytes of a form's schema."""
MAX_SHOWN = 200
"""Letters of a name, a title or an option."""
MAX_ABOUT = 1000
"""Letters of a description."""
_FORMATS: dict[str, Format] = {
    "email": "email",
    "uri": "uri",
    "date": "date",
    "date-time": "date-time",
}

_Json = dict[str, Any]


def read_form(schema: object) -> Form:
    """Return the form that a server asks to fill in.

    Raises ``McpError`` with what it asks for that no form may.
    """
    given = _table(schema)
    text = msgspec.json.encode(given)
    properties, wanted = _table(given.get("properties")), given.get("required")
    if len(properties) > MAX_FIELDS:
        raise McpError(f"{len(properties)} fields")
    if len(text) > MAX_SCHEMA:
        raise McpError(f"a form of {len(text) // 1024} KiB")
    names = set(_texts(wanted))
    fields = [_field(name, _table(f), name in names) for name, f in properties.items()]
    if missing := names.difference(properties):
        raise McpError(f"the field {_cut(min(missing))}, which it does not have")
    return Form(tuple(fields), text.decode())


def _field(name: str, field: _Json, required: bool) -> Field:  # noqa: FBT001
    field = _without_null(field)
    common: _Json = {
        "name": name,
        "title": _cut(_text(field.get("title")) or name),
        "about": _text(field.get("description"))[:MAX_ABOUT],
        "required": required,
    }
    made = _choice(field, common) or _plain(field, common)
    if made is None:
        raise McpError(f"{common['title']}, which is no text, number, switch or choice")
    return _with_default(made, field.get("default"))


def _plain(field: _Json, common: _Json) -> Field | None:
    match field.get("type"):
        case "string":
            return Text(
                **common,
                format=_FORMATS.get(_text(field.get("format")), ""),
                pattern=_text(field.get("pattern")),
                shortest=_count(field.get("minLength")) or 0,
                longest=_count(field.get("maxLength")),
            )
        case "number" | "integer" as kind:
            return Number(
                **common,
                whole=kind == "integer",
                least=_number(field.get("minimum")),
                most=_number(field.get("maximum")),
            )
        case "boolean":
            return Switch(**common)
        case _:
            return None


def _choice(field: _Json, common: _Json) -> Choice | Choices | None:
    if field.get("type") == "array":
        options = _options(_table(field.get("items")))
        if not options:
            return None
        fewest, most = _count(field.get("minItems")), _count(field.get("maxItems"))
        return Choices(**common, options=options, fewest=fewest or 0, most=most)
    options = _options(field)
    return Choice(**common, options=options) if options else None


def _options(field: _Json) -> tuple[Option, ...]:
    """Return the options of a field in any of the protocol's ways to write them."""
    listed = field.get("enum")
    if listed is None and "const" in field:
        listed = [field["const"]]
    values: list[object] = _list(listed)
    names = _list(field.get("enumNames"))
    titles = names if len(names) == len(values) else values
    if listed is None:
        each = [_table(one) for one in _list(field.get("oneOf") or field.get("anyOf"))]
        values = [one.get("const") for one in each]
        titles = [one.get("title") for one in each]
    if len(values) > MAX_OPTIONS:
        raise McpError(f"a choice of {len(values)}")
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) or len(set(texts)) < len(texts):
        return ()
    return tuple(
        Option(value, _cut(_text(title) or value))
        for value, title in zip(texts, titles, strict=True)
    )


def _without_null(field: _Json) -> _Json:
    kinds = [kind for kind in _list(field.get("type")) if kind != "null"]
    if len(kinds) == 1:
        return field | {"type": kinds[0]}
    branches = [_table(one) for one in _list(field.get("anyOf"))]
    others = [one for one in branches if one.get("type") != "null"]
    if len(others) == 1 and len(branches) > 1:
        return {key: v for key, v in field.items() if key != "anyOf"} | others[0]
    return field


def _with_default(field: Field, default: object) -> Field:
    """Return the field with its default, if that is one that could be sent."""
    if default is None:
        return field
    fits = check(field, default)
    if isinstance(fits, Wrong):
        return field
    kept: Any = tuple(fits) if isinstance(fits, list) else fits
    return msgspec.structs.replace(field, default=kept)


def _table(value: object) -> _Json:
    return cast("_Json", value) if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [each for each in _list(value) if isinstance(each, str)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value
