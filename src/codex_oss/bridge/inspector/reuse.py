"""How much of a prompt stands unchanged since the request before it.

A server's prefix cache ends at the first token that differs. Its own count of cached
tokens says what it did; this says what it could have done.
"""

import msgspec
from msgspec import Raw

from codex_oss.bridge.ledger import Entry

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
    the one that has most in common. None if there is nothing to compare.
    """
    prompt = _prompt(entry)
    if not prompt:
        return None
    found: Reuse | None = None
    candidates = [e for e in reversed(earlier) if _may_precede(e, entry)]
    for other in candidates[:MAX_COMPARED]:
        before = _prompt(other)
        if not before:
            continue
        common = _common(before, prompt)
        if found is None or common > found.common:
            found = Reuse(
                entry=other.id, common=common, before=len(before), now=len(prompt)
            )
        if entry.thread:
            break
    return found


def _may_precede(other: Entry, entry: Entry) -> bool:
    return (
        other.id < entry.id
        and other.model == entry.model
        and other.thread == entry.thread
        and other.sent is not None
    )


def _prompt(entry: Entry) -> bytes:
    sent = entry.sent
    if sent is None or not sent.body:
        return b""
    try:
        prompt = msgspec.json.decode(sent.body, type=_Prompt)
    except msgspec.DecodeError:
        return b""  # cut, or not JSON
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
