"""Pieces of tool calls, put together in their order.

Servers differ in how they cut calls: token by token, whole, several under one index,
without index or id, the id new in every piece, the name in pieces or in every piece.
"""

from typing import Protocol

from codex_oss.translate.stream.draft import Draft
from codex_oss.wire.chat import CallDelta


class Taker(Protocol):
    """Takes calls, in their order."""

    def stream(self, draft: Draft, added: str) -> None:
        """Take more of a call that is not whole yet."""
        ...

    def finish(self, draft: Draft) -> None:
        """Take a whole call."""
        ...


class Calls:
    """A run of calls. The first that is not whole streams; those behind it wait."""

    def __init__(self, desk: Taker) -> None:
        self._desk = desk
        self._waiting: list[Draft] = []
        self._by_index: dict[int | None, Draft] = {}
        self._last: Draft | None = None

    def write(self, delta: CallDelta) -> None:
        """Take a piece of a call."""
        draft = self._last if delta.index is None else self._by_index.get(delta.index)
        if draft is None or not draft.continued_by(delta):
            draft = self._begin(delta.index)
        self._last = draft
        added = draft.add(delta)
        if added and draft is self._waiting[0]:
            self._desk.stream(draft, added)

    def close(self, *, cut: bool) -> None:
        """Hand out the calls. Of a cut answer only whole ones: nobody may run half."""
        for draft in self._waiting:
            if draft.complete or not cut:
                self._desk.finish(draft)
        self._waiting.clear()

    def _begin(self, index: int | None) -> Draft:
        while self._waiting and self._waiting[0].complete:
            self._desk.finish(self._waiting.pop(0))
        draft = Draft()
        self._waiting.append(draft)
        self._by_index[index] = draft
        return draft
