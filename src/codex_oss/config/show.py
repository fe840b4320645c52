"""``codex-oss config show``: every value, where it was set, and no secret."""

from collections.abc import Iterator
from typing import Any

import msgspec

from codex_oss.config.keys import dotted
from codex_oss.config.load import Loaded
from codex_oss.config.masking import MASK, is_secret, mask_url
from codex_oss.config.schema import Config
from codex_oss.config.tree import Key

_WIDEST = 60  # columns of `key = value`; a longer one pushes its own comment out
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def render(loaded: Loaded, *, color: bool = False) -> str:
    """Return the configuration as lines ``key = value   # origin``.

    What somebody set comes first, then the defaults; ``color`` dims those.
    """
    rows = dict(_rows(loaded))
    ours = [
        (f"{key} = {text}", loaded.origin(key))
        for key, text in rows.items()
        if key in loaded.origins
    ]
    defaults = [
        (f"{key} = {text}", "default")
        for key, text in rows.items()
        if key not in loaded.origins
    ]
    columns = [len(left) for left, _ in ours + defaults if len(left) <= _WIDEST]
    width = max(columns, default=0)
    lines = [_line(row, width) for row in ours]
    if ours:
        lines.append("")
    for row in defaults:
        line = _line(row, width)
        lines.append(f"{_DIM}{line}{_PLAIN}" if color else line)
    return "".join(f"{line}\n" for line in lines)


def _line(row: tuple[str, str], width: int) -> str:
    return f"{row[0]:<{width}}   # {row[1]}"


def _rows(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """Yield each key with its value as text.

    Of the providers: all of the one in use, and what is set of others. The tables of
    profiles are left out; values of the one in effect stand at their own keys.
    """
    table: dict[str, Any] = msgspec.to_builtins(loaded.config)
    table.pop("profiles")
    for key, value in _flatten(table, ()):
        name = dotted(key)
        other = key[0] == "model_providers" and key[1] != loaded.provider_id
        if other and name not in loaded.origins:
            continue
        yield name, _text(name, value)


def _flatten(table: dict[str, Any], at: Key) -> Iterator[tuple[Key, Any]]:
    for name, value in table.items():
        key = (*at, name)
        if isinstance(value, dict) and (value or _is_open(key)):
            yield from _flatten(value, key)  # pyright: ignore[reportUnknownArgumentType]  JSON
        else:
            yield key, value


def _is_open(key: Key) -> bool:
    """Tell whether an empty table has nothing to say (``[mcp_servers]``)."""
    return len(key) == 1 and key[0] in Config.__struct_fields__


def _text(key: str, value: Any) -> str:
    """Return a value as TOML, masked where it is secret."""
    if value is None:
        return "(unset)"
    if is_secret(key) and value != "":
        return f'"{MASK}"'
    if isinstance(value, str):
        return msgspec.json.encode(
            mask_url(value) if "://" in value else value
        ).decode()
    if isinstance(value, dict):
        pairs = (f"{dotted((k,))} = {_text(k, v)}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_text(key, item) for item in value) + "]"  # pyright: ignore[reportUnknownVariableType]  JSON
    return msgspec.json.encode(value).decode()
