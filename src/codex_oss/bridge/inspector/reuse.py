"""How much of a prompt stands unchanged since the request before it.

A server's prefix cache ends at the first token that differs. Its own count of cached
tokens says what it did; this says what it could have done.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Raw

from codex_oss.bridge.ledger import Entry
from codex_oss.facts import Sent
from codex_oss.wire.json_text import NOT_JSON

MAX_COMPARED = 16
"""Earlier requests that are looked at, the last first."""


class Reuse(msgspec.Struct, frozen=True, kw_only=True):
    """The head that two prompts share, in bytes of their JSON."""

    entry: int
    """The request that it is shared with."""
    common: int
    before: int
    """The size of the earlier prompt."""
    now: int


class _Prompt(msgspec.Struct):
    """What of a request becomes the prompt, in the order that templates write it."""

    tools: Raw = Raw()
    instructions: Raw = Raw()
    system: Raw = Raw()
    messages: Raw = Raw()
    input: Raw = Raw()


def reuse_of(entry: Entry, earlier: list[Entry]) -> Reuse | None:
    """Compare with the request before; ``earlier`` is in order of time.

    That is the last one of the same conversation, where the client names it, or else
    the one that has most in common. None if there is nothing to compare. Of a request
    that was sent twice, the first one counts, and is compared with each of the other's.
    """
    prompt = next(_prompts(entry), b"")
    if not prompt:
        return None
    found: Reuse | None = None
    candidates = [e for e in reversed(earlier) if _may_precede(e, entry)]
    for other in candidates[:MAX_COMPARED]:
        reuse = _compare(other, prompt)
        if reuse is not None and (found is None or reuse.common > found.common):
            found = reuse
        if found is not None and entry.thread:
            break
    return found


def _compare(other: Entry, prompt: bytes) -> Reuse | None:
    """Compare with the one of an entry's prompts of which the most is kept."""
    found = [
        Reuse(
            entry=other.id,
            common=_common(before, prompt),
            before=len(before),
            now=len(prompt),
        )
        for before in _prompts(other)
    ]
    return max(found, key=lambda reuse: reuse.common / reuse.before, default=None)


def _may_precede(other: Entry, entry: Entry) -> bool:
    return (
        other.id < entry.id
        and other.model == entry.model
        and other.thread == entry.thread
    )


def _prompts(entry: Entry) -> Iterator[bytes]:
    """Yield what the model was sent: more than once if it was asked again."""
    for note in entry.notes:
        prompt = _prompt(note.fact.body) if isinstance(note.fact, Sent) else b""
        if prompt:
            yield prompt


def _prompt(body: bytes) -> bytes:
    try:
        prompt = msgspec.json.decode(body, type=_Prompt)
    except NOT_JSON:
        return b""  # cut, forgotten, or not JSON
    parts = (prompt.tools, prompt.instructions, prompt.system)
    head = b"\n".join(bytes(part) for part in parts)
    # Without its bracket a list is the beginning of a longer one.
    return head + (bytes(prompt.messages) or bytes(prompt.input)).removesuffix(b"]")


def _common(one: bytes, two: bytes) -> int:
    """Return the length of the common prefix."""
    low, high = 0, min(len(one), len(two))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
