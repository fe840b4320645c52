"""What is kept of a response, and what every store does."""

from typing import Protocol

import msgspec


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A response that has ended.

    ``owner`` is the client it belongs to: nobody else reads it. ``response`` is the
    complete response object, ``input_items`` the array of what was new in its
    request, both as JSON. ``created_at`` is in seconds since the epoch.
    """

    id: str
    created_at: int
    owner: str
    response: bytes
    input_items: bytes
    previous_response_id: str | None = None
    items: tuple[str, ...] = ()
    """Ids by which clients may name what is in both; what is read back has none."""

    @property
    def size(self) -> int:
        """Bytes that this takes, roughly."""
        names = _NAME * len(self.items)
        return _ROW + names + len(self.response) + len(self.input_items)


_ROW = 512
_NAME = 128


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept: what goes beyond is forgotten, oldest first."""

    entries: int = 4096
    size: int = 256 << 20
    """In bytes."""
    age_s: int = 30 * 24 * 3600
    """OpenAI keeps responses for 30 days."""


class Store(Protocol):
    """Keeps responses by their ids. Every method raises ``errors.StoreError``."""

    async def put(self, kept: Kept) -> None:
        """Keep a response, in place of one with the same id."""
        ...

    async def get(self, response_id: str) -> Kept | None:
        """Return a response, or None when it is not kept."""
        ...

    async def holder(self, owner: str, item_id: str) -> str | None:
        """Return the newest response that has an item of ``owner``.

        None: there is none, or it is not known here any more.
        """
        ...

    async def delete(self, response_id: str) -> bool:
        """Forget a response; return whether it was kept."""
        ...

    async def close(self) -> None:
        """Let go of files and connections."""
        ...


async def find(store: Store, response_id: str, owner: str) -> Kept | None:
    """Return a response if ``owner`` may read it: others' are as if not kept."""
    kept = await store.get(response_id)
    return kept if kept is not None and kept.owner == owner else None
