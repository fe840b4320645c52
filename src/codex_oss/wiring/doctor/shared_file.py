"""What the Codex CLI refuses in the ``config.toml`` that it shares with codex-oss."""

from collections.abc import Iterator

from codex_oss.config.keys import dotted
from codex_oss.config.load import FILE_NAME, Loaded
from codex_oss.config.provider import Provider
from codex_oss.wiring.doctor.check import Check, todo

RESERVED = ("openai", "ollama", "lmstudio")
"""Ids of the Codex CLI 0.169's own providers that no table may have."""
_OTHER_NAME = ("openai", "base_url")
"""What ``openai_base_url`` is another name for; that the Codex CLI takes."""
_HOW = "Move it to {path}, which only codex-oss reads: docs/guides/config.md"


def refused(loaded: Loaded) -> list[Check]:
    """Return a line for each table of providers with which the Codex CLI ends.

    Found out by trying 0.169, which names them in its first line.
    """
    how = _HOW.format(path=loaded.home / f"oss.{FILE_NAME}")
    return [
        todo("Codex CLI", f"does not start because of {what} ({where})", how)
        for what, where in _faults(loaded)
    ]


def _faults(loaded: Loaded) -> Iterator[tuple[str, str]]:
    for name, provider in loaded.config.model_providers.items():
        table = ("model_providers", name)
        lines = {
            field: origin
            for field in Provider.__struct_fields__
            for origin in _origins(loaded, dotted((*table, field)))
            if f"/{FILE_NAME}:" in origin and f".{FILE_NAME}:" not in origin
        }
        if not lines:
            continue
        first = next(iter(lines.values()))
        if (name, *lines) == _OTHER_NAME:
            continue
        if name in RESERVED:
            yield f"[{dotted(table)}]: the id is its own", first
        elif "wire_api" in lines and provider.wire_api != "responses":
            yield f'wire_api = "{provider.wire_api}"', lines["wire_api"]
        elif "name" not in lines:
            yield f"[{dotted(table)}] without a name", first


def _origins(loaded: Loaded, key: str) -> Iterator[str]:
    """Yield where a key, or one below it, was set."""
    for known, origin in loaded.origins.items():
        if known == key or known.startswith(f"{key}."):
            yield origin
