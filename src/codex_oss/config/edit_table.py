"""A table of a TOML file written or taken out, and all the rest of it left as it is.

What belongs to the table are its header and its lines, with those of its subtables.
Comments in between go with it; those before it, or before what comes next, stay.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codex_oss.config import toml
from codex_oss.config.edit import Edit, encode, read, values
from codex_oss.config.keys import dotted, read_key
from codex_oss.config.tree import Key, Tree, get
from codex_oss.errors import ConfigError

Table = Mapping[str, str | Sequence[str] | Mapping[str, str]]
"""Texts, lists of texts, and one level of tables of texts."""


def put_table(path: Path, shown: str, key: Key, table: Table) -> Edit:
    """Return a file with ``table`` at ``key``, in the place of the one before.

    ``shown`` is the path for people. Nothing is written. Raises ``ConfigError`` where
    that would change more.
    """
    mark, before = read(path, shown)
    kept, _ = _without(before, key)
    end = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not kept.strip() else end if kept.endswith("\n") else end * 2
    after = kept + gap + "".join(f"{line}{end}" for line in _written(key, table))
    expected = {**_others(before, path, shown, key), **_flat(key, table)}
    _check(after, expected, path, shown, key)
    line = kept.count("\n") + gap.count("\n") + 1
    return Edit(path=path, before=mark + before, after=mark + after, line=line)


def drop_table(path: Path, shown: str, key: Key) -> Edit | None:
    """Return a file without the table at ``key``; None when there is none.

    Nothing is written. Raises ``ConfigError`` where that would change more.
    """
    mark, before = read(path, shown)
    if get(toml.parse(before, path, shown), key) is None:
        return None
    after, line = _without(before, key)
    _check(after, _others(before, path, shown, key), path, shown, key)
    return Edit(path=path, before=mark + before, after=mark + after, line=line)


def _without(text: str, key: Key) -> tuple[str, int]:
    """Return a text without the lines of a table, and the line where it began."""
    lines = text.split("\n")
    headers = sorted(
        (number, at)
        for at, number in toml.key_lines(text).items()
        if _is_header(lines[number - 1], at)
    )
    numbers = [number for number, _ in headers]
    ends = [*(number - 1 for number in numbers), len(lines)][1:]
    ours = [at[: len(key)] == key for _, at in headers]
    drop: set[int] = set()
    for at, (number, end) in enumerate(zip(numbers, ends, strict=True)):
        if ours[at]:
            more = any(ours[at + 1 : at + 2])
            drop |= set(range(number, (end if more else _last(lines, end)) + 1))
    first = min(drop, default=0)
    kept = [line for number, line in enumerate(lines, 1) if number not in drop]
    if drop and first <= len(kept):
        return "\n".join(kept), first
    # It was the last one: the blank lines before it go, and one line end stays.
    joined = "\n".join(kept).rstrip("\r\n")
    return (f"{joined}\n" if joined and drop else "\n".join(kept)), first


def _last(lines: list[str], number: int) -> int:
    """Return the last of a table's lines, without what is said of the next one."""
    while lines[number - 1].lstrip().startswith("#") or not lines[number - 1].strip():
        number -= 1
    while number < len(lines) and not lines[number].strip():
        number += 1
    return number


def _is_header(line: str, at: Key) -> bool:
    rest = line.strip()
    found = read_key(rest.lstrip("[")) if rest.startswith("[") else None
    return found is not None and found[0] == at


def _written(key: Key, table: Table) -> list[str]:
    lines = [f"[{dotted(key)}]"]
    for name, value in table.items():
        if not isinstance(value, Mapping):
            lines.append(f"{dotted((name,))} = {_encoded(value)}")
    for name, value in table.items():
        if isinstance(value, Mapping):
            lines += ["", *_written((*key, name), value)]
    return lines


def _encoded(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return encode(value)
    return f"[{', '.join(map(encode, value))}]"


def _flat(key: Key, table: Table) -> dict[Key, Any]:
    flat: dict[Key, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat((*key, name), value)
        else:
            flat[(*key, name)] = value
    return flat


def _others(text: str, path: Path, shown: str, key: Key) -> dict[Key, Any]:
    tree = toml.parse(text, path, shown)
    return {at: value for at, value in values(tree).items() if at[: len(key)] != key}


def _check(
    after: str, expected: dict[Key, Any], path: Path, shown: str, key: Key
) -> None:
    try:
        tree: Tree | None = toml.parse(after, path, shown)
    except ConfigError:
        tree = None
    if tree is None or values(tree) != expected:
        raise ConfigError(
            f"{shown}: cannot change [{dotted(key)}] without changing more than that",
            hint="Change it with an editor, or write it as a table of its own.",
        )
