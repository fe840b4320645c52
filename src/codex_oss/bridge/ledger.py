"""What passed through the bridge lately, kept in memory for people who look.

An entry is written by the request it is about, which must not notice: it keeps
references to bytes that exist anyway, and counts. What is worked out of them is worked
out when somebody looks (``codex_oss.bridge.inspector``). Headers are never kept.
"""

import time
from asyncio import CancelledError
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self

import msgspec

from codex_oss.bridge.weights import weight, without_body
from codex_oss.facts import Fact, Mended, Reading, Sent, Slimmed
from codex_oss.wire import responses

MAX_ENTRIES = 200
MAX_BYTES = 2 * 1024 * 1024
"""Of bodies and streams together: twenty first turns of the Codex CLI."""
BODY_BYTES = 1024 * 1024
"""Of one body; a larger one is cut."""
HEAD_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
"""Of the stream to the client, the first and the last bytes are kept; while it runs,
up to twice as many of the last ones."""
PIECE_BYTES = 8 * 1024
"""What was written becomes pieces of this size: little ones, 200 bytes each, leave
holes that nothing larger fits into, 2 to 4 MB under load."""
MAX_NOTES = 64
"""Facts of one request. Beyond them those in the middle are forgotten."""

Outcome = Literal["completed", "incomplete", "failed", "refused", "gone"]
"""``refused``: answered with an error before anything of an answer; ``gone``: the
client left before the end."""


class Note(msgspec.Struct, frozen=True):
    """A fact, and the seconds since the request came."""

    at: float
    fact: Fact


class Watcher(Protocol):
    """Somebody who is told what happens, at once; must not wait, nor raise."""

    def opened(self, entry: "Entry") -> None:
        """Take note that a request came."""
        ...

    def noted(self, entry: "Entry", fact: Fact) -> None:
        """Take note of what happens to it on its way."""
        ...

    def began(self, entry: "Entry") -> None:
        """Take note of the model's first token."""
        ...

    def ended(self, entry: "Entry") -> None:
        """Take note that it is answered, or never will be."""
        ...


class Entry:
    """One request and what became of it.

    The request calls ``note``, ``first``, ``wrote`` and, once, ``end``; a context of
    ``with`` ends an entry that nobody ended as ``gone``. Everything else is for looks.
    """

    __slots__ = (
        "_head",
        "_head_bytes",
        "_joined",
        "_ledger",
        "_limit",
        "_tail",
        "_tail_at",
        "_trim_at",
        "begun_s",
        "bytes_out",
        "came",
        "came_bytes",
        "client",
        "ended_s",
        "error",
        "id",
        "kept_bytes",
        "model",
        "notes",
        "opened_at",
        "opened_s",
        "outcome",
        "revision",
        "route",
        "status",
        "thread",
        "usage",
    )

    def __init__(
        self, ledger: "Ledger", number: int, who: tuple[str, str, str, str], came: bytes
    ) -> None:
        self._ledger = ledger
        self.id = number
        self.client, self.route, self.model, self.thread = who
        self.came = _cut(came)
        self.came_bytes = len(came)
        self.kept_bytes = len(self.came)
        self.notes: list[Note] = []
        self.opened_s = ledger.clock()
        self.opened_at = ledger.wall()
        """Seconds since the epoch; the others are of the ledger's clock."""
        self.begun_s: float | None = None
        self.ended_s: float | None = None
        self.status = 0
        self.outcome: Outcome | None = None
        self.usage: responses.Usage | None = None
        self.error = ""
        self.bytes_out = 0
        self.revision = 0
        self._head = b""
        self._head_bytes = 0
        self._tail: list[bytes] = []
        self._tail_at = 0
        self._joined = 0
        self._limit, self._trim_at = PIECE_BYTES, HEAD_BYTES

    # --- what the request calls ----------------------------------------------------

    def note(self, fact: Fact) -> None:
        """Keep a fact."""
        ledger = self._ledger
        if isinstance(fact, Sent):
            fact = Sent(url=fact.url, body=_cut(fact.body))
        self.notes.append(Note(ledger.clock() - self.opened_s, fact))
        if size := weight(fact):
            self._grow(size)
        if len(self.notes) > MAX_NOTES:
            self._grow(-weight(self.notes.pop(MAX_NOTES // 2).fact))
        ledger.changed(self)
        for watcher in ledger.watchers:
            watcher.noted(self, fact)

    def first(self) -> None:
        """Mark the model's first token; later calls change nothing."""
        if self.begun_s is None:
            self.begun_s = self._ledger.clock()
            self._ledger.changed(self)
            for watcher in self._ledger.watchers:
                watcher.began(self)

    def wrote(self, data: bytes) -> None:
        """Keep what goes to the client: called for every write, so it does little.

        The bytes count for the ledger at the end; until then each entry's bound does.
        """
        self.bytes_out += len(data)
        self._tail.append(data)
        if self.bytes_out >= self._limit:
            self._settle()

    def end(
        self,
        *,
        status: int,
        outcome: Outcome,
        usage: responses.Usage | None = None,
        error: str = "",
    ) -> None:
        """Close the entry; later calls change nothing."""
        if self.ended_s is not None:
            return
        self.ended_s = self._ledger.clock()
        self.status, self.outcome = status, outcome
        self.usage, self.error = usage, error
        self._tail = [b"".join(self._tail)]
        self._grow(self._head_bytes + self.bytes_out - self._tail_at)
        self._ledger.close(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None or issubclass(kind, CancelledError):
            self.end(status=self.status, outcome="gone")
        else:
            said = f"{kind.__name__}: {error}"
            self.end(status=self.status, outcome="failed", error=said)

    # --- what others read ----------------------------------------------------------

    @property
    def first_s(self) -> float | None:
        """Return the seconds from the request to the model's first token."""
        return None if self.begun_s is None else self.begun_s - self.opened_s

    @property
    def duration_s(self) -> float:
        """Return the seconds from the request to its end, or until now."""
        ended = self._ledger.clock() if self.ended_s is None else self.ended_s
        return ended - self.opened_s

    @property
    def input_tokens(self) -> int:
        """Return the tokens that the server says it read."""
        return self.usage.input_tokens if self.usage else 0

    @property
    def output_tokens(self) -> int:
        """Return the tokens that the server says it wrote."""
        return self.usage.output_tokens if self.usage else 0

    @property
    def cached_tokens(self) -> int:
        """Return the tokens of the prompt that the server had in its cache."""
        details = self.usage.input_tokens_details if self.usage else None
        return details.cached_tokens if details else 0

    @property
    def saved_tokens(self) -> int:
        """Return the tokens (an estimate) that the diet kept from the model."""
        slimmed = self.slimmed
        if slimmed is None:
            return 0
        return max(0, slimmed.tokens_before - slimmed.tokens_after)

    @property
    def slimmed(self) -> Slimmed | None:
        """Return the diet's figures, if it did anything."""
        found = (n.fact for n in self.notes if isinstance(n.fact, Slimmed))
        return next(found, None)

    @property
    def reading(self) -> Reading | None:
        """Return how far the prompt is read; None when the first token is there."""
        if self.begun_s is not None or self.ended_s is not None:
            return None
        facts = (n.fact for n in reversed(self.notes))
        return next((fact for fact in facts if isinstance(fact, Reading)), None)

    @property
    def sent(self) -> Sent | None:
        """Return what the model's server was asked last."""
        facts = (n.fact for n in reversed(self.notes))
        return next((fact for fact in facts if isinstance(fact, Sent)), None)

    @property
    def mends(self) -> list[Mended]:
        """Return what was mended."""
        return [n.fact for n in self.notes if isinstance(n.fact, Mended)]

    def stream(self, since: int = 0) -> tuple[int, bytes]:
        """Return the first kept bytes of the answer from byte ``since`` on.

        The first value is where they stand: behind ``since`` when a part between head
        and tail was forgotten. No bytes: there are no more so far.
        """
        if since < self._head_bytes:
            return since, self._head[since:]
        at = max(since, self._tail_at)
        return at, b"".join(self._tail)[at - self._tail_at :]

    def forget(self) -> None:
        """Let go of the bodies; the figures and the stream stay."""
        before = _bodies(self)
        self.came = b""
        self.notes = [Note(n.at, without_body(n.fact)) for n in self.notes]
        self._grow(_bodies(self) - before)

    def _settle(self) -> None:
        """Make one piece of the little ones, and forget what is too much."""
        self._tail[self._joined :] = [b"".join(self._tail[self._joined :])]
        if self.bytes_out >= self._trim_at:
            self._trim()
        self._joined = len(self._tail)
        self._limit = min(self.bytes_out + PIECE_BYTES, self._trim_at)

    def _trim(self) -> None:
        """Make the tail the head, if there is none yet, or else shorter."""
        tail = self._tail
        if not self._head:
            self._head, self._head_bytes = b"".join(tail), self.bytes_out
            self._tail, self._tail_at = [], self.bytes_out
            self._trim_at = self.bytes_out + 2 * TAIL_BYTES
            return
        # The last piece is kept whole, whatever its size: the server bounds it.
        first, kept = len(tail) - 1, len(tail[-1])
        while first and kept + len(tail[first - 1]) <= TAIL_BYTES:
            first -= 1
            kept += len(tail[first])
        self._tail, self._tail_at = tail[first:], self.bytes_out - kept
        self._trim_at = self.bytes_out + max(TAIL_BYTES, 2 * TAIL_BYTES - kept)

    def _grow(self, size: int) -> None:
        self.kept_bytes += size
        self._ledger.kept_bytes += size


class Ledger:
    """The last requests, oldest first, within ``max_entries`` and ``max_bytes``.

    Requests that still run are never removed (the server bounds their number), but
    their bodies are when the bytes do not fit. ``clock`` gives seconds that never go
    back, ``wall`` seconds since the epoch.
    """

    def __init__(
        self,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        *,
        watchers: Sequence[Watcher] = (),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._number = 0
        self.watchers = tuple(watchers)
        self.clock = clock
        self.wall = wall
        self.kept_bytes = 0
        self.in_flight = 0
        self.revision = 0
        """Grows with every change but the bytes of a stream."""

    def open(
        self, *, client: str, route: str, model: str, came: bytes, thread: str = ""
    ) -> Entry:
        """Open an entry. ``came`` is the body, ``thread`` the conversation if known."""
        self._number += 1
        entry = Entry(self, self._number, (client, route, model, thread), came)
        self._entries[entry.id] = entry
        self.kept_bytes += entry.kept_bytes
        self.in_flight += 1
        self.changed(entry)
        for watcher in self.watchers:
            watcher.opened(entry)
        return entry

    def changed(self, entry: Entry) -> None:
        """Mark a change of an entry, and make room where there is too much."""
        self.revision += 1
        entry.revision = self.revision
        if self.kept_bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self._make_room()

    def close(self, entry: Entry) -> None:
        """Take note that an entry ended."""
        self.in_flight -= 1
        self.changed(entry)
        for watcher in self.watchers:
            watcher.ended(entry)

    def entries(self) -> list[Entry]:
        """Return all entries, oldest first."""
        return list(self._entries.values())

    def get(self, number: int) -> Entry | None:
        """Return an entry that is still kept."""
        return self._entries.get(number)

    def _make_room(self) -> None:
        while self._is_full() and (entry := self._oldest_ended()) is not None:
            del self._entries[entry.id]
            self.kept_bytes -= entry.kept_bytes
        for entry in self._entries.values():
            if self.kept_bytes <= self._max_bytes:
                return
            entry.forget()

    def _oldest_ended(self) -> Entry | None:
        for entry in self._entries.values():
            if entry.ended_s is not None:
                return entry
        return None

    def _is_full(self) -> bool:
        return (
            len(self._entries) > self._max_entries or self.kept_bytes > self._max_bytes
        )


def _cut(body: bytes) -> bytes:
    return body if len(body) <= BODY_BYTES else body[:BODY_BYTES]


def _bodies(entry: Entry) -> int:
    return len(entry.came) + sum(weight(note.fact) for note in entry.notes)
