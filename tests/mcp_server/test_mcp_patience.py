"""Clients over HTTP that open connections, and say half of something."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from codex_oss.mcp_server import patience
from mcp_http_peer import HttpPeer, serving
from mcp_opener import Opener, calls, says

WAIT_S = 60.0
SHORT_S = 0.2
LONGER_S = 1.0
"""Where something else must be done in time."""
POST = b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
BAD = b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Lines = Callable[[], Awaitable[Line]]


@asynccontextmanager
async def lines(url: str) -> AsyncGenerator[Lines]:
    """Give what opens connections that know no protocol."""
    made: list[asyncio.StreamWriter] = []
    place = urlsplit(url)

    async def line() -> Line:
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        made.append(writer)
        return reader, writer

    try:
        yield line
    finally:
        for each in made:
            each.transport.abort()


def told(*sent: bytes) -> bytes:
    """Say something, part by part, and return all that is answered until the end."""

    async def talk() -> bytes:
        async with (
            asyncio.timeout(WAIT_S),
            serving(Opener()) as url,
            lines(url) as line,
        ):
            reader, writer = await line()
            answers: list[bytes] = []
            for part in sent:
                if answers or part is not sent[0]:
                    answers.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(part)
                await writer.drain()
            return b"".join([*answers, await reader.read()])

    return asyncio.run(talk())


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        b"POST /mc",
        POST,
        POST + b"Content-Length: 9\r\n\r\n",
        POST + b'Content-Length: 9\r\n\r\n{"id',
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    ],
    ids=["nothing", "line", "word", "head", "body", "half body", "chunk"],
)
def test_half_a_request_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(patience, "HEAD_S", SHORT_S)
    monkeypatch.setattr(patience, "BODY_S", SHORT_S)
    assert told(sent).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_neither_is_what_comes_after_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", LONGER_S)
    monkeypatch.setattr(patience, "BODY_S", LONGER_S)
    body = BAD + b"Content-Length: 9\r\n\r\n"
    for sent in (b"\r\n", b"GET /"):
        answered = told(BAD + b"\r\n", sent)
        assert answered.startswith(b"HTTP/1.1 404 ")
        assert b"HTTP/1.1 408 " in answered
    assert b"HTTP/1.1 408 " in told(body)


@pytest.mark.parametrize(
    "sent",
    [
        POST + b"X: " + b"x" * 300_000,
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 300_000,
    ],
    ids=["head", "trailer"],
)
def test_a_head_without_end_is_not_kept(sent: bytes) -> None:
    # It may end before all was sent; then the kernel forgets the answer.
    with contextlib.suppress(ConnectionError):
        assert told(sent).startswith(b"HTTP/1.1 431 ")


def test_what_takes_long_to_answer_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_S", LONGER_S)
    monkeypatch.setattr(patience, "BODY_S", LONGER_S)

    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"))
        async with asyncio.timeout(WAIT_S), serving(opener) as url, lines(url) as line:
            peer = await HttpPeer(url).begin()
            async with peer.call("codex") as answer:
                await opener.wait.begun.wait()
                # Longer than a request may take: another one is ended meanwhile.
                reader, _ = await line()
                assert b" 408 " in await reader.read()
                opener.wait.go.set()
                result = await answer.result()
            assert result["structuredContent"]["content"] == "done"
            await peer.close()

    asyncio.run(talk())


def test_one_connection_too_many_is_told_to_come_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "MAX_CONNECTIONS", 2)

    async def talk() -> None:
        async with (
            asyncio.timeout(WAIT_S),
            serving(Opener()) as url,
            lines(url) as line,
        ):
            first, second, third = [await line() for _ in range(3)]
            assert (await third[0].read()).startswith(b"HTTP/1.1 503 ")
            for _, writer in (first, second):
                writer.write(BAD + b"Connection: close\r\n\r\n")
            for reader, _ in (first, second):
                assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
            again, writer = await line()
            writer.write(BAD + b"Connection: close\r\n\r\n")
            assert (await again.read()).startswith(b"HTTP/1.1 404 ")

    asyncio.run(talk())
