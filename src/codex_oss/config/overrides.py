"""``-c key=value`` and the command line's own flags, as layers of configuration."""

from collections.abc import Mapping
from typing import Any

from codex_oss.config.keys import read_key
from codex_oss.config.tree import Key, Tree, graft, merge, put
from codex_oss.errors import ConfigError

_PREFIX = "Error parsing -c overrides:"


def parse_override(text: str) -> Tree:
    """Return one ``key=value`` as a tree.

    It is split at the first ``=``; the key is dotted and its segments may be quoted;
    the value is TOML, or the text itself where it is not. The messages are those of
    the Codex CLI.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(
            f"{_PREFIX} Invalid override (missing '='): {text}",
            hint='Write -c key=value, for example -c model="qwen3:8b"',
        )
    if not key.strip():
        raise ConfigError(f"{_PREFIX} Empty key in override: {text}")
    parsed = read_key(key)
    if parsed is None or parsed[1]:
        raise ConfigError(
            f"{_PREFIX} Invalid key in override: {text}",
            hint='Quote what holds dots: projects."/src/a.b".trust_level',
        )
    return _branch(parsed[0], parse_value(value.strip()), "-c")


def parse_value(text: str) -> Any:
    """Return TOML text as a value, or the text where it is not a TOML value."""
    import tomllib  # noqa: PLC0415  3 ms that a run without a -c does not pay

    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    # More keys: the text has line breaks and goes on after a value.
    return table["value"] if len(table) == 1 else text


def flag_layer(flags: Mapping[str, tuple[str, Any]]) -> Tree:
    """Return dotted keys with (flag, value) as a tree whose origins are the flags."""
    tree: Tree = {}
    for dotted, (flag, value) in flags.items():
        parsed = read_key(dotted)
        assert parsed is not None, dotted
        tree = merge(tree, _branch(parsed[0], value, flag))
    return tree


def _branch(key: Key, value: Any, origin: str) -> Tree:
    """Return a tree of one value, which may be a table."""
    top = graft({"value": value}, lambda _: origin)["value"]
    tree: Tree = {}
    put(tree, key, top)
    return tree
