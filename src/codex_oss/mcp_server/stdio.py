"""Serves one client over stdin and stdout.

The SDK's transport, but for the reading: a thread that waits for a line cannot be
stopped, and a signal would have to wait for the client.
"""

import asyncio
import os
import stat
import sys
from typing import Any

from mcp.server.stdio import stdio_server

from codex_oss.mcp_server.server import Agent

MAX_LINE = 64 * 1024 * 1024
"""The longest message, in bytes; a longer one ends the connection."""


async def serve(agent: Agent) -> None:
    """Serve until the client closes our stdin, or has gone."""
    lines: Any = await _lines()
    try:
        async with stdio_server(stdin=lines) as (incoming, outgoing):
            await agent.server.run(incoming, outgoing, agent.options())
    except* BrokenPipeError:
        pass  # the client reads no more: it has gone


async def _lines() -> "_Lines | None":
    """Return stdin's lines; None where nothing has to be waited for: the SDK reads."""
    kind = os.fstat(0).st_mode
    if not (stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or os.isatty(0)):
        return None
    reader = asyncio.StreamReader(limit=MAX_LINE)
    wire = os.fdopen(os.dup(0), "rb", buffering=0)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), wire
    )
    # What is started later must not read what the client sends.
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return _Lines(reader)


class _Lines:
    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader

    def __aiter__(self) -> "_Lines":
        return self

    async def __anext__(self) -> str:
        try:
            line = await self._reader.readline()
        except ValueError:
            sys.stderr.write(f"a message of more than {MAX_LINE} bytes: closing\n")
            raise StopAsyncIteration from None
        if not line:
            raise StopAsyncIteration
        return line.decode("utf-8", "replace")
