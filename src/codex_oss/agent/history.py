"""What was said so far, as the next request holds it; the journal keeps it too."""

from collections import deque
from collections.abc import Iterable

from codex_oss.agent.window import weigh, weigh_all
from codex_oss.items import Item
from codex_oss.ports import Journal

MAX_FRESH = 1000
"""New items that wait for somebody who wants to hear of them."""
HEAD = 16
"""Items at the beginning, of which some tell of the place."""


class History:
    """The items of a conversation.

    They are only ever appended to, so that servers find the beginning of a request in
    their cache; but for ``replace``, which is what a compaction does.
    """

    def __init__(self, items: Iterable[Item], journal: Journal) -> None:
        self._items = list(items)
        self._journal = journal
        self._fresh: deque[Item] = deque(maxlen=MAX_FRESH)
        self.weight = weigh_all(self._items)
        """What the items weigh together: see ``window``."""

    @property
    def items(self) -> tuple[Item, ...]:
        """All items so far."""
        return tuple(self._items)

    @property
    def head(self) -> list[Item]:
        """The first items."""
        return self._items[:HEAD]

    def __bool__(self) -> bool:
        """Whether anything was said."""
        return bool(self._items)

    def keep(self, item: Item) -> None:
        """Append an item. Raises ``SessionError`` when it cannot be kept."""
        self._items.append(item)
        self._fresh.append(item)
        self.weight += weigh(item)
        self._journal.append(item)

    def taken(self) -> list[Item]:
        """Return the items that were appended since this was last asked."""
        fresh = list(self._fresh)
        self._fresh.clear()
        return fresh

    def replace(self, items: Iterable[Item], message: str) -> None:
        """Go on from ``items`` instead; ``message`` is the summary among them, if any.

        The journal keeps what was there, and says what stands in its place, in the
        words of the Codex CLI 0.169.
        """
        self._items = list(items)
        self.weight = weigh_all(self._items)
        compacted = {"message": message, "replacement_history": list(self._items)}
        self._journal.note("compacted", compacted)
