"""``codex-oss mcp-server --http`` as a program on a port of its own."""

import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from mcp_server_peer import WAIT_S, command, environment


@contextmanager
def served(place: Path, *arguments: str, **more: str) -> Generator[str]:
    """Start the server on a port of its own and give its URL."""
    with subprocess.Popen(
        command("--http", "127.0.0.1:0", *arguments),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(place) | more,
        cwd=place / "work",
    ) as program:
        assert program.stderr is not None
        try:
            yield program.stderr.readline().decode().split()[-1]
        finally:
            program.terminate()
            assert program.wait(WAIT_S) == 0
            assert b"Traceback" not in program.stderr.read()
