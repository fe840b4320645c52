"""Serves one client over stdin and stdout, a message on a line.

The end comes with the client's: its stdin of ours is closed, or it takes nothing of
what it is sent. A file on stdin has no client behind it: all of its requests are
answered, and questions get an error for an answer.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncGenerator

import anyio
import msgspec
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp import types
from mcp.shared.message import SessionMessage

from codex_oss.errors import CodexOssError
from codex_oss.mcp_server import lines
from codex_oss.mcp_server.descriptors import FLUSH_S, STALLED_S, Input, Output
from codex_oss.mcp_server.server import Agent

MAX_LINE = 16 * 1024 * 1024
"""The longest message, in bytes; a longer one is refused."""
MAX_UNANSWERED = 1000
"""Requests that are at work at the same time; more are not read."""
HEAD = 65_536
"""Bytes of a message that is too long in which its id is looked for."""

_ToUs = MemoryObjectSendStream[SessionMessage | Exception]
_ToClient = MemoryObjectSendStream[SessionMessage]


async def serve(agent: Agent) -> None:
    """Serve until the client has gone; cancelling ends it within ``FLUSH_S``."""
    # Warns of a client that takes no more, which is how many of them end.
    logging.getLogger("mcp").setLevel(logging.ERROR)
    source, sink = Input(0), Output(1)
    to_us, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, to_client = anyio.create_memory_object_stream[SessionMessage](0)
    talk = _Talk(source, sink, to_us, outgoing.clone())
    reading = asyncio.ensure_future(talk.read())
    writing = asyncio.ensure_future(talk.write(to_client))
    serving = asyncio.ensure_future(
        agent.server.run(
            incoming, outgoing, agent.server.create_initialization_options()
        )
    )
    try:
        await asyncio.wait((serving, writing), return_when=asyncio.FIRST_COMPLETED)
    finally:
        sink.hurry()
        reading.cancel()
        serving.cancel()
        await asyncio.wait((reading, serving))
        await asyncio.wait((writing,), timeout=FLUSH_S)
        writing.cancel()
        await asyncio.wait((writing,))
        source.close()
        sink.close()
        for stream in (to_us, incoming, outgoing, to_client):
            stream.close()
    for task in (reading, writing, serving):
        if not task.cancelled():
            task.result()


class _Talk:
    """What goes between the descriptors and the SDK's streams."""

    def __init__(
        self, source: Input, sink: Output, to_us: _ToUs, to_client: _ToClient
    ) -> None:
        self._source = source
        self._sink = sink
        self._to_us = to_us
        self._to_client = to_client
        self._open: set[types.RequestId] = set()
        self._answered = asyncio.Event()

    async def read(self) -> None:
        """Pass on what the client says, to its end."""
        try:
            async for line in _lines(self._source):
                await self._take(line)
                await self._fewer_than(MAX_UNANSWERED)
            # What takes no time, such as a list of tools, is still answered.
            limit_s = FLUSH_S if self._source.waits else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit_s):
                    await self._fewer_than(1)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # nobody listens, or reads, any more
        finally:
            self._sink.hurry()
            self._to_us.close()
            self._to_client.close()

    async def write(self, said: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Write what the client is told, until all is said or it has gone."""
        try:
            async with said:
                async for item in said:
                    text = item.message.model_dump_json(
                        by_alias=True, exclude_unset=True
                    )
                    await self._sink.write(text.encode() + b"\n")
                    await self._said(item.message)
        except (ConnectionError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass  # it has gone
        except TimeoutError:
            if not self._sink.hurries:
                told = f"the client has taken nothing for {STALLED_S:.0f} s: ending"
                sys.stderr.write(f"{told}\n")
        except OSError as error:
            raise CodexOssError(f"cannot write to stdout: {error.strerror}") from error

    async def _fewer_than(self, count: int) -> None:
        """Wait until fewer requests have no answer yet."""
        while len(self._open) >= count:
            self._answered.clear()
            await self._answered.wait()

    async def _take(self, line: "bytes | _TooLong") -> None:
        match _read(line):
            case None:
                return
            case lines.Refused(answer):
                await self._to_client.send(SessionMessage(answer))
            case message:
                self._note(message)
                await self._to_us.send(SessionMessage(message))

    def _note(self, message: types.JSONRPCMessage) -> None:
        """Remember which requests have no answer yet; cancelled ones get none."""
        match message:
            case types.JSONRPCRequest(id=number):
                self._open.add(number)
            case types.JSONRPCNotification(
                method="notifications/cancelled", params={"requestId": number}
            ):
                self._close(number)
            case _:
                return

    async def _said(self, message: types.JSONRPCMessage) -> None:
        match message:
            case types.JSONRPCResponse(id=number) | types.JSONRPCError(id=number):
                self._close(number)
            case types.JSONRPCRequest(id=number) if not self._source.waits:
                nobody = types.ErrorData(
                    code=types.CONNECTION_CLOSED, message="nobody can be asked"
                )
                error = types.JSONRPCError(jsonrpc="2.0", id=number, error=nobody)
                await self._to_us.send(SessionMessage(error))
            case _:
                return

    def _close(self, number: object) -> None:
        if isinstance(number, str | int):
            self._open.discard(number)
            self._answered.set()


class _TooLong(msgspec.Struct, frozen=True):
    """The beginning of a line that is too long."""

    head: bytes


async def _lines(source: Input) -> AsyncGenerator[bytes | _TooLong]:
    """Yield each line; of one that is too long the rest is passed over."""
    line, skipping = bytearray(), False
    while data := await source.read():
        *ended, rest = data.split(b"\n")
        for part in ended:
            if not skipping:
                yield bytes(line + part)
            line.clear()
            skipping = False
        if not skipping:
            line += rest
        if len(line) > MAX_LINE:
            yield _TooLong(bytes(line[:HEAD]))
            line.clear()
            skipping = True
    if line:
        yield bytes(line)


def _read(line: bytes | _TooLong) -> types.JSONRPCMessage | lines.Refused | None:
    if isinstance(line, bytes):
        return lines.read(line)
    refused = lines.read(line.head)
    if not isinstance(refused, lines.Refused):
        return refused
    words = f"Invalid request: a message of more than {MAX_LINE} bytes"
    error = types.ErrorData(code=types.INVALID_REQUEST, message=words)
    answer = refused.answer.model_copy(update={"error": error})
    return lines.Refused(answer)
