"""Output of any length in bounded memory: its head, its tail, and how much between."""

LIMIT = 1024 * 1024
"""Bytes that are kept of one process's output (as the Codex CLI 0.169)."""


class HeadTail:
    """Keeps the first and the last half of ``limit`` bytes."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._half = limit // 2
        self._limit = limit
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes that were added, also those that are kept no more."""
        return self._total

    def add(self, data: bytes) -> None:
        """Append ``data``; what falls between head and tail is dropped."""
        self._total += len(data)
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        # Cut rarely: moving the tail for every small read would be quadratic.
        if len(self._tail) > 2 * self._limit:
            self._cut()

    def text(self) -> str:
        """Return what is kept, with a line that tells the gap's size.

        Bytes that are no UTF-8 become U+FFFD.
        """
        self._cut()
        omitted = self._total - len(self._head) - len(self._tail)
        if not omitted:
            return (self._head + self._tail).decode(errors="replace")
        head, tail = _whole_characters(self._head, self._tail)
        omitted = self._total - len(head) - len(tail)
        return (
            head.decode(errors="replace")
            + f"\n... {omitted} bytes omitted ...\n"
            + tail.decode(errors="replace")
        )

    def clear(self) -> None:
        """Forget everything, also the count."""
        self._head.clear()
        self._tail.clear()
        self._total = 0

    def _cut(self) -> None:
        excess = len(self._tail) - (self._limit - self._half)
        if excess > 0:
            del self._tail[:excess]


def _whole_characters(head: bytearray, tail: bytearray) -> tuple[bytearray, bytearray]:
    """Return both without the halves of characters at the gap."""
    start = 0
    while start < min(len(tail), 3) and tail[start] & 0xC0 == 0x80:  # noqa: PLR2004  UTF-8's continuation bytes
        start += 1
    return head[: _character_end(head)], tail[start:]


def _character_end(data: bytearray) -> int:
    """Return where the last whole character of ``data`` ends."""
    for back in range(1, min(len(data), 3) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:  # noqa: PLR2004  the first byte of several
            length = 2 + (byte >= 0xE0) + (byte >= 0xF0)  # noqa: PLR2004  UTF-8
            return len(data) - back if length > back else len(data)
        if byte & 0x80 == 0:
            break
    return len(data)
