"""What has changed since the page last heard: server-sent events.

The feed looks by itself, some times a second, so that a request does nothing for those
who look, and a fast stream arrives in few pieces.
"""

import msgspec

from codex_oss.bridge.inspector.views import Row, row_of, stream_text
from codex_oss.bridge.ledger import Entry, Ledger


class _News(msgspec.Struct, frozen=True):
    """Rows that are new or changed, and the numbers of those that are no more."""

    rows: list[Row]
    removed: list[int]


class _Piece(msgspec.Struct, frozen=True):
    """A part of the answer of ``entry``, ``missing`` bytes behind the one before."""

    entry: int
    missing: int
    text: str


class Feed:
    """What one page has been told. ``selected``: whose stream it wants."""

    def __init__(self, ledger: Ledger, selected: int | None = None) -> None:
        self._ledger = ledger
        self._selected = selected
        self._offset = 0
        self._revision = -1
        self._known: dict[int, int] = {}
        """The bytes that went out, of each entry that the page has."""

    def step(self) -> bytes:
        """Return the events that bring the page up to date; the first time, all."""
        return self._news() + self._stream()

    def _news(self) -> bytes:
        ledger = self._ledger
        if ledger.revision == self._revision and not ledger.in_flight:
            return b""
        entries = ledger.entries()
        rows = [row_of(entry) for entry in entries if self._is_news(entry)]
        now = {entry.id: entry.bytes_out for entry in entries}
        removed = [number for number in self._known if number not in now]
        self._known = now
        is_first, self._revision = self._revision < 0, ledger.revision
        if not (rows or removed or is_first):
            return b""
        return _event("news", _News(rows, removed))

    def _is_news(self, entry: Entry) -> bool:
        if entry.revision > self._revision:
            return True
        return self._known.get(entry.id) != entry.bytes_out

    def _stream(self) -> bytes:
        entry = None if self._selected is None else self._ledger.get(self._selected)
        events: list[bytes] = []
        while entry is not None and self._offset < entry.bytes_out:
            at, data = entry.stream(self._offset)
            if not data:
                break
            missing = at - self._offset
            self._offset = at + len(data)
            events.append(
                _event("stream", _Piece(entry.id, missing, stream_text(data)))
            )
        return b"".join(events)


def _event(name: str, value: _News | _Piece) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(value))
