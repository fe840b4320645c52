"""What the page gets of an entry: a row of the list, and everything about one.

Worked out when somebody looks, and with secrets masked.
"""

from functools import lru_cache

import msgspec
from msgspec.structs import replace

from codex_oss.bridge.inspector.reuse import Reuse, reuse_of
from codex_oss.bridge.ledger import Entry, Ledger, Note
from codex_oss.bridge.masks import mask_secrets
from codex_oss.config.masking import mask_url
from codex_oss.facts import (
    AskedAgain,
    Fact,
    Mended,
    Reading,
    Remark,
    Retried,
    Sent,
    Slimmed,
    Truncated,
)

RATE_S = 0.05
"""A stream that took less has no rate worth telling."""

_DELTA = b'.delta"'
"""Once in every delta of a Responses stream: the end of its ``type``."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list. Times in seconds, ``at`` since the epoch.

    ``state``: ``waiting`` for the first token, ``streaming``, or the outcome.
    """

    id: int
    at: float
    client: str
    route: str
    model: str
    state: str
    reading: float | None
    """The part of the prompt that is read, from 0 to 1, while it is ``waiting`` and if
    the server says so."""
    status: int
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    saved_tokens: int
    first_s: float | None
    duration_s: float
    mends: int
    troubles: int
    bytes_out: int
    revision: int
    """Another one: more than bytes and time has changed."""


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """The model's server was asked, ``at`` seconds after the request came."""

    at: float
    url: str
    body: str
    size: int


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """All about one request but its stream."""

    row: Row
    came: str
    came_bytes: int
    tokens_before: int | None
    """What the model would have read without the diet, and with it: estimates."""
    tokens_after: int | None
    reuse: Reuse | None
    deltas: int
    deltas_exact: bool
    deltas_per_s: float | None
    sent: list[Sending]
    notes: list[Note]
    """All other facts."""
    error: str


def row_of(entry: Entry) -> Row:
    """Return an entry's line in the list."""
    state = "waiting" if entry.begun_s is None else "streaming"
    troubles = [n for n in entry.notes if _is_trouble(n.fact)]
    return Row(
        id=entry.id,
        at=entry.opened_at,
        client=entry.client,
        route=entry.route,
        model=entry.model,
        state=entry.outcome or state,
        reading=_part_read(entry.reading),
        status=entry.status,
        input_tokens=entry.input_tokens,
        cached_tokens=entry.cached_tokens,
        output_tokens=entry.output_tokens,
        saved_tokens=entry.saved_tokens,
        first_s=entry.first_s,
        duration_s=entry.duration_s,
        mends=len(entry.mends),
        troubles=len(troubles) + bool(entry.error),
        bytes_out=entry.bytes_out,
        revision=entry.revision,
    )


def detail_of(entry: Entry, ledger: Ledger) -> Detail:
    """Return everything about an entry, compared with those before it."""
    deltas, exact = _deltas(entry)
    seconds = entry.duration_s - (entry.first_s or 0)
    streams = entry.first_s is not None and seconds >= RATE_S and deltas > 1
    slimmed = entry.slimmed
    return Detail(
        row=row_of(entry),
        came=_body(entry.came),
        came_bytes=entry.came_bytes,
        tokens_before=slimmed.tokens_before if slimmed else None,
        tokens_after=slimmed.tokens_after if slimmed else None,
        reuse=reuse_of(entry, ledger.entries()),
        deltas=deltas,
        deltas_exact=exact,
        deltas_per_s=deltas / seconds if streams else None,
        sent=[
            Sending(
                at=note.at,
                url=mask_url(note.fact.url),
                body=_body(note.fact.body),
                size=len(note.fact.body),
            )
            for note in entry.notes
            if isinstance(note.fact, Sent)
        ],
        notes=[
            Note(note.at, _masked(note.fact))
            for note in entry.notes
            if not isinstance(note.fact, Sent)
        ],
        error=mask_secrets(entry.error),
    )


def stream_text(data: bytes) -> str:
    """Return bytes as they are shown."""
    return mask_secrets(data.decode("utf-8", "replace"))


def _deltas(entry: Entry) -> tuple[int, bool]:
    """Count the deltas; where a part is forgotten, by the density of the rest."""
    found, kept, at = 0, 0, 0
    while True:
        at, data = entry.stream(at)
        if not data:
            break
        found += data.count(_DELTA)
        kept += len(data)
        at += len(data)
    exact = kept == entry.bytes_out
    return (found if exact else found * entry.bytes_out // max(1, kept)), exact


def _part_read(reading: Reading | None) -> float | None:
    if reading is None or reading.total <= 0:
        return None
    return min(1.0, max(0.0, reading.processed / reading.total))


def _is_trouble(fact: Fact) -> bool:
    return isinstance(fact, AskedAgain | Remark | Retried | Truncated)


def _masked(fact: Fact) -> Fact:
    match fact:
        case Mended():
            return replace(fact, was=mask_secrets(fact.was), now=mask_secrets(fact.now))
        case AskedAgain() | Retried():
            return replace(fact, reason=mask_secrets(fact.reason))
        case Remark():
            return replace(fact, text=mask_secrets(fact.text))
        case Sent() | Slimmed() | Truncated() | Reading():
            return fact


@lru_cache(maxsize=4)
def _body(body: bytes) -> str:
    """Return a body as it is shown; a page asks for the same ones again and again."""
    return stream_text(body)
