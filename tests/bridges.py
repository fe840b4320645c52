"""Bridges as processes of their own: ours, and others that are installed."""

import contextlib
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import msgspec

from free_ports import free_port

START_S = 60.0
_PORT = re.compile(r"https?://127\.0\.0\.1:(\d+)")
_SRC = Path(__file__).resolve().parents[1] / "src"


class Running(msgspec.Struct, frozen=True):
    """A bridge that answers. ``url`` has no path; ``log`` is what it said so far."""

    url: str
    pid: int
    log: list[str]


@contextlib.contextmanager
def ours(upstream: str, *more: str) -> Generator[Running, None, None]:
    """Run `codex-oss bridge` in front of a server (its URL without `/v1`)."""
    argv = [sys.executable, "-m", "codex_oss", "bridge", "--upstream", f"{upstream}/v1"]
    with (
        tempfile.TemporaryDirectory() as home,
        _started([*argv, "--listen-port", "0", *more], None, home) as running,
    ):
        yield running


@contextlib.contextmanager
def embedded(
    model: str, *more: str, env: Mapping[str, str] | None = None
) -> Generator[Running, None, None]:
    """Run `codex-oss bridge` in front of the embedded engine with a GGUF file."""
    argv = [sys.executable, "-m", "codex_oss", "bridge", "--engine", "llamacpp"]
    with (
        tempfile.TemporaryDirectory() as home,
        _started(
            [*argv, "-m", model, "--listen-port", "0", *more], None, home, env
        ) as running,
    ):
        yield running


@contextlib.contextmanager
def relay(program: str, upstream: str) -> Generator[Running, None, None]:
    """Run codex-relay in front of a server."""
    port = free_port()
    argv = [program, "--port", str(port), "--upstream", f"{upstream}/v1"]
    with _started([*argv, "--api-key", "none"], port) as running:
        yield running


@contextlib.contextmanager
def _started(
    argv: Sequence[str],
    port: int | None,
    home: str = "",
    more: Mapping[str, str] | None = None,
) -> Generator[Running, None, None]:
    """Start a bridge; without ``port``, it says on stderr where it listens."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CODEX")}
    env = kept | {"PYTHONPATH": str(_SRC), "CODEX_HOME": home, "CODEX_OSS_HOME": home}
    env |= dict(more or {})
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    log: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines, log), daemon=True)
    reader.start()
    try:
        at = port if port is not None else _said_port(lines, log)
        wait_listening(at)
        yield Running(f"http://127.0.0.1:{at}", process.pid, log)
    finally:
        process.terminate()
        try:
            process.wait(180)
        finally:
            process.kill()
            process.wait(180)
            reader.join(60)


def _read(
    process: "subprocess.Popen[str]", lines: "queue.SimpleQueue[str]", log: list[str]
) -> None:
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            log.append(line)
            lines.put(line)
    lines.put("")


def _said_port(lines: "queue.SimpleQueue[str]", log: list[str]) -> int:
    while line := lines.get(timeout=START_S):
        if found := _PORT.search(line):
            return int(found[1])
    raise RuntimeError("the bridge ended: " + "".join(log[-20:]))


def wait_listening(port: int) -> None:
    """Wait until a port accepts connections."""
    pause = threading.Event()
    for _ in range(int(START_S / 0.02)):
        with contextlib.suppress(OSError):
            connect(port).close()
            return
        pause.wait(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


def connect(port: int) -> socket.socket:
    """Return a connection to a port of this machine."""
    return socket.create_connection(("127.0.0.1", port), 1)
