"""A Chat Completions server that costs next to nothing: bytes made before, one epoll.

Run as a process of its own; it prints its port. The model's name says what to answer:
`p-200` is 200 chunks at once, `p-200-20000` one every 20,000 microseconds; `h-1` is one
chunk, or `h-0` none, and then silence until the client goes, of which both times are
printed. Chunks are those of llama.cpp, each in an HTTP chunk of its own.
"""

import heapq
import json
import re
import selectors
import socket
import time

MODEL = re.compile(rb'"model":\s?"[a-z_/]*p-(\d+)(?:-(\d+))?"')
HELD = re.compile(rb'"model":\s?"[a-z_/]*h-([01])"')
LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
STREAM = re.compile(rb'"stream":\s?true')
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
WORDS = (" word", " words")
"""In turn: litellm ends a stream of a hundred equal chunks."""
CHUNK = {
    "choices": [{"finish_reason": None, "index": 0, "delta": {"content": ""}}],
    "created": 1763700000,
    "id": "chatcmpl-0123456789abcdefghijklmnopqrstuv",
    "model": "some-model-7b-instruct-q4_k_m.gguf",
    "system_fingerprint": "b1-0123456",
    "object": "chat.completion.chunk",
}
USAGE = {"completion_tokens": 200, "prompt_tokens": 9000, "total_tokens": 9200}
SIZE = 1 << 18


def framed(event: object) -> bytes:
    """Return one event in one HTTP chunk."""
    data = b"data: " + (event if isinstance(event, bytes) else dumped(event)) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data), data)


def dumped(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def said(word: str) -> bytes:
    """Return a chunk that says one word."""
    delta = {"finish_reason": None, "index": 0, "delta": {"content": word}}
    return framed(CHUNK | {"choices": [delta]})


DELTAS = [said(word) for word in WORDS]
LAST = [{"finish_reason": "stop", "index": 0, "delta": {}}]
END = (
    framed(CHUNK | {"choices": LAST})
    + framed(CHUNK | {"choices": [], "usage": USAGE})
    + framed(b"[DONE]")
    + b"0\r\n\r\n"
)


def plain(value: object) -> bytes:
    """Return a whole answer of JSON."""
    body = dumped(value)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


MESSAGE = {"role": "assistant", "content": "six words are in this answer"}


def whole(prompt_tokens: int) -> bytes:
    """Return an answer that is not streamed."""
    return plain(
        CHUNK
        | {
            "object": "chat.completion",
            "choices": [{"finish_reason": "stop", "index": 0, "message": MESSAGE}],
            "usage": USAGE | {"prompt_tokens": prompt_tokens},
        }
    )


COMPLETION = whole(9000)
WITH_TOOLS = whole(9100)
"""A bridge may count whether tools reach the model; one that believes they do not would
write them into the prompt, which is another job than the others'."""
MODELS = plain({"object": "list", "data": [{"id": "p-10", "object": "model"}]})
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class Connection:
    """One client: what it sent so far, and what it has still to get."""

    def __init__(self, server: "Server", sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.got = b""
        self.need = 0
        self.out = memoryview(b"")
        self.held = 0

    def readable(self) -> None:
        """Take what came; answer when it is a whole request."""
        try:
            data = self.sock.recv(SIZE)
        except OSError:
            data = b""
        if not data:
            self.server.forget(self)
            return
        self.got += data
        if not self.need:
            head = self.got.find(b"\r\n\r\n")
            if head < 0:
                return
            length = LENGTH.search(self.got, 0, head)
            self.need = head + 4 + (int(length[1]) if length else 0)
        if len(self.got) >= self.need:
            request, self.got, self.need = self.got, b"", 0
            self.answer(request)

    def answer(self, request: bytes) -> None:
        """Answer one request."""
        if request.startswith(b"GET"):
            models = request.startswith(b"GET /v1/models ")
            self.write(MODELS if models else NOT_FOUND)
            return
        if not request.startswith(b"POST /v1/chat/completions"):
            self.write(NOT_FOUND)
            return
        if held := HELD.search(request):
            if held[1] == b"1":
                self.write(HEAD + DELTAS[0])
            self.held = self.server.hold()
            return
        asked = MODEL.search(request)
        count, pause = (int(asked[1]), int(asked[2] or 0)) if asked else (1, 0)
        if not STREAM.search(request):
            self.write(WITH_TOOLS if b'"tools"' in request else COMPLETION)
        elif pause:
            self.write(HEAD)
            self.server.later(pause / 1e6, self, count)
        else:
            self.write(self.server.whole(count))

    def write(self, data: bytes) -> None:
        """Write, and keep what the client has no room for."""
        if self.out:
            self.out = memoryview(bytes(self.out) + data)
            return
        self.out = memoryview(data)
        self.writable()

    def writable(self) -> None:
        """Write more of what was kept."""
        try:
            sent = self.sock.send(self.out)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.server.forget(self)
            return
        self.out = self.out[sent:]
        self.server.watch(self, writing=bool(self.out))


class Server:
    """The loop."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._writing: set[Connection] = set()
        self._later: list[tuple[float, int, Connection, float, int]] = []
        self._count = 0
        self._held = 0
        self._whole: dict[int, bytes] = {}

    def whole(self, count: int) -> bytes:
        """Return a whole stream of so many chunks."""
        if count not in self._whole:
            self._whole[count] = (
                HEAD + b"".join(DELTAS[n % 2] for n in range(count)) + END
            )
        return self._whole[count]

    def later(self, pause: float, connection: Connection, left: int) -> None:
        """Write a chunk after a pause, and so many in all."""
        self._push(time.monotonic() + pause, connection, pause, left)

    def watch(self, connection: Connection, *, writing: bool) -> None:
        """Wait for room, or no longer."""
        if writing != (connection in self._writing):
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0)
            self._selector.modify(connection.sock, events, connection)
            (self._writing.add if writing else self._writing.discard)(connection)

    def hold(self) -> int:
        """Tell of a request that gets no end; return its number."""
        self._held += 1
        print("held", self._held, time.monotonic(), flush=True)
        return self._held

    def forget(self, connection: Connection) -> None:
        """Close."""
        self._writing.discard(connection)
        if connection.held:
            print("gone", connection.held, time.monotonic(), flush=True)
        if connection.sock.fileno() >= 0:
            self._selector.unregister(connection.sock)
            connection.sock.close()

    def run(self) -> None:
        """Serve until killed."""
        while True:
            wait = max(0, self._later[0][0] - time.monotonic()) if self._later else None
            for key, mask in self._selector.select(wait):
                connection = key.data
                if connection is None:
                    self._accept()
                    continue
                if mask & selectors.EVENT_WRITE:
                    connection.writable()
                if mask & selectors.EVENT_READ and connection.sock.fileno() >= 0:
                    connection.readable()
            self._due()

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(sock, selectors.EVENT_READ, Connection(self, sock))

    def _due(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            due, _, connection, pause, left = heapq.heappop(self._later)
            if connection.sock.fileno() < 0:
                continue
            delta = DELTAS[left % 2]
            connection.write(delta if left > 1 else delta + END)
            if left > 1:
                self._push(due + pause, connection, pause, left - 1)

    def _push(
        self, due: float, connection: Connection, pause: float, left: int
    ) -> None:
        self._count += 1
        heapq.heappush(self._later, (due, self._count, connection, pause, left))


def main() -> None:
    """Say the port, and serve."""
    server = Server()
    print(server.port, flush=True)
    server.run()


if __name__ == "__main__":
    main()
