"""A program that takes the words of `codex-oss bridge run` and answers as a bridge.

``--upstream`` says how it behaves: ``fail`` says why and ends with code 3, ``deaf``
ignores SIGTERM, ``locked`` wants a key; all else serves.
"""

import http.server
import json
import signal
import sys
from pathlib import Path
from typing import Any

LIFE_S = 300
"""No test needs one for longer; a forgotten one ends by itself."""

HEALTH = {
    "status": "ok",
    "version": "9.9",
    "upstream": "http://model.example/v1",
    "upstream_reachable": True,
    "models": ["qwen3:14b"],
    "uptime_s": 5.0,
    "in_flight": 0,
    "store": "memory",
}
LOCKED = {"error": {"message": "the bridge asks for a key: send it"}}


def program() -> list[str]:
    """Return the words that start it."""
    return [sys.executable, str(Path(__file__))]


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers `/__health`."""

    locked = False

    def do_GET(self) -> None:
        """Answer."""
        locked = self.locked and not self.headers.get("authorization")
        body = json.dumps(LOCKED if locked else HEALTH).encode()
        self.send_response(401 if locked else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


def main(words: list[str]) -> int:
    """Behave as told."""
    assert words[:2] == ["bridge", "run"], words
    options = dict(zip(words[2::2], words[3::2], strict=True))
    kind = options.get("--upstream", "")
    signal.alarm(LIFE_S)
    if kind == "fail":
        sys.stderr.write("no such model\nlook elsewhere\n")
        return 3
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Handler.locked = kind == "locked"
    sys.stderr.write(f"serving {options}\n")
    address = ("127.0.0.1", int(options["--listen-port"]))
    with http.server.ThreadingHTTPServer(address, Handler) as server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
