"""Chunks that differ from the one before in nothing but their text.

They are nearly all of an answer, and nearly all that it costs to read one: a server
writes the same object again and again, with other words in it. What stands around the
words is learned from one chunk, and the next is compared instead of decoded.
"""

MAX_VAIN = 8
"""Patterns learned in a row that nothing was like: this server writes another object
each time, so none is learned any more."""

_KEYS = ('"content":"', '"content": "')


class TextPattern:
    """What stands around the text of a chunk that is nothing but text.

    Nothing is like it before one is ``known``.
    """

    __slots__ = (
        "_event_head",
        "_event_tail",
        "_head",
        "_size",
        "_tail",
        "_vain",
        "known",
    )

    def __init__(self) -> None:
        self._head = ""
        self._tail = ""
        self._event_head = b""
        self._event_tail = b""
        self._size = 0
        self._vain = 0
        self.known = False

    def text_of(self, data: str) -> str:
        """Return the text of a chunk that is like the learned one; "" for any other."""
        head = self._head
        if not head or len(data) <= self._size or not data.startswith(head):
            return ""
        if not data.endswith(self._tail):
            return ""
        text = data[len(head) : len(data) - len(self._tail)]
        if '"' in text or "\\" in text:
            return ""  # the string ends earlier, or is written in another way
        self._vain = 0
        return text

    def text_in(self, event: bytes) -> str:
        r"""Return what ``text_of`` does, of an event with ``data: `` and ``\n\n``.

        The caller knows that ``event`` begins where an event does.
        """
        head, tail = self._event_head, self._event_tail
        if not head or not event.startswith(head) or not event.endswith(tail):
            return ""
        text = event[len(head) : -len(tail)].decode("utf-8", "replace")
        # A line break would end the event earlier, or begin another one.
        if '"' in text or "\\" in text or "\n" in text or "\r" in text:
            return ""
        self._vain = 0
        return text

    def learn(self, data: str, text: str) -> None:
        """Take the pattern of ``data``, which says ``text`` and nothing else."""
        if self._vain >= MAX_VAIN or '"' in text or "\\" in text:
            return
        for key in _KEYS:
            head, found, tail = data.partition(f'{key}{text}"')
            if found and key not in tail:
                self._head, self._tail = head + key, f'"{tail}'
                self._size = len(self._head) + len(self._tail)
                self._event_head = f"data: {self._head}".encode()
                self._event_tail = f"{self._tail}\n\n".encode()
                self.known = True
                self._vain += 1
