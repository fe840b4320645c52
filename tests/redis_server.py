"""A Redis server of the tests' own, on a free port."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator
from importlib.util import find_spec

import pytest

from free_ports import free_port


def skip_without_redis() -> None:
    """Skip the test, saying what is missing."""
    if shutil.which("redis-server") is None:
        pytest.skip("redis-server is not installed")
    if find_spec("redis") is None:
        pytest.skip("the package `redis` is not installed")


@contextlib.asynccontextmanager
async def redis_server(folder: str) -> AsyncGenerator[str, None]:
    """Yield the URL of a server that ends with the block."""
    port = free_port()
    server = await asyncio.create_subprocess_exec(
        *("redis-server", "--port", str(port), "--bind", "127.0.0.1"),
        *("--save", "", "--dir", folder, "--requirepass", "pass word"),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        async with asyncio.timeout(60):
            while b"Ready to accept" not in (line := await server.stdout.readline()):
                assert line, "redis-server ended"
        yield f"redis://:pass%20word@127.0.0.1:{port}/0"
    finally:
        server.terminate()
        async with asyncio.timeout(60):
            await server.communicate()
