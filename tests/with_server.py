"""An HTTP server of ours and raw clients of it, for tests. Every wait is bounded."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Self, TypeVar

from codex_oss.net.server import Exchange, Limits, Listener
from fake_server import WAIT_S

T = TypeVar("T")
Handler = Callable[[Exchange], Awaitable[None]]

GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def post(body: bytes, *headers: str) -> bytes:
    """Return a POST of a body with its length."""
    lines = ["POST /x HTTP/1.1", "host: x", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "\r\n"]).encode() + body


class Raw:
    """A connection on which a test says every byte itself."""

    _open: ClassVar[list["Raw"]] = []

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, kernel_bytes: int = 0) -> Self:
        """Connect; ``kernel_bytes`` is what the kernel may hold of an answer."""
        sock = socket.socket()
        sock.setblocking(False)
        if kernel_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, kernel_bytes)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise
        raw = cls(reader, writer)
        cls._open.append(raw)
        return raw

    @classmethod
    async def close_all(cls) -> None:
        """Close what a test left open; ``run`` does it."""
        for raw in cls._open:
            raw.writer.transport.abort()
        cls._open.clear()
        await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, *, head_only: bool = False) -> tuple[int, bytes]:
        """Return status and body of the next answer; its head is in ``headers``."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        self.headers = dict(line.split(": ", 1) for line in lines)
        status = int(first.split()[1])
        if head_only or status == 100:
            return status, b""
        if "content-length" in self.headers:
            length = int(self.headers["content-length"])
            return status, await self.reader.readexactly(length)
        body = b""
        while "transfer-encoding" in self.headers:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            body += (await self.reader.readexactly(size + 2))[:-2]
            if not size:
                break
        return status, body

    async def rest(self) -> bytes:
        """Return all that comes until the server hangs up."""
        return await self.reader.read()

    def hang_up(self) -> None:
        """Close the socket, both ways."""
        self.writer.close()


def run(
    handle: Handler,
    use: Callable[[Listener], Awaitable[T]],
    limits: Limits | None = None,
) -> T:
    """Serve while a test's coroutine runs; no task of the server outlives it."""

    async def bounded() -> T:
        listener = Listener("127.0.0.1", 0, limits or Limits())
        serving = asyncio.create_task(listener.serve(handle))
        try:
            async with asyncio.timeout(WAIT_S):
                return await use(listener)
        finally:
            await listener.close(0)
            await serving
            await Raw.close_all()

    return asyncio.run(bounded())


async def echo(exchange: Exchange) -> None:
    """Answer with what was asked, as JSON."""
    asked = exchange.request
    told = {
        "method": asked.method,
        "path": asked.path,
        "query": asked.query,
        "body": asked.body.decode("latin-1"),
    }
    exchange.respond(200, json.dumps(told).encode())


def error_of(body: bytes) -> dict[str, Any]:
    """Return the error of an error's body."""
    return json.loads(body)["error"]
