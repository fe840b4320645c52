"""A conversation that was read back; ``reading`` makes it.

Apart from that, because every session knows the type, and few are read.
"""

from pathlib import Path

import msgspec

from codex_oss.events import TokenUsage
from codex_oss.items import Item
from codex_oss.sessions.lock import Lock


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as its file has it.

    ``meta`` is the payload of its first line, as JSON. ``lines`` and ``size`` in bytes
    count what is whole. ``model`` and ``provider`` are the last turn's, as
    the person named them; ``usage`` is the sum of all turns.
    """

    path: Path
    thread_id: str
    meta: dict[str, object]
    items: list[Item]
    lines: int
    size: int
    model: str = ""
    provider: str = ""
    usage: TokenUsage = TokenUsage()
    turns: int = 0
    warnings: list[str] = []
    lock: Lock | None = None
    """The right to go on, where it was taken before the file was read."""
