"""Load on a bridge: requests one after the other, or on many connections at once."""

import selectors
import socket
import time
from collections.abc import Sequence

import msgspec

DELTA = b'"response.output_text.delta"'
"""Stands once in every event of text."""
CHAT_DELTA = b'"content":" word'
"""The same of the server behind, for the runs without a bridge."""
WORD = b" word"
"""Stands once in every chunk of the server behind; bridges may join several."""
SIZE = 1 << 18
TIMEOUT_S = 120.0
LAST_CHUNK = b"\r\n0\r\n\r\n"


class Load(msgspec.Struct, frozen=True):
    """What came back: seconds of wall, answers, words and events of text."""

    wall: float
    answers: int
    words: int
    events: int


class Connection:
    """A keep-alive connection; ``sent`` bytes are written again for each request."""

    def __init__(self, port: int, request: bytes, marker: bytes) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = port
        self._request = request
        self._marker = marker
        self._tail = b""
        self._length = -1
        self._chunked = False
        self._head = b""
        self.events = 0
        self.words = 0
        self.began = 0.0
        self.first = 0.0

    def send(self) -> None:
        """Send the request."""
        self._tail, self._head, self._length = b"", b"", -1
        self.events, self.words, self.first = 0, 0, 0.0
        self.began = time.perf_counter()
        self.sock.sendall(self._request)

    def receive(self) -> bool:
        """Take what came; return whether the answer is whole."""
        data = self.sock.recv(SIZE)
        if not data:
            raise SystemExit(
                f"port {self._port} closed the connection after {self._head[:60]!r}, "
                f"{self.events} events and {self._tail!r}"
            )
        if self._length < 0:
            data = self._read_head(data)
            if self._length < 0:
                return False
        # A marker may lie across two reads.
        seen = self._tail + data
        found = seen.count(self._marker)
        if found and not self.first:
            self.first = time.perf_counter() - self.began
        self.events += found
        self.words += data.count(WORD)
        self._tail = seen[-(len(self._marker) - 1) :]
        if self._chunked:
            return self._tail.endswith(LAST_CHUNK)
        self._length -= len(data)
        return self._length <= 0

    def _read_head(self, data: bytes) -> bytes:
        self._head += data
        head, found, body = self._head.partition(b"\r\n\r\n")
        if not found:
            return b""
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the answer is {self._head[:500]!r}")
        lower = head.lower()
        self._chunked = b"content-length:" not in lower
        length = lower.partition(b"content-length:")[2].split(b"\r\n")[0]
        self._length = 1 if self._chunked else int(length)
        return body


def one_by_one(
    port: int, request: bytes, count: int, marker: bytes = DELTA
) -> Sequence[tuple[float, float]]:
    """Return seconds until the first delta, and until the end, of each request."""
    connection = Connection(port, request, marker)
    times: list[tuple[float, float]] = []
    for _ in range(count):
        connection.send()
        while not connection.receive():
            pass
        times.append((connection.first, time.perf_counter() - connection.began))
    connection.sock.close()
    return times


def at_once(
    port: int, request: bytes, connections: int, total: int, marker: bytes = DELTA
) -> Load:
    """Send so many requests in all, on so many connections."""
    selector = selectors.DefaultSelector()
    opened = [Connection(port, request, marker) for _ in range(connections)]
    left, answers, words, events = total, 0, 0, 0
    began = time.perf_counter()
    for each in opened:
        selector.register(each.sock, selectors.EVENT_READ, each)
        each.send()
        left -= 1
    while answers < total:
        ready = selector.select(TIMEOUT_S)
        if not ready:
            raise SystemExit(f"{total - answers} answers did not come")
        for key, _ in ready:
            each = key.data
            if not each.receive():
                continue
            answers, words, events = (
                answers + 1,
                words + each.words,
                events + each.events,
            )
            if left > 0:
                left -= 1
                each.send()
    wall = time.perf_counter() - began
    for each in opened:
        each.sock.close()
    return Load(wall, answers, words, events)
