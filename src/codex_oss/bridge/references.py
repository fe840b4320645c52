"""Items that a client names instead of sending them once more.

OpenAI's API takes ``{"type": "item_reference", "id": ...}`` for an item of a response
that was stored, and Vercel's AI SDK sends what the model said so, unless it is told
``store: false``. Which response an item is of is known for as long as the bridge runs,
and from a store that knows it, after that too.
"""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import msgspec

from codex_oss.bridge.store import Store, find
from codex_oss.errors import ItemNotFound
from codex_oss.items import Item, Unknown
from codex_oss.wire import responses
from codex_oss.wire.json_text import NOT_JSON

MAX_ITEMS = 1 << 15
"""Those that were not heard of for the longest time are forgotten; 8 MB at most."""

_REFERENCE = "item_reference"


class References:
    """The items of the responses that one bridge keeps, by owner and id."""

    def __init__(self, store: Store, limit: int = MAX_ITEMS) -> None:
        self._store = store
        self._limit = limit
        self._of: OrderedDict[tuple[str, str], str] = OrderedDict()

    def add(self, owner: str, response_id: str, items: Iterable[Item]) -> None:
        """Take note that items stand in what is kept of a response."""
        for item_id in names(items):
            self._of[owner, item_id] = response_id
            self._of.move_to_end((owner, item_id))
        while len(self._of) > self._limit:
            self._of.popitem(last=False)

    async def resolve(self, items: list[Item], owner: str) -> list[Item]:
        """Return ``items`` with each reference replaced by what it names.

        Raises ``ItemNotFound`` for what is not kept, and ``StoreError``.
        """
        names = [_named(item) for item in items]
        found: dict[str, Item] = {}
        for name in names:
            if name is not None and name not in found:
                found |= await self._beside(name, owner)
                if name not in found:
                    raise ItemNotFound(name)
        return [
            item if name is None else found[name]
            for item, name in zip(items, names, strict=True)
        ]

    async def _beside(self, item_id: str, owner: str) -> dict[str, Item]:
        """Return the items of the response that an item is of, by their ids."""
        response_id = self._of.get((owner, item_id))
        response_id = response_id or await self._store.holder(owner, item_id)
        kept = response_id and await find(self._store, response_id, owner)
        if not kept:
            return {}
        asked = msgspec.json.decode(kept.input_items, type=list[Any])
        answered = msgspec.json.decode(kept.response, type=_Output).output
        items = [responses.item_from(item) for item in (*asked, *answered)]
        return {_id_of(item): item for item in items}


def names(items: Iterable[Item]) -> list[str]:
    """Return the ids by which items may be named later."""
    return [i for item in items if (i := _id_of(item)) and _named(item) is None]


class _Output(msgspec.Struct):
    output: list[Any]


class _Named(msgspec.Struct):
    id: str = ""
    type: str | None = None


def _id_of(item: Item) -> str:
    """Return an item's id; "" when it has none."""
    if not isinstance(item, Unknown):
        return getattr(item, "id", None) or ""
    try:
        return msgspec.json.decode(item.raw, type=_Named).id
    except NOT_JSON:
        return ""


def _named(item: Item) -> str | None:
    """Return the id of the item that a reference names; None for any other item."""
    if not isinstance(item, Unknown):
        return None
    try:
        named = msgspec.json.decode(item.raw, type=_Named)
    except NOT_JSON:
        return None
    # The API lets the type out; no other item is without one.
    return named.id if named.id and named.type in (None, _REFERENCE) else None
