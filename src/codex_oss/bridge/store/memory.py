"""Responses in this process: gone when it ends."""

from collections import OrderedDict
from collections.abc import Callable

from codex_oss.bridge.store.base import Bounds, Kept


class MemoryStore:
    """Keeps what was used last. ``now`` returns seconds since the epoch."""

    def __init__(self, bounds: Bounds, now: Callable[[], float]) -> None:
        self._bounds = bounds
        self._now = now
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._size = 0

    async def put(self, kept: Kept) -> None:
        """Keep a response; forget those that were not used for longest."""
        self._drop(kept.id)
        self._kept[kept.id] = kept
        self._size += kept.size
        bounds = self._bounds
        while len(self._kept) > bounds.entries or self._size > bounds.size:
            self._drop(next(iter(self._kept)))

    async def get(self, response_id: str) -> Kept | None:
        """Return a response that is not too old."""
        kept = self._kept.get(response_id)
        if kept is None:
            return None
        if kept.created_at < self._now() - self._bounds.age_s:
            self._drop(response_id)
            return None
        self._kept.move_to_end(response_id)
        return kept

    async def holder(self, owner: str, item_id: str) -> str | None:  # noqa: ARG002
        """Return None: ``References`` lives as long as this."""
        return None

    async def delete(self, response_id: str) -> bool:
        """Forget a response."""
        return self._drop(response_id)

    async def close(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._size = 0

    def _drop(self, response_id: str) -> bool:
        kept = self._kept.pop(response_id, None)
        if kept is not None:
            self._size -= kept.size
        return kept is not None


class NoStore:
    """Keeps nothing."""

    async def put(self, kept: Kept) -> None:
        """Forget the response."""

    async def get(self, response_id: str) -> Kept | None:  # noqa: ARG002  none is kept
        """Return None."""
        return None

    async def holder(self, owner: str, item_id: str) -> str | None:  # noqa: ARG002
        """Return None."""
        return None

    async def delete(self, response_id: str) -> bool:  # noqa: ARG002  none is kept
        """Return False."""
        return False

    async def close(self) -> None:
        """There is nothing to let go of."""
