"""The types of configuration values: looked into, and described to people.

Only tables with wrong or unknown keys and the generated pages need the descriptions;
looking into a type costs one attribute.
"""

import builtins
import types
import typing
from typing import Annotated, Any, Union, cast, get_args, get_origin

import msgspec

Kind = Any
"""An annotation: a class, ``X | None``, ``Literal[...]``, ``dict[str, X]``, ..."""

_WORDS: dict[object, tuple[str, str]] = {
    str: ("a string", "strings"),
    bool: ("true or false", "booleans"),
    int: ("an integer", "integers"),
    float: ("a number", "numbers"),
    Any: ("a value", "values"),
}


def bare(kind: Kind) -> Kind:
    """Return a type without ``| None`` and without its constraints."""
    if get_origin(kind) is Annotated:
        return bare(get_args(kind)[0])
    members = _members(kind)
    return bare(members[0]) if len(members) == 1 else kind


def _members(kind: Kind) -> list[Kind]:
    """Return the types of a union but None; nothing for another type."""
    if get_origin(kind) not in (Union, types.UnionType):
        return []
    return [member for member in get_args(kind) if member is not type(None)]


def struct_of(kind: Kind) -> type[msgspec.Struct] | None:
    """Return the struct that describes a table, if one does; also one of a union."""
    kind = bare(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind
    structs = (struct_of(member) for member in _members(kind))
    return next(filter(None, structs), None)


def child(kind: Kind, name: str) -> Kind | None:
    """Return the type of a key in a table of this type; None when it has none."""
    if struct := struct_of(kind):
        return struct.__annotations__.get(name)
    kind = bare(kind)
    if kind is Any:
        return Any
    if get_origin(kind) is dict:
        return get_args(kind)[1]
    return None


def describe(kind: Kind) -> str:
    """Return what a value must be, such as ``an array of strings``."""
    if members := _members(kind):
        return " or ".join(describe(member) for member in members)
    arguments = get_args(kind)
    match get_origin(kind):
        case None:
            return _WORDS.get(kind, ("a table", ""))[0]
        case typing.Annotated:  # our only constraints are `ge=0` and `le`
            last = f"to {arguments[1].le}" if arguments[1].le is not None else "on"
            return f"{describe(arguments[0])} from 0 {last}"
        case typing.Literal:
            return choice(arguments)
        case builtins.tuple:
            _, several = _WORDS.get(arguments[0], ("", "tables"))
            return f"an array of {several}"
        case _:
            return "a table"


def choice(values: tuple[str, ...]) -> str:
    """Return the values as ``"a", "b" or "c"``."""
    quoted = [f'"{value}"' for value in values]
    return " or ".join(filter(None, [", ".join(quoted[:-1]), quoted[-1]]))


def describe_value(value: object) -> str:
    """Return what a value is, such as ``the integer 3``."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return msgspec.json.encode(value).decode()
        case int():
            return f"the integer {value}"
        case float():
            return f"the number {value}"
        case list():
            return "an array"
        case dict():
            return "a table"
        case _:
            return "a date or time"


def blame(value: object, kind: Kind) -> tuple[tuple[str, ...], Kind, object]:
    """Find what does not fit in a value that does not fit its type.

    Return the path to it, the type it should have, and it.
    """
    if isinstance(value, dict):
        table = cast("dict[str, object]", value)
        for name, inner in table.items():
            inner_kind = child(kind, name)
            if inner_kind is not None and not fits(inner, inner_kind):
                path, wanted, found = blame(inner, inner_kind)
                return (name, *path), wanted, found
    return (), kind, cast("object", value)


def fits(value: object, kind: Kind) -> bool:
    """Tell whether a value has a type."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
