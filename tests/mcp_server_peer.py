"""``codex-oss mcp-server`` as a program, spoken to line by line as a client would."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Self

Json = dict[str, Any]

WAIT_S = 250.0
"""How long the program gets for a line."""
ELICITS: Json = {"elicitation": {}}

CONFIG = """\
model = "some-model"
model_provider = "x"
[model_providers.x]
name = "Fake"
base_url = "{url}/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


def home(tmp_path: Path, url: str, more: str = "") -> Path:
    """Return a home with a configuration for the model server at ``url``."""
    (tmp_path / ".codex").mkdir(parents=True, exist_ok=True)
    (tmp_path / "work").mkdir(exist_ok=True)
    (tmp_path / ".codex/config.toml").write_text(more + CONFIG.format(url=url))
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    """Return the variables for a program whose home is ``place``."""
    mine = {key: value for key, value in os.environ.items() if "CODEX" not in key}
    return mine | {"HOME": str(place), "CODEX_OSS_HOME": str(place / "state")}


def command(*arguments: str) -> list[str]:
    """Return the command line of the server."""
    return [sys.executable, "-m", "codex_oss", "mcp-server", *arguments]


class Peer:
    """A client of the server; the program ends with the block."""

    def __init__(
        self, place: Path, *arguments: str, capabilities: Mapping[str, Any] = ELICITS
    ) -> None:
        self._program = subprocess.Popen(
            command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(place),
            cwd=place / "work",
        )
        self._capabilities = capabilities
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._said = ""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        return self._program.pid

    def send(self, message: Json) -> None:
        """Send one message."""
        assert self._program.stdin is not None
        line = json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n"
        self._program.stdin.write(line)
        self._program.stdin.flush()

    def receive(self) -> Json:
        """Return the next message. Raises ``AssertionError`` after ``WAIT_S``."""
        try:
            line = self._lines.get(timeout=WAIT_S)
        except Empty:
            raise AssertionError("the server says nothing") from None
        assert line, f"the server has closed its stdout: {self.close()}"
        return json.loads(line)

    def until(self, wanted: Callable[[Json], bool]) -> list[Json]:
        """Return all messages up to the first that is wanted."""
        seen = [self.receive()]
        while not wanted(seen[-1]):
            seen.append(self.receive())
        return seen

    def request(self, method: str, params: Json | None = None) -> int:
        """Send a request and return its id."""
        self._next += 1
        asked = {"id": self._next, "method": method, "params": params or {}}
        self.send(asked)
        return self._next

    def answer_of(self, request_id: int) -> Json:
        """Return the answer of a request; what comes before it is passed over."""
        return self.until(answers(request_id))[-1]

    def initialize(self, version: str = "2025-06-18") -> Json:
        """Shake hands and return the server's side of it."""
        client = {"name": "lab", "version": "1"}
        params = {"protocolVersion": version, "capabilities": dict(self._capabilities)}
        told = self.answer_of(
            self.request("initialize", params | {"clientInfo": client})
        )
        self.send({"method": "notifications/initialized"})
        return told

    def call(self, name: str, **arguments: Any) -> int:
        """Call a tool and return the request's id."""
        named = {key.replace("_", "-"): value for key, value in arguments.items()}
        return self.request("tools/call", {"name": name, "arguments": named})

    def close(self) -> str:
        """Close the program's stdin, wait for its end and return its stderr."""
        program = self._program
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        if not program.stderr.closed:
            with contextlib.suppress(BrokenPipeError):
                program.stdin.close()
            try:
                program.wait(WAIT_S)
            finally:
                program.kill()
            self._said = program.stderr.read().decode()
            program.stderr.close()
            self._reader.join(WAIT_S)
            program.stdout.close()
        return self._said

    def _read(self) -> None:
        assert self._program.stdout is not None
        for line in self._program.stdout:
            self._lines.put(line)
        self._lines.put(b"")


def answers(request_id: int) -> Callable[[Json], bool]:
    """Return what is true for the answer of a request."""
    return lambda message: message.get("id") == request_id and "method" not in message


def asks(message: Json) -> bool:
    """Tell whether a message asks for an approval."""
    return message.get("method") == "elicitation/create"


def kinds(messages: Sequence[Json]) -> list[str]:
    """Return the types of the events among messages."""
    return [
        message["params"]["msg"]["type"]
        for message in messages
        if message.get("method") == "codex/event"
    ]
