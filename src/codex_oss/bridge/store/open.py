"""A store from its name in the configuration."""

from collections.abc import Callable
from pathlib import Path

from codex_oss.bridge.places import check_place
from codex_oss.bridge.store.base import Bounds, Store
from codex_oss.bridge.store.memory import MemoryStore, NoStore

FILE_NAME = "responses.sqlite"
MEMORY_BYTES = 32 << 20
"""Of responses kept in memory, where nobody says how much: it is a person's laptop."""


def open_store(
    spec: str, *, folder: Path, now: Callable[[], float], bounds: Bounds | None = None
) -> Store:
    """Return the store that ``spec`` names.

    ``memory``, ``none``, ``sqlite`` (a file in ``folder``), ``sqlite:PATH`` or a URL
    of Redis. ``now`` returns seconds since the epoch. Raises ``ConfigError`` for
    other names, and ``StoreError`` for a file that cannot be used.
    """
    check_place(spec)
    memory = bounds or Bounds(size=MEMORY_BYTES)
    bounds = bounds or Bounds()
    kind, _, path = spec.partition(":")
    if spec == "memory":
        return MemoryStore(memory, now)
    if spec == "none":
        return NoStore()
    if kind == "sqlite":
        from codex_oss.bridge.store.sqlite import (  # noqa: PLC0415  5 ms
            SqliteStore,
        )

        file = Path(path).expanduser() if path else folder / FILE_NAME
        return SqliteStore(file, bounds, now)
    from codex_oss.bridge.store.redis import (  # noqa: PLC0415  an optional extra
        RedisStore,
    )

    return RedisStore(spec, bounds)
