"""How long a model stays in an Ollama server's memory, and whose model it is there.

What was loaded before us keeps its own time, and stays when we go. What was loaded for
us stays for half an hour after each answer and goes with us; when we are killed, the
server's own timer ends it. A person's ``OLLAMA_KEEP_ALIVE`` counts before all that.
"""

from collections.abc import Mapping

import msgspec

KEEP_ALIVE = "30m"
"""How long it stays after an answer; Ollama's own 5 minutes are less than a person
thinks, and loading is slow."""
KEEP_S = 1800.0
"""The same, in seconds."""
KEEP_VARIABLE = "OLLAMA_KEEP_ALIVE"
"""Ollama's own variable for its default."""
SLACK_S = 5.0
"""Between our last use of a model and that of somebody else, to tell them apart."""

_FOREVER = "-1s"
_FAR_YEAR = "2200"
"""A model that is never unloaded expires in the 24th century."""


class Stay(msgspec.Struct, frozen=True, kw_only=True):
    """``keep_alive`` goes with every request; None: it is not touched.

    ``ours``: the model is there for us, and goes with us.
    """

    keep_alive: str | None = None
    ours: bool = False


UNTOUCHED = Stay()


class Before(msgspec.Struct, frozen=True):
    """A model as it was loaded before we asked: tokens of context, and until when."""

    context_length: int | None
    expires_at: str


def stay(before: Before | None, num_ctx: int | None, env: Mapping[str, str]) -> Stay:
    """Return how a model stays that is asked for with ``num_ctx`` tokens."""
    if env.get(KEEP_VARIABLE, "").strip():
        return UNTOUCHED
    if before is None:
        return Stay(keep_alive=KEEP_ALIVE, ours=True)
    if before.context_length in (None, num_ctx):
        return UNTOUCHED
    # It will be loaded anew, which would lose the time that somebody gave it.
    if before.expires_at[:4] > _FAR_YEAR:
        return Stay(keep_alive=_FOREVER)
    return Stay(keep_alive=KEEP_ALIVE, ours=True)


def used_since(expires_at: str, ours_until: float) -> bool:
    """Tell whether others used a model of ours after us, by its expiry.

    ``ours_until`` is when we last used it, in seconds since the epoch by the same
    clock as the server's.
    """
    from datetime import datetime  # noqa: PLC0415  2 ms, and only at the end

    try:
        expires = datetime.fromisoformat(expires_at).timestamp()
    except (ValueError, OverflowError):
        return False
    return expires - KEEP_S > ours_until + SLACK_S
