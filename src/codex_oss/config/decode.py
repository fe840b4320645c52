"""A merged tree as a ``Config``: types checked, providers completed, typos found."""

from typing import Any

import msgspec

from codex_oss.config.builtin import PROVIDERS
from codex_oss.config.ignored import IGNORED, IGNORED_IN_PROVIDER
from codex_oss.config.keys import dotted
from codex_oss.config.kinds import blame, child, describe, describe_value, struct_of
from codex_oss.config.masking import is_secret
from codex_oss.config.provider import Provider
from codex_oss.config.schema import Config
from codex_oss.config.tree import (
    Key,
    Leaf,
    Tree,
    first,
    get,
    graft,
    merge,
    plain,
    table,
)
from codex_oss.errors import ConfigError


class Unknown(msgspec.Struct, frozen=True):
    """A key that nobody knows; ``guess`` is what was probably meant, or empty."""

    key: str
    origin: str
    guess: str


def decode(tree: Tree) -> Config:
    """Return the configuration; keys that are absent have their defaults.

    Raises ``ConfigError`` that names the key, its origin and what was expected.
    """
    values: dict[str, Any] = {}
    for name, node in tree.items():
        kind = Config.__annotations__.get(name)
        if kind is not None and name != "model_providers":
            values[name] = _convert(node, kind, (name,))
    values["model_providers"] = _providers(tree.get("model_providers", {}))
    return Config(**values)


def find_unknown(tree: Tree) -> list[Unknown]:
    """Return the keys that this program and the Codex CLI do not know."""
    return _unknown(tree, Config, ())


def guess(name: str, known: list[str]) -> str:
    """Return the known name that is most like this one, or nothing."""
    import difflib  # noqa: PLC0415  only for a typo

    close = difflib.get_close_matches(name, known, n=1)
    return close[0] if close else ""


def _convert(node: Tree | Leaf, kind: Any, key: Key) -> Any:
    value = plain(node)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _type_error(node, kind, key) from error


def _type_error(node: Tree | Leaf, kind: Any, key: Key) -> ConfigError:
    path, wanted, found = blame(plain(node), kind)
    culprit = get(node, path) if isinstance(node, dict) else node
    origin = first(culprit) if culprit is not None else None
    name = dotted((*key, *path))
    got = "another type" if is_secret(name) else describe_value(found)
    where = f"{origin.origin}: " if origin else ""
    return ConfigError(f"{where}`{name}`: expected {describe(wanted)}, got {got}")


def _providers(node: Tree | Leaf) -> dict[str, Provider]:
    """Return the built-in providers with the user's changes, and the user's own."""
    entries = table(node)
    if entries is None:
        raise _type_error(node, dict[str, Provider], ("model_providers",))
    providers = dict(PROVIDERS)
    for name, entry in entries.items():
        providers[name] = _provider(name, entry)
    return providers


def _provider(name: str, node: Tree | Leaf) -> Provider:
    key = ("model_providers", name)
    entry = table(node)
    if entry is None:
        raise _type_error(node, Provider, key)
    known = Provider.__struct_fields__
    for field, value in entry.items():
        if field not in known and field not in IGNORED_IN_PROVIDER:
            raise _unknown_in_provider((*key, field), value, list(known))
    own: Tree = {field: entry[field] for field in entry if field in known}
    builtin = PROVIDERS.get(name)
    below = msgspec.to_builtins(builtin) if builtin else {"name": name}
    tree = merge(graft(below, lambda _: "default"), own)
    provider: Provider = _convert(tree, Provider, key)
    if not provider.base_urls:
        return provider
    return msgspec.structs.replace(provider, base_url=provider.base_urls[0])


def _unknown_in_provider(key: Key, node: Tree | Leaf, known: list[str]) -> ConfigError:
    origin = first(node)
    where = f"{origin.origin}: " if origin else ""
    if key[-1] in {"auth", "aws"}:
        hint = "Use env_key, http_headers or env_http_headers"
        return ConfigError(f"{where}`{dotted(key)}` is not supported", hint=hint)
    meant = guess(key[-1], known)
    hint = f"Did you mean {meant}?" if meant else f"Known: {', '.join(known)}"
    return ConfigError(f"{where}unknown key `{dotted(key)}`", hint=hint)


def _unknown(tree: Tree, kind: Any, at: Key) -> list[Unknown]:
    found: list[Unknown] = []
    for name, node in tree.items():
        key = (*at, name)
        if dotted(key) in IGNORED or (not at and name == "model_providers"):
            continue  # providers are strict anyway
        inner = child(kind, name)
        if inner is None:
            origin = first(node)
            struct = struct_of(kind)
            known = list(struct.__struct_fields__) if struct else []
            meant = guess(name, known)
            found.append(
                Unknown(
                    key=dotted(key),
                    origin=origin.origin if origin else "config.toml",
                    guess=dotted((*at, meant)) if meant else "",
                )
            )
        elif isinstance(node, dict):
            found += _unknown(node, inner, key)
    return found
