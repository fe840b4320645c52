"""The names of features: those that mean something here, and all of the Codex CLI."""

from pathlib import Path

from codex_oss.config.decode import Unknown, guess
from codex_oss.config.tree import Tree, first, table
from codex_oss.errors import ConfigError

_FILE = Path(__file__).with_suffix(".txt")
"""``codex features list`` of 0.169, one name in a line."""


def check(names: list[str]) -> None:
    """Raise ``ConfigError`` for a feature that nobody knows, in Codex's words."""
    known = _known() if names else []
    for name in names:
        if name not in known:
            meant = guess(name, known)
            hint = f"Did you mean {meant}?" if meant else ""
            raise ConfigError(f"Unknown feature flag: {name}", hint=hint)


def find_unknown(tree: Tree) -> list[Unknown]:
    """Return the keys of ``features`` that are no features."""
    given = table(tree.get("features"))
    if not given:
        return []
    known, unknown = _known(), list[Unknown]()
    for name, node in given.items():
        if name not in known:
            origin, meant = first(node), guess(name, known)
            where = origin.origin if origin else "config.toml"
            close = f"features.{meant}" if meant else ""
            unknown.append(Unknown(f"features.{name}", where, close))
    return unknown


def _known() -> list[str]:
    return _FILE.read_text("utf-8").split()
