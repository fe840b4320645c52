"""MCP over a program's stdin and stdout, one JSON object on a line.

The SDK's own transport reads lines of any length; a server that never ends one would
fill the memory. Here a line, the lines that are no message, and the messages that
nobody asked for have limits, and what the program says on stderr is kept for the error.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import jsonrpc_message_adapter

from codex_oss.mcp.wire import Wire
from codex_oss.process.piped import Piped, start_piped

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one message."""
MAX_NONSENSE = 200
"""Lines that are no message: some servers log to stdout."""
FLUSH_S = 0.5
"""For what was still to be written when the server is ended."""


@asynccontextmanager
async def program(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]
) -> AsyncGenerator[Wire, None]:
    """Start a server and end it in the end; raises ``OSError``."""
    process = await start_piped(argv, cwd=cwd, env=env, limit=MAX_LINE)
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, to_it = anyio.create_memory_object_stream[SessionMessage](0)
    wire = Wire(incoming, outgoing)
    tasks = [
        asyncio.create_task(_read(process, to_us, wire)),
        asyncio.create_task(_write(process, to_it, wire)),
    ]
    try:
        yield wire
    finally:
        # A server that cannot write does not read: nobody waits for the reader now.
        tasks[0].cancel()
        outgoing.close()
        await asyncio.wait(tasks[1:], timeout=FLUSH_S)
        tasks[1].cancel()
        await process.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        for stream in (to_us, incoming, outgoing, to_it):
            stream.close()


async def _read(
    process: Piped,
    to_us: MemoryObjectSendStream[SessionMessage | Exception],
    wire: Wire,
) -> None:
    nonsense = 0
    try:
        async for line in process.lines():
            try:
                message = jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                nonsense += bool(line.strip())
                if nonsense > MAX_NONSENSE:
                    wire.end("it sends what is no MCP message")
                    return
                continue
            if not wire.take(message):
                return
            await to_us.send(SessionMessage(message))
    except ValueError:
        wire.end(f"it sent a message of more than {MAX_LINE // 2**20} MiB")
    except (anyio.ClosedResourceError, anyio.BrokenResourceError):
        pass  # nobody listens any more
    finally:
        # Why it ended is known before anybody is told that it did.
        wire.end(await _last_words(process))
        to_us.close()


async def _last_words(process: Piped) -> str:
    """Return how a server ended that closed its output."""
    code = await process.code()
    how = "it closed its output" if code is None else f"it ended with exit code {code}"
    return f"{how}: {process.said()}" if process.said() else how


async def _write(
    process: Piped, to_it: MemoryObjectReceiveStream[SessionMessage], wire: Wire
) -> None:
    try:
        async for item in to_it:
            text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
            await process.write(text.encode() + b"\n")
    except OSError as error:
        # Not a word before the reader had its chance: it knows more about the end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_S):
                await wire.ended.wait()
        wire.end(f"it does not read: {error}")
