"""A home directory with configuration files, and ``load`` on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from codex_oss.config.load import Loaded, load

Run = Callable[..., Loaded]


def loader(tmp_path: Path) -> Run:
    """Return ``run(text, **arguments)``: load with ``text`` as config.toml.

    ``files`` are further files of ``~/.codex`` by name, ``env`` further variables.
    """

    def call(
        text: str | None = None,
        *,
        files: dict[str, str] | None = None,
        env: dict[str, str] | None = None,
        **arguments: Any,
    ) -> Loaded:
        home = tmp_path / ".codex"
        home.mkdir(exist_ok=True)
        for name, content in (files or {}).items():
            (home / name).write_text(content, encoding="utf-8")
        if text is not None:
            (home / "config.toml").write_text(text, encoding="utf-8")
        return load(home, {"HOME": str(tmp_path)} | (env or {}), **arguments)

    return call
