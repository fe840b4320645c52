"""Tool calls as small models write them, mended where only one thing can be meant.

Three questions: which JSON object are these arguments, which offered tool is this
name (in ``names``), and what to tell the model when there is no answer to either.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import msgspec

from codex_oss.translate import lenient
from codex_oss.translate.names import mend_name
from codex_oss.wire.json_text import NOT_JSON

__all__ = [
    "ALIASES",
    "WRAPPERS",
    "explain",
    "mend_arguments",
    "mend_name",
    "missing",
]

Schema = dict[str, Any]

TEXT_LIMIT = 4 * 1024 * 1024
"""Characters of arguments that are mended; larger ones are given back or refused."""

ALIASES: dict[str, tuple[str, ...]] = {
    "cmd": ("command", "shell_command", "script", "code", "commands"),
    "workdir": ("cwd", "working_directory", "working_dir", "dir", "directory"),
    "path": ("file", "filename", "file_path", "filepath", "file_name", "target_file"),
    "old_text": ("old_string", "old_str", "oldText", "old", "search", "find"),
    "new_text": ("new_string", "new_str", "newText", "new", "replace", "replacement"),
    "replace_all": ("replaceAll", "all"),
    "content": ("contents", "text", "file_text", "file_content", "code", "data"),
    "input": ("patch", "patch_text", "diff"),
    "chars": ("input", "text", "data"),
    "session_id": ("session", "id"),
    "plan": ("steps", "todos", "items", "tasks"),
    "step": ("content", "task", "title", "description", "text"),
}  # fmt: skip
"""A tool's key, and the names under which models send it."""

WRAPPERS = ("arguments", "parameters", "args", "input", "params")
"""Keys under which a model packs the whole object once more."""

NAMED = 48
"""Tools that are named to a model which called one that there is not."""

_LEFTOVERS = ("```", "<|", "</")
_NAMES_IN_WRAPPER = frozenset(("name", "tool", "tool_name", "function", "type", "id"))
_COMMANDS = frozenset(("cmd",))
_SHELLS = frozenset(
    ("bash", "sh", "zsh", "/bin/bash", "/bin/sh", "/bin/zsh", "/usr/bin/bash")
)
_SHELL_FLAGS = frozenset(("-c", "-lc", "-l", "-i", "-ic", "-lic"))

# --- arguments ---------------------------------------------------------------------


def mend_arguments(text: str, schema: Schema | None) -> str | None:
    """Return the JSON text of the one object that ``text`` means, or None.

    An object whose fields fit ``schema`` comes back byte for byte. Whether required
    keys are there is not asked: the tool says so itself.
    """
    given = _strict(text)
    if isinstance(given, dict):
        value = cast("dict[str, Any]", given)
        mended = _fit_object(value, schema)
        return text if mended == value else _encode(mended)
    if len(text) > TEXT_LIMIT:
        return None
    value = _object(text, schema)
    return None if value is None else _encode(_fit_object(value, schema))


def missing(arguments: str, schema: Schema | None) -> list[str]:
    """Return the keys that ``schema`` requires and the JSON object does not have."""
    given = _strict(arguments)
    keys = cast("Schema", given).keys() if isinstance(given, dict) else ()
    return [key for key in _required(schema) if key not in keys]


def _strict(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except NOT_JSON:
        return None


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _object(text: str, schema: Schema | None) -> dict[str, Any] | None:
    """Return the object that is written in ``text`` in some other way than JSON."""
    inner = lenient.unfenced(text.strip())[1]
    if inner in ("", "null", "None"):
        return {}
    value = _whole(inner)
    match value:
        case dict():
            return cast("dict[str, Any]", value)
        case [dict()]:
            return cast("list[dict[str, Any]]", value)[0]
        case str() if value.lstrip().startswith("{"):
            return _object(value, schema)
        case None if inner[0] in "{[\"'":
            return None
        case _:
            return _only_field(inner if value is None else value, schema)


def _whole(text: str) -> object:
    """Return the value that ``text`` is from end to end; None when it is no value."""
    try:
        value, end = lenient.read(text)
        while rest := text[end:].lstrip(" \t\r\n}];,"):
            if rest.startswith(_LEFTOVERS):
                break
            again, size = lenient.read(rest)
            if again != value:
                return None
            text, end = rest, size
    except lenient.UnreadableError:
        return None
    return value


def _only_field(value: object, schema: Schema | None) -> dict[str, Any] | None:
    """Return an object of ``value`` alone, when one string is all a tool requires."""
    properties, required = _properties(schema), _required(schema)
    if len(required) != 1 or types_of_schema(properties.get(required[0])) != {"string"}:
        return None
    return {required[0]: value}


# --- fields ------------------------------------------------------------------------


def _fit_object(value: dict[str, Any], schema: Schema | None) -> dict[str, Any]:
    """Return ``value`` with its keys and fields as ``schema`` names them."""
    properties = _properties(schema)
    if not properties:
        return value
    unpacked = _unwrapped(value, properties)
    fitted = {
        _meant_key(key, unpacked, properties): field for key, field in unpacked.items()
    }
    required = _required(schema)
    return {
        key: _fit(key, field, properties.get(key))
        for key, field in fitted.items()
        if not (field is None and _may_drop(key, properties, required))
    }


def _may_drop(key: str, properties: Schema, required: list[str]) -> bool:
    """Whether ``null`` stands for an optional field that is left out."""
    types = types_of_schema(properties.get(key))
    return bool(types) and "null" not in types and key not in required


def _unwrapped(value: dict[str, Any], properties: Schema) -> dict[str, Any]:
    """Return what stands under ``arguments`` or the like, when that is all there is."""
    for key in WRAPPERS:
        if key in value and key not in properties:
            inner = value[key]
            if isinstance(inner, str):
                inner = _whole(inner)
            others = value.keys() - {key}
            if isinstance(inner, dict) and others <= _NAMES_IN_WRAPPER - set(
                properties
            ):
                return cast("dict[str, Any]", inner)
    return value


def _meant_key(key: str, value: dict[str, Any], properties: Schema) -> str:
    """Return the schema's key for an alias that nothing else in ``value`` means."""
    if key in properties:
        return key
    for meant, aliases in ALIASES.items():
        if key in aliases and meant in properties and meant not in value:
            rivals = [a for a in aliases if a in value and a not in properties]
            if rivals == [key]:
                return meant
    return key


def _fit(key: str, value: Any, schema: object) -> Any:
    """Return ``value`` in the type that ``schema`` asks for, where that is plain."""
    types = types_of_schema(schema)
    if not types or types & _types_of_value(value):
        return _fit_inside(value, _known(schema))
    for wanted in types - {"null"}:
        changed = _COERCIONS[wanted](key, value) if wanted in _COERCIONS else value
        if types & _types_of_value(changed):
            return _fit_inside(changed, _known(schema))
    return value


def _fit_inside(value: Any, schema: Schema) -> Any:
    """Fit the fields of an object, and of the objects of a list."""
    if isinstance(value, dict):
        return _fit_object(cast("dict[str, Any]", value), schema)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_fit("", item, schema["items"]) for item in cast("list[Any]", value)]
    return cast("Any", value)


def _to_string(key: str, value: Any) -> Any:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return _encode(value)
        case [str() as only]:
            return only
        case [shell, *flags, str() as script] if (
            key in _COMMANDS and shell in _SHELLS and flags and {*flags} <= _SHELL_FLAGS
        ):
            return script
        case [*words] if key in _COMMANDS and _is_argv(words):
            return _joined(words)
        case _:
            return value


def _is_argv(words: list[Any]) -> bool:
    """Whether this is one command's words; of several, the first has spaces."""
    return (
        bool(words)
        and all(isinstance(word, str) for word in words)
        and not any(space in words[0] for space in " \t\n")
    )


def _joined(words: list[str]) -> str:
    import shlex  # noqa: PLC0415  only for a list in place of a command

    return shlex.join(words)


def _to_number(_key: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    read = _strict(value.strip())
    return read if isinstance(read, int | float) else value


def _to_integer(_key: str, value: Any) -> Any:
    read = _to_number(_key, value)
    return int(read) if isinstance(read, float) and read.is_integer() else read


def _to_boolean(_key: str, value: Any) -> Any:
    words = {"true": True, "false": False, "yes": True, "no": False}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


def _to_list(_key: str, value: object) -> object:
    if isinstance(value, str):
        read = _whole(value.strip())
        return cast("list[Any]", read) if isinstance(read, list) else value
    return cast("object", [value]) if isinstance(value, dict) else value


def _to_object(_key: str, value: Any) -> Any:
    read = _whole(value.strip()) if isinstance(value, str) else None
    return cast("dict[str, Any]", read) if isinstance(read, dict) else value


_COERCIONS: dict[str, Callable[[str, Any], Any]] = {
    "string": _to_string,
    "number": _to_number,
    "integer": _to_integer,
    "boolean": _to_boolean,
    "array": _to_list,
    "object": _to_object,
}

# --- schemas -----------------------------------------------------------------------


def _properties(schema: object) -> dict[str, Any]:
    found: object = _known(schema).get("properties")
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


def _required(schema: object) -> list[str]:
    found: object = _known(schema).get("required")
    return cast("list[str]", found) if isinstance(found, list) else []


def _known(schema: object) -> Schema:
    """Return ``schema``, or an empty one in place of ``True`` and the like."""
    return cast("Schema", schema) if isinstance(schema, dict) else {}


def types_of_schema(schema: object) -> set[str]:
    """Return the JSON types that ``schema`` allows; none: it does not say."""
    known = _known(schema)
    match known.get("type"):
        case str() as one:
            return {one}
        case list():
            return set(cast("list[str]", known["type"]))
        case _:
            choices: list[object] = known.get("anyOf") or known.get("oneOf") or []
            return {name for choice in choices for name in types_of_schema(choice)}


def _types_of_value(value: object) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"integer", "number"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
        case _:
            return {"object"}


# --- telling the model -------------------------------------------------------------

_SAMPLES: dict[str, Any] = {
    "string": "...", "integer": 1, "number": 1, "boolean": True,
    "array": [], "object": {}, "null": None,
}  # fmt: skip
_SAMPLE_FIELDS = {"cmd": "ls", "path": "README.md"}


def explain(name: str, arguments: str, tools: Mapping[str, Schema | None]) -> str:
    """Return what the model did wrong in a call, and what to send instead.

    ``tools`` are those offered, with their schemas. The same call gives the same text.
    """
    meant = mend_name(name, tools)
    if meant is None:
        known = ", ".join([*tools][:NAMED]) or "none"
        known += f" and {len(tools) - NAMED} more" if len(tools) > NAMED else ""
        text = f"There is no tool `{name}`. Tools: {known}."
        shell = "exec_command"
        return (
            f"{text} For example: {_example(shell, tools)}" if shell in tools else text
        )
    schema = tools[meant]
    mended = mend_arguments(arguments, schema)
    if mended is None:
        what = f"The arguments of `{meant}` are not one JSON object"
    else:
        what = f"The call of `{meant}` has the wrong arguments"
        if lacking := missing(mended, schema):
            what += f": {', '.join(f'`{key}`' for key in lacking)} is missing"
    fields = ", ".join(_described(schema))
    takes = f" It takes: {fields}." if fields else " It takes no arguments."
    return f"{what}.{takes} Send: {_example(meant, tools)}"


def _described(schema: Schema | None) -> Iterator[str]:
    required = _required(schema)
    for key, field in _properties(schema).items():
        kind = " or ".join(sorted(types_of_schema(field) - {"null"})) or "any"
        yield f"{key} ({kind}{', required' if key in required else ''})"


def _example(name: str, tools: Mapping[str, Schema | None]) -> str:
    return f"{name} {_encode(sample(tools[name]))}"


def sample(schema: Schema | None) -> dict[str, Any]:
    """Return arguments that fit ``schema``: an example for the model."""
    properties = _properties(schema)
    return {key: _sample(key, properties.get(key)) for key in _required(schema)}


def _sample(key: str, schema: object) -> Any:
    known = _known(schema)
    if key in _SAMPLE_FIELDS:
        return _SAMPLE_FIELDS[key]
    if choices := known.get("enum"):
        return choices[0]
    if isinstance(known.get("items"), dict):
        return [_sample("", known["items"])]
    if _properties(known):
        return sample(known)
    kind = min(types_of_schema(known) - {"null"}, default="string")
    return _SAMPLES.get(kind, "...")
