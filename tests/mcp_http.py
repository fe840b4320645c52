"""An MCP server over streamable HTTP, in a thread; a double for tests."""

import gzip
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from mcp_scripted import Peer

MAX_SENT = 64 * 1024 * 1024
UNASKED = b'data: {"jsonrpc":"2.0","method":"notifications/message"}\n\n'


class McpHttp:
    """Answers as ``mcp_scripted`` does; ``mode`` may be a bad habit of its own.

    ``headers`` are those of each request, with small letters.
    """

    def __init__(self, mode: str = "demo") -> None:
        self.mode = mode
        self.headers: list[dict[str, str]] = []
        self.sessions = 0
        self.freed = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.answer(405, b"")

            def do_DELETE(self) -> None:
                self.answer(200, b"")

            def do_POST(self) -> None:
                size = int(self.headers["content-length"])
                asked = json.loads(self.rfile.read(size))
                owner.headers.append({k.lower(): v for k, v in self.headers.items()})
                owner.answer(self, asked)

            def answer(
                self,
                status: int,
                body: bytes,
                kind: str = "application/json",
                coding: str = "identity",
            ) -> None:
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-encoding", coding)
                self.send_header("content-length", str(len(body)))
                self.send_header("mcp-session-id", f"s{owner.sessions}")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]  no more is needed
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.handler = Handler

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/mcp"

    def __enter__(self) -> Self:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.freed.set()
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request: Any, asked: dict[str, Any]) -> None:
        method = asked.get("method", "")
        if self.mode == "unauthorized":
            request.answer(401, b'{"error":"no"}')
        elif self.mode == "absent":
            request.answer(404, b"")
        elif "id" not in asked:
            request.answer(202, b"")
        elif method != "tools/call":
            self.sessions += method == "initialize"
            request.answer(200, self.message(asked))
        else:
            self.call(request, asked)

    def call(self, request: Any, asked: dict[str, Any]) -> None:
        match self.mode:
            case "huge":
                self.pour(request, "application/json", b'{"x":"', b"x" * 65536)
            case "endless event":
                self.pour(request, "text/event-stream", b"data: ", b"x" * 65536)
            case "flood":
                self.pour(request, "text/event-stream", b"", UNASKED * 100)
            case "compressed":
                body = gzip.compress(self.message(asked))
                request.answer(200, body, coding="gzip")
            case "hang":
                self.freed.wait()
            case "html":
                request.answer(200, b"<html>no</html>", "text/html")
            case "error":
                request.answer(500, b"oops", "text/plain")
            case "forgets" if self.sessions == 1:
                request.answer(404, b"")
            case "events":
                body = b"event: message\ndata: " + self.message(asked) + b"\n\n"
                request.answer(200, body, "text/event-stream")
            case _:
                request.answer(200, self.message(asked))

    def pour(self, request: Any, kind: str, head: bytes, body: bytes) -> None:
        request.send_response(200)
        request.send_header("content-type", kind)
        request.end_headers()
        request.close_connection = True
        try:
            request.wfile.write(head)
            for _ in range(MAX_SENT // len(body)):
                request.wfile.write(body)
        except OSError:
            pass  # the client has had enough

    def message(self, asked: dict[str, Any]) -> bytes:
        peer = Peer("demo", Path())
        params: dict[str, Any] = asked.get("params") or {}
        if asked["method"] == "tools/call":
            result = peer.demo(params["name"], params.get("arguments") or {})
        else:
            result = peer.other(asked["method"], params)
        key = "error" if "code" in result else "result"
        told = {"jsonrpc": "2.0", "id": asked["id"], key: result}
        return json.dumps(told).encode()
