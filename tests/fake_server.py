"""A scripted model server on loopback: real HTTP/1.1, no sleeps, every request kept.

::

    with FakeServer([turn(message("hi"))]) as server:      # one reply per POST
        ...                                                # ask server.url + "/v1"
    server.requests[0].json["model"]

A reply is a list of events (server-sent events), a ``Reply``, a dict of ``Reply``'s
fields (the form of the captures' ``model``), or a callable that gets the
``Seen`` request and returns one of those. The last reply repeats. ``get`` and
``post`` answer by path, outside the script: there a dict is a JSON body.
"""

import contextlib
import http.server
import json as jsonlib
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fake_events import (
    Event,
    call,
    chat_call,
    chat_end,
    chat_text,
    chat_turn,
    chunk,
    completed,
    created,
    custom_call,
    done,
    failed,
    incomplete,
    message,
    reasoning,
    sse,
    text_delta,
    turn,
)

__all__ = [
    "LLAMACPP",
    "WAIT_S",
    "Answer",
    "Event",
    "FakeServer",
    "Gate",
    "Reply",
    "Scripted",
    "Seen",
    "call",
    "chat_call",
    "chat_end",
    "chat_text",
    "chat_turn",
    "chunk",
    "closed_port",
    "completed",
    "created",
    "custom_call",
    "done",
    "failed",
    "incomplete",
    "message",
    "reasoning",
    "sse",
    "text_delta",
    "turn",
]

WAIT_S = 60.0
"""Bound of every wait of a test on the server and of the server on a test."""
HOLD_S = 200.0
"""How long a gate stays shut: longer than a test waits for what happens meanwhile."""


LLAMACPP: dict[str, Any] = {
    "/props": {
        "default_generation_settings": {"n_ctx": 8192},
        "chat_template_caps": {"supports_tools": True},
        "build_info": "b1-fake",
    }
}
"""``get`` of a llama.cpp server: a chat model asks nothing else before its request."""


@contextlib.contextmanager
def closed_port() -> Generator[int, None, None]:
    """Give a port where nothing listens: bound, so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


class Gate:
    """A point in a stream where the server waits until the test opens it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the server go on."""
        self._opened.set()

    def wait_reached(self) -> None:
        """Wait, in the test, until all before the gate is written."""
        assert self._reached.wait(WAIT_S), "the server never came to the gate"

    def pass_through(self) -> None:
        """Wait, in the server, until the gate is open.

        Raises ``AssertionError`` if it never is; the test fails by that at its end.
        """
        self._reached.set()
        assert self._opened.wait(HOLD_S), "nobody opened the gate"


class Reply:
    """What the server answers.

    One of ``body`` (with content-length), ``events`` (SSE, chunked), ``chunks`` (each
    flushed, chunked; a ``Gate`` waits; a generator makes them as they go, once) or
    ``raw`` (the bytes of the whole answer, status line and all; then the connection
    closes; ``b""`` hangs up without an answer). ``cut`` closes the connection before
    the body's end. ``silent`` sends what there is and then nothing until the client
    goes away; ``silent`` alone sends not even a status line. ``close`` closes the
    connection after a whole answer without having said so.
    """

    def __init__(  # noqa: PLR0913  one knob per way a server can behave
        self,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | dict[str, Any] | list[Any] | None = None,
        events: Sequence[Event] | None = None,
        chunks: Iterable[bytes | Gate] | None = None,
        raw: bytes | None = None,
        cut: bool = False,
        silent: bool = False,
        close: bool = False,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.chunks: Iterable[bytes | Gate] | None = None
        self.raw = raw
        self.cut = cut
        self.silent = silent
        self.close = close
        self.body = b""
        if events is not None:
            self.headers.setdefault("content-type", "text/event-stream")
            self.chunks = [sse(events)]
        elif chunks is not None:
            self.headers.setdefault("content-type", "text/event-stream")
            self.chunks = chunks
        elif isinstance(body, dict | list):
            self.headers.setdefault("content-type", "application/json")
            self.body = jsonlib.dumps(body).encode()
        elif body is not None:
            self.body = body.encode() if isinstance(body, str) else body


class Seen:
    """A request as it came. ``gone`` is set when its client hung up early."""

    def __init__(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        """Names in lower case."""
        self.body = body
        self.gone = threading.Event()

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return jsonlib.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} {self.body[:200]!r}>"


Answer = Reply | Sequence[Event] | dict[str, Any]
Scripted = Answer | Callable[[Seen], Answer]


class FakeServer:
    """The server; a context manager that serves from a thread of its own."""

    address: tuple[str, int] = ("127.0.0.1", 0)

    def __init__(
        self,
        script: Sequence[Scripted] = (),
        *,
        get: Mapping[str, Scripted] | None = None,
        post: Mapping[str, Scripted] | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.script: Sequence[Scripted] = list(script)
        self.get = dict(get or {})
        self.post = dict(post or {})
        self.requests: list[Seen] = []
        self.connections = 0
        self.url = ""
        """``http://127.0.0.1:port``, without a path."""
        self.port = 0
        self.failure: BaseException | None = None
        self._tls = tls
        self._served = 0
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._sockets: set[socket.socket] = set()
        self._ends = False

    @classmethod
    def replay(cls, capture: Path, **kwargs: Any) -> Self:
        """Serve what the model answered in a capture (``captures/*/*.json``)."""
        return cls(jsonlib.loads(capture.read_bytes())["model"], **kwargs)

    @property
    def posts(self) -> list[Seen]:
        """The requests that took a reply from the script."""
        return [
            seen
            for seen in self.requests
            if seen.method == "POST" and seen.path.partition("?")[0] not in self.post
        ]

    def wait_requests(self, count: int) -> None:
        """Wait, in the test, until so many requests have come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, WAIT_S)

    def __enter__(self) -> Self:
        self._ends = False
        self._http = _Http(self)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._http.server_address[1]
        self.url = f"http{'s' if self._tls else ''}://{self.address[0]}:{self.port}"
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.shutdown()
        with self._lock:
            self._ends = True
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._http.server_close()
        self._thread.join(WAIT_S)
        if self.failure is not None and error is None:
            raise self.failure

    def answer(self, seen: Seen) -> Reply:
        """Keep a request and return its reply."""
        path = seen.path.partition("?")[0]
        table = self.post if seen.method in ("POST", "DELETE") else self.get
        with self._lock:
            self.requests.append(seen)
            self._arrived.notify_all()
            if path in table:
                scripted, by_path = table[path], True
            elif seen.method == "POST" and self.script:
                scripted = self.script[min(self._served, len(self.script) - 1)]
                self._served, by_path = self._served + 1, False
            else:
                return Reply(status=404, body={"error": f"no {path} here"})
        if callable(scripted):
            scripted = scripted(seen)
        return _reply(scripted, plain=by_path)

    def opened(self, connection: socket.socket) -> None:
        """Keep a connection, to end it with the server."""
        with self._lock:
            self.connections += 1
            self._sockets.add(connection)
            if self._ends:  # its thread began only now
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def closed(self, connection: socket.socket) -> None:
        """Forget a connection."""
        with self._lock:
            self._sockets.discard(connection)


def _reply(answer: Answer, *, plain: bool) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, dict):
        return Reply(body=answer) if plain else Reply(**answer)
    return Reply(events=answer)


class _Http(http.server.ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, fake: FakeServer) -> None:
        self.fake = fake
        super().__init__(fake.address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what a callable of the script raised; the test fails at its end."""
        self.fake.failure = sys.exc_info()[1]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Http  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def setup(self) -> None:
        self.server.fake.opened(self.request)
        super().setup()

    def finish(self) -> None:
        with contextlib.suppress(OSError):
            super().finish()
        self.server.fake.closed(self.request)

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_HEAD = do_CONNECT = do_DELETE = do_GET  # noqa: N815  http.server's

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        seen = Seen(self.command, self.path, headers, body)
        reply = self.server.fake.answer(seen)
        try:
            self._write(reply, seen)
        except OSError:
            seen.gone.set()
            self.close_connection = True

    def _write(self, reply: Reply, seen: Seen) -> None:
        self.close_connection |= reply.close or reply.cut or reply.raw is not None
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            return
        if not (reply.silent and reply.chunks is None and not reply.body):
            self._write_head(reply)
            if reply.chunks is not None:
                self._write_chunks(reply.chunks, end=not (reply.cut or reply.silent))
            elif self.command != "HEAD":
                half = len(reply.body) // 2 if reply.cut or reply.silent else None
                self.wfile.write(reply.body[:half])
        if reply.silent:
            self._wait_until_gone(seen)

    def _write_head(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is not None:
            self.send_header("transfer-encoding", "chunked")
        else:
            self.send_header("content-length", str(len(reply.body)))
        self.end_headers()

    def _write_chunks(self, chunks: Iterable[bytes | Gate], *, end: bool) -> None:
        for piece in chunks:
            if isinstance(piece, Gate):
                piece.pass_through()
            elif piece:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            self.wfile.write(b"0\r\n\r\n")

    def _wait_until_gone(self, seen: Seen) -> None:
        self.close_connection = True
        self.connection.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass
        seen.gone.set()
