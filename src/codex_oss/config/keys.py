"""Dotted keys as TOML writes them: ``projects."/src/app".trust_level``."""

import msgspec

from codex_oss.config.tree import Key

_END = " \t.=]"  # what ends a segment that has no quotes


def dotted(key: Key) -> str:
    """Return a key as people write it; segments that need quotes get them."""
    return ".".join(name if _is_bare(name) else _quoted(name) for name in key)


def read_key(text: str) -> tuple[Key, str] | None:
    """Read a dotted key from the start of ``text``.

    Return it and the text after it without leading blanks; None when there is none.
    A segment without quotes may hold any character but blanks, ``.``, ``=``, ``]``.
    """
    names: list[str] = []
    rest = text
    while True:
        segment = _read_segment(rest.lstrip())
        if segment is None:
            return None
        name, rest = segment
        names.append(name)
        rest = rest.lstrip()
        if not rest.startswith("."):
            return tuple(names), rest
        rest = rest[1:]


def _read_segment(text: str) -> tuple[str, str] | None:
    if text.startswith("'"):
        name, closed, rest = text[1:].partition("'")
        return (name, rest) if closed else None
    if text.startswith('"'):
        return _read_quoted(text)
    end = next((i for i, c in enumerate(text) if c in _END), len(text))
    return (text[:end], text[end:]) if end else None


def _read_quoted(text: str) -> tuple[str, str] | None:
    end = find_end(text, '"', 1)
    if end < 0:
        return None
    try:
        # Escapes of TOML's basic strings that JSON lacks do not occur in keys.
        return msgspec.json.decode(text[: end + 1], type=str), text[end + 1 :]
    except msgspec.DecodeError:
        return None


def find_end(text: str, quote: str, start: int) -> int:
    """Return where the string that began before ``start`` ends, or -1.

    ``quote`` is its delimiter; backslashes escape in the two kinds with ``"``.
    """
    end = text.find(quote, start)
    while quote[0] == '"' and end >= 0 and _escaped(text, end):
        end = text.find(quote, end + 1)
    return end


def _escaped(text: str, at: int) -> bool:
    before = text[:at]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _is_bare(name: str) -> bool:
    return name.isascii() and name.replace("-", "_").replace("_", "a").isalnum()


def _quoted(name: str) -> str:
    return msgspec.json.encode(name).decode()
