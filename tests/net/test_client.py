"""The HTTP client against a real server on loopback."""

import asyncio
import gzip
import socket

import pytest

from codex_oss.errors import (
    ConfigError,
    ServerFault,
    StreamCut,
    Unreachable,
)
from codex_oss.net import Client
from fake_server import WAIT_S, FakeServer, Reply, Scripted, closed_port
from with_client import LIMIT, run


def body_of(*script: Scripted, **kwargs: float) -> tuple[int, bytes]:
    """Post once and return status and body."""

    async def use(client: Client) -> tuple[int, bytes]:
        reply = await client.open("POST", server.url, body=b"{}", **kwargs)  # pyright: ignore[reportArgumentType]
        return reply.status, await reply.read(LIMIT)

    with FakeServer(script) as server:
        return run(use)


def answer(head: str, body: bytes = b"") -> Reply:
    return Reply(raw=head.replace("\n", "\r\n").encode() + b"\r\n" + body)


# --- framing -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"hello"),
        Reply(chunks=[b"he", b"l", b"lo"]),
        answer("HTTP/1.1 200 OK\ncontent-length: 5\n", b"hello and more"),
        answer("HTTP/1.1 200 OK\n", b"hello"),
        answer("HTTP/1.0 200 OK\n", b"hello"),
        answer(
            "HTTP/1.1 200 OK\ntransfer-encoding: chunked\n",
            b"5;ext=1\r\nhello\r\n0\r\nx-trailer: 1\r\n\r\n",
        ),
        answer(
            "HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nlink: x\n\n"
            "HTTP/1.1 200 OK\ncontent-length: 5\n",
            b"hello",
        ),
    ],
    ids=["length", "chunked", "excess", "until close", "http 1.0", "trailers", "1xx"],
)
def test_a_body_arrives_whole_however_it_is_framed(reply: Reply) -> None:
    assert body_of(reply) == (200, b"hello")


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip"])
def test_a_body_that_was_compressed_unasked_is_decompressed(encoding: str) -> None:
    text = b"hello " * 100_000
    packed = gzip.compress(text)
    reply = Reply(
        headers={"content-encoding": encoding}, chunks=[packed[:9], packed[9:]]
    )
    assert body_of(reply) == (200, text)


def test_a_compressed_body_that_ends_early_is_a_cut() -> None:
    packed = gzip.compress(b"hello " * 1000)[:-12]
    reply = Reply(headers={"content-encoding": "gzip"}, body=packed)
    with pytest.raises(StreamCut, match="ended early"):
        body_of(reply)


def test_an_encoding_that_nobody_asked_for_is_a_fault_of_the_server() -> None:
    with pytest.raises(ServerFault, match="'br'"):
        body_of(Reply(headers={"content-encoding": "br"}, body=b"x"))


def test_a_large_body_is_held_back_until_it_is_read() -> None:
    total, size = 64, 1024 * 1024

    async def use(client: Client) -> tuple[int, int]:
        reply = await client.open("POST", server.url)
        first = len(await reply.receive())
        rest = 0
        async for data in reply.chunks():
            rest = max(rest, len(data))
            first += len(data)
        return first, rest

    with FakeServer([Reply(chunks=[b"x" * size] * total)]) as server:
        received, largest = run(use)
    assert received == total * size
    assert largest < 2 * size  # not all of it at once


def test_read_returns_at_most_its_limit() -> None:
    async def use(client: Client) -> bytes:
        return await (await client.open("POST", server.url)).read(3)

    with FakeServer([Reply(body=b"hello")]) as server:
        assert run(use) == b"hel"


def test_the_request_is_sent_as_it_was_given() -> None:
    async def use(client: Client) -> None:
        headers = {"x-one": "1", "Accept": "text/event-stream"}.items()
        url = f"{server.url}/v1/a b?x=1&y=ä#part"
        await (await client.open("POST", url, headers=headers, body=b"{}")).read(LIMIT)
        await (await client.open("GET", server.url)).read(LIMIT)

    with FakeServer([Reply(body=b"")], get={"/": Reply(body=b"")}) as server:
        run(use)
    post, get = server.requests
    assert (post.method, post.path, post.body) == (
        "POST",
        "/v1/a%20b?x=1&y=%C3%A4",
        b"{}",
    )
    assert post.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": "2",
        "x-one": "1",
        "accept": "text/event-stream",
    }
    assert (get.path, get.headers) == (
        "/",
        {"host": f"127.0.0.1:{server.port}", "accept-encoding": "identity"},
    )


@pytest.mark.parametrize("value", ["sk-1\n", "sk-1\r\nx: y", "sk-“1”", "a\x00b"])
def test_a_header_that_http_cannot_carry_is_named_but_not_shown(value: str) -> None:
    async def use(client: Client) -> None:
        headers = [("authorization", value)]
        await client.open("GET", "http://127.0.0.1:9", headers=headers)

    with pytest.raises(ConfigError, match="'authorization'") as caught:
        run(use)
    assert "sk-1" not in caught.value.report()


# --- what goes wrong -----------------------------------------------------------------


def test_a_refused_connection_names_place_and_next_step() -> None:
    async def use(client: Client) -> None:
        await client.open("GET", f"http://localhost:{port}/v1")

    with closed_port() as port, pytest.raises(Unreachable) as caught:
        run(use)
    assert caught.value.report() == (
        f"cannot connect to localhost:{port}: connection refused\n"
        "Nothing listens there: start the server."
    )
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_a_host_that_does_not_exist_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    async def use(client: Client) -> None:
        await client.open("GET", "http://no-such-host.invalid/")

    with pytest.raises(Unreachable, match=r"no-such-host\.invalid:80: no such host"):
        run(use)


def test_a_connection_that_is_never_made_times_out() -> None:
    async def use(client: Client) -> None:
        # TLS to a server that says nothing: the handshake never ends.
        await client.open("GET", url, connect_s=0.05)

    async def serve() -> None:
        nonlocal url
        held: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, w: held.append(w), "127.0.0.1", 0)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        client = Client({})
        try:
            async with asyncio.timeout(WAIT_S):
                await use(client)
        finally:
            for writer in held:
                writer.close()
            server.close()
            await server.wait_closed()
            await client.close()

    url = ""
    with pytest.raises(Unreachable, match=r"no answer in 0\.05 s"):
        asyncio.run(serve())


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (Reply(raw=b""), "closed the connection before sending an answer"),
        (Reply(body=b"hello", cut=True), "before the end of an answer"),
        (Reply(chunks=[b"hel"], cut=True), "before the end of an answer"),
        (
            answer("HTTP/1.1 200 OK\ntransfer-encoding: chunked\n", b"zz\r\n"),
            "sent what is not HTTP",
        ),
    ],
    ids=["no answer", "within length", "within chunks", "broken chunk"],
)
def test_an_answer_that_ends_early_is_a_cut(reply: Reply, message: str) -> None:
    with pytest.raises(StreamCut, match=message):
        body_of(reply)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"),
        answer("HTTP/1.1 101 Switching Protocols\nupgrade: x\nconnection: upgrade\n"),
        answer("HTTP/1.1 200 OK\n" + "x-much: " + "m" * 70_000 + "\n"),
    ],
    ids=["another protocol", "upgrade", "endless headers"],
)
def test_a_server_that_does_not_speak_http_is_at_fault(reply: Reply) -> None:
    with pytest.raises(ServerFault):
        body_of(reply)


def test_silence_before_the_head_is_a_cut_only_if_a_limit_is_set() -> None:
    with pytest.raises(StreamCut, match=r"no answer from .* in 0\.05 s"):
        body_of(Reply(silent=True), first_byte_s=0.05)


def test_silence_inside_the_body_is_an_idle_timeout() -> None:
    with pytest.raises(StreamCut, match=r"^idle timeout waiting for SSE$"):
        body_of(Reply(chunks=[b"data: 1\n\n"], silent=True), idle_s=0.05)


@pytest.mark.parametrize("moment", ["before the head", "inside the body"])
def test_cancelling_closes_the_connection_at_once(moment: str) -> None:
    chunks = [b"data: 1\n\n"] if moment == "inside the body" else None

    async def use(client: Client) -> bool:
        asked = asyncio.Event()

        async def ask() -> None:
            if chunks is None:
                asked.set()
            reply = await client.open("POST", server.url)
            asked.set()
            await reply.receive()
            await reply.receive()

        task = asyncio.create_task(ask())
        await asked.wait()
        await asyncio.to_thread(server.wait_requests, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(server.requests[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=chunks, silent=True)]) as server:
        assert run(use)
