"""A server's form, filled in by what a person can answer with yes and no.

What the form proposes itself is shown and agreed to as a whole; then each field that
has to be chosen is asked about, one option after the other. Nobody writes.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import msgspec

MAX_FIELDS = 32
"""Fields of a form; one with more is declined."""
MAX_OPTIONS = 12
"""Options of a field that are asked about; one with more is declined."""
MAX_SHOWN = 200
"""Letters of a name, an option or a value that are shown."""

Ask = Callable[[str], Awaitable[bool]]


class Field(msgspec.Struct, frozen=True):
    """A field to be chosen: its name, its title, and values with their titles."""

    name: str
    title: str
    options: tuple[tuple[Any, str], ...]


class Form(msgspec.Struct, frozen=True):
    """What is ``filled`` in already, and what is still ``open``.

    ``written`` names a field that somebody would have to write; such a form can only
    be declined.
    """

    filled: dict[str, Any] = {}
    open: tuple[Field, ...] = ()
    written: str = ""


def read_form(schema: object) -> Form:
    """Return a form as far as it can be filled in.

    A field has its default; where only one switch has to be set, agreeing sets it.
    """
    properties, required = _at(schema, "properties"), _at(schema, "required")
    if not isinstance(properties, dict):
        return Form()
    named = cast("dict[str, Any]", properties)
    wanted = cast("list[object]", required) if isinstance(required, list) else []
    if len(named) > MAX_FIELDS:
        return Form(written=f"{len(named)} fields")
    filled: dict[str, Any] = {}
    fields: list[Field] = []
    for name, field in named.items():
        title = _shown(_at(field, "title") or name)
        default = _at(field, "default")
        if default is not None:
            filled[name] = default
        elif name in wanted:
            options = _options(field)
            if not options:
                return Form(written=title)
            fields.append(Field(name, title, options))
    if len(fields) == 1 and _at(named[fields[0].name], "type") == "boolean":
        filled[fields.pop().name] = True
    return Form(filled, tuple(fields))


async def fill(form: Form, message: str, ask: Ask) -> dict[str, Any] | None:
    """Ask what is to be asked and return the fields; None when they are refused."""
    lines = [f"{_shown(name)}: {_value(value)}" for name, value in form.filled.items()]
    if not await ask("\n".join([message, *lines])):
        return None
    filled = dict(form.filled)
    for field in form.open:
        chosen = await _chosen(field, message, ask)
        if chosen is None:
            return None
        filled[field.name] = chosen[0]
    return filled


async def _chosen(field: Field, message: str, ask: Ask) -> tuple[Any, str] | None:
    """Return the option that is agreed to; of yes and no, no needs no question."""
    switch = [value for value, _ in field.options] == [True, False]
    for option in field.options[:1] if switch else field.options:
        if await ask(f"{message}\n{field.title}: {option[1]}?"):
            return option
    return field.options[1] if switch else None


def _options(field: object) -> tuple[tuple[Any, str], ...]:
    """Return values with their titles; none where a value has to be written."""
    if _at(field, "type") == "boolean":
        return (True, "yes"), (False, "no")
    values, titles = _at(field, "enum"), _at(field, "enumNames")
    if isinstance(values, list):
        listed = cast("list[object]", values)
        names = cast("list[object]", titles) if isinstance(titles, list) else listed
        pairs = list(zip(listed, names if len(names) == len(listed) else listed))  # noqa: B905  of one length
    else:
        listed = _at(field, "oneOf")
        each = cast("list[object]", listed) if isinstance(listed, list) else []
        pairs = [(_at(one, "const"), _at(one, "title") or "") for one in each]
    if len(pairs) > MAX_OPTIONS or not all(isinstance(v, str) for v, _ in pairs):
        return ()
    return tuple((value, _shown(title or value)) for value, title in pairs)


def _value(value: object) -> str:
    return _shown(value if isinstance(value, str) else msgspec.json.encode(value))


def _shown(value: object) -> str:
    text = value.decode() if isinstance(value, bytes) else str(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _at(value: object, key: str) -> object:
    return cast("dict[str, Any]", value).get(key) if isinstance(value, dict) else None
