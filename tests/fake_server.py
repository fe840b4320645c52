"""A scripted model server on loopback: real HTTP/1.1, no sleeps, every request kept.

::

    with FakeServer([turn(message("hi"))]) as server:      # one reply per POST
        ...                                                # ask server.url + "/v1"
    server.requests[0].json["model"]

A reply is a list of events (server-sent events), a ``Reply``, a dict of ``Reply``'s
fields (the form of the captures' ``model_responses``), or a callable that gets the
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

WAIT_S = 20.0
"""Bound of every wait of a test on the server and of the server on a test."""

Event = dict[str, Any] | str
"""One frame: an object, or text that is sent as it is after ``data: ``."""


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
        """Wait, in the server, until the gate is open."""
        self._reached.set()
        self._opened.wait(WAIT_S)


class Reply:
    """What the server answers.

    One of ``body`` (with content-length), ``events`` (SSE, chunked), ``chunks`` (as
    they are, each flushed, chunked; a ``Gate`` waits) or ``raw`` (the bytes of the
    whole answer, status line and all; then the connection closes; ``b""`` hangs up
    without an answer). ``cut`` closes the connection before the body's end.
    ``silent`` sends what there is and then nothing until the client goes away;
    ``silent`` alone sends not even a status line. ``close`` closes the connection
    after a whole answer without having said so.
    """

    def __init__(  # noqa: PLR0913  one knob per way a server can behave
        self,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | dict[str, Any] | list[Any] | None = None,
        events: Sequence[Event] | None = None,
        chunks: Sequence[bytes | Gate] | None = None,
        raw: bytes | None = None,
        cut: bool = False,
        silent: bool = False,
        close: bool = False,
    ) -> None:
        self.status = status
        self.headers = dict(headers or {})
        self.chunks: list[bytes | Gate] | None = None
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
            self.chunks = list(chunks)
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

    def __init__(
        self,
        script: Sequence[Scripted] = (),
        *,
        get: Mapping[str, Scripted] | None = None,
        post: Mapping[str, Scripted] | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.script = list(script)
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
        self._sockets: set[socket.socket] = set()

    @classmethod
    def replay(cls, capture: Path, **kwargs: Any) -> Self:
        """Serve the ``model_responses`` of a capture's ``*.model.json``."""
        return cls(jsonlib.loads(capture.read_bytes())["model_responses"], **kwargs)

    @property
    def posts(self) -> list[Seen]:
        """The requests that took a reply from the script."""
        return [
            seen
            for seen in self.requests
            if seen.method == "POST" and seen.path.partition("?")[0] not in self.post
        ]

    def __enter__(self) -> Self:
        self._http = _Http(self)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            self._http.socket = context.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._http.server_address[1]
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"
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
        table = self.post if seen.method == "POST" else self.get
        with self._lock:
            self.requests.append(seen)
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
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
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

    def do_POST(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

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

    def _write_chunks(self, chunks: list[bytes | Gate], *, end: bool) -> None:
        for chunk in chunks:
            if isinstance(chunk, Gate):
                chunk.pass_through()
            elif chunk:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if end:
            self.wfile.write(b"0\r\n\r\n")

    def _wait_until_gone(self, seen: Seen) -> None:
        self.close_connection = True
        self.connection.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            while self.connection.recv(4096):
                pass
        seen.gone.set()


# --- events of the Responses API ---------------------------------------------------


def sse(events: Sequence[Event]) -> bytes:
    """Return events as server-sent events; ``event:`` lines where they have a type."""
    frames: list[str] = []
    for event in events:
        if isinstance(event, str):
            frames.append(f"data: {event}\n\n")
            continue
        named = f"event: {event['type']}\n" if "type" in event else ""
        frames.append(f"{named}data: {jsonlib.dumps(event)}\n\n")
    return "".join(frames).encode()


def created(response_id: str = "resp_1") -> dict[str, Any]:
    """Return ``response.created``."""
    return {"type": "response.created", "response": {"id": response_id}}


def done(item: dict[str, Any], index: int = 0) -> dict[str, Any]:
    """Return ``response.output_item.done`` for an item."""
    return {"type": "response.output_item.done", "output_index": index, "item": item}


def completed(
    input_tokens: int = 10,
    output_tokens: int = 5,
    *,
    cached: int = 0,
    reasoning: int = 0,
    response_id: str = "resp_1",
) -> dict[str, Any]:
    """Return ``response.completed`` with its usage."""
    usage = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }
    return {
        "type": "response.completed",
        "response": {"id": response_id, "usage": usage},
    }


def failed(code: str, message: str = "") -> dict[str, Any]:
    """Return ``response.failed``."""
    error = {"code": code, "message": message}
    return {"type": "response.failed", "response": {"id": "resp_1", "error": error}}


def incomplete(reason: str) -> dict[str, Any]:
    """Return ``response.incomplete``."""
    details = {"reason": reason}
    response = {"id": "resp_1", "incomplete_details": details}
    return {"type": "response.incomplete", "response": response}


def text_delta(text: str) -> dict[str, Any]:
    """Return ``response.output_text.delta``."""
    return {"type": "response.output_text.delta", "item_id": "msg_1", "delta": text}


def message(text: str, item_id: str = "msg_1") -> dict[str, Any]:
    """Return an assistant's message item."""
    part = {"type": "output_text", "text": text, "annotations": list[Any]()}
    return {"type": "message", "id": item_id, "role": "assistant", "content": [part]}


def reasoning(summary: str, item_id: str = "rs_1") -> dict[str, Any]:
    """Return a reasoning item."""
    parts = [{"type": "summary_text", "text": summary}]
    return {"type": "reasoning", "id": item_id, "summary": parts}


def call(
    name: str, args: dict[str, Any] | str, call_id: str = "call_1", **more: Any
) -> dict[str, Any]:
    """Return a function call item; ``more`` is such as ``namespace``."""
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": name,
        "arguments": args if isinstance(args, str) else jsonlib.dumps(args),
        **more,
    }


def custom_call(name: str, text: str, call_id: str = "call_1") -> dict[str, Any]:
    """Return a freeform call item."""
    return {
        "type": "custom_tool_call",
        "id": f"ctc_{call_id}",
        "call_id": call_id,
        "name": name,
        "input": text,
    }


def turn(*items: dict[str, Any], **usage: int) -> list[Event]:
    """Return the whole stream of one response; ``usage`` as ``completed`` takes it."""
    dones = [done(item, index) for index, item in enumerate(items)]
    events: list[Event] = [created(), *dones, completed(**usage)]  # pyright: ignore[reportArgumentType]
    return events


# --- chunks of the Chat Completions API --------------------------------------------


def chunk(
    delta: dict[str, Any] | None, *, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return one ``chat.completion.chunk``; no delta means no choices."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "fake",
        "choices": [] if delta is None else [choice],
        **more,
    }


def chat_text(text: str) -> dict[str, Any]:
    """Return a chunk with some text."""
    return chunk({"role": "assistant", "content": text})


def chat_call(
    name: str, args: dict[str, Any] | str, call_id: str = "call_1", index: int = 0
) -> dict[str, Any]:
    """Return a chunk with a whole tool call."""
    text = args if isinstance(args, str) else jsonlib.dumps(args)
    function = {"name": name, "arguments": text}
    made = {"index": index, "id": call_id, "type": "function", "function": function}
    return chunk({"role": "assistant", "tool_calls": [made]})


def chat_end(
    finish: str = "stop", *, prompt_tokens: int = 10, completion_tokens: int = 5
) -> list[Event]:
    """Return the end of a stream: finish reason, usage, ``[DONE]``."""
    usage = {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }
    return [chunk({}, finish=finish), chunk(None, usage=usage), "[DONE]"]


def chat_turn(*chunks: dict[str, Any], **usage: int) -> list[Event]:
    """Return the whole stream of one chat answer."""
    calls = any(
        choice["delta"].get("tool_calls") for c in chunks for choice in c["choices"]
    )
    end = chat_end("tool_calls" if calls else "stop", **usage)
    return [*chunks, *end]
