"""Several exchanges: the pool of connections, redirects, small questions."""

import asyncio
import contextlib

import pytest

from codex_oss.errors import (
    BadRequest,
    NotFound,
    ServerFault,
    StreamCut,
    Unauthorized,
)
from codex_oss.net import Client
from fake_server import WAIT_S, FakeServer, Gate, Reply
from with_client import LIMIT, run


def answer(head: str, body: bytes = b"") -> Reply:
    return Reply(raw=head.replace("\n", "\r\n").encode() + b"\r\n" + body)


# --- the pool ------------------------------------------------------------------------


async def ask_twice(client: Client, url: str) -> list[bytes]:
    return [await (await client.open("POST", url)).read(LIMIT) for _ in range(2)]


@pytest.mark.parametrize(
    ("reply", "connections"),
    [
        (Reply(body=b"x"), 1),
        (Reply(chunks=[b"x"]), 1),
        (Reply(headers={"connection": "close"}, body=b"x"), 2),
        (Reply(body=b"x", close=True), 2),
        (answer("HTTP/1.1 200 OK\n", b"x"), 2),
    ],
    ids=["length", "chunked", "said close", "silent close", "until close"],
)
def test_a_connection_is_kept_when_its_answer_was_read_to_the_end(
    reply: Reply, connections: int
) -> None:
    with FakeServer([reply]) as server:
        assert run(lambda client: ask_twice(client, server.url)) == [b"x", b"x"]
    assert server.connections == connections


def test_a_kept_connection_that_dies_unanswered_is_replaced_once() -> None:
    with FakeServer([Reply(body=b"1"), Reply(raw=b""), Reply(body=b"2")]) as server:
        assert run(lambda client: ask_twice(client, server.url)) == [b"1", b"2"]
    assert (len(server.requests), server.connections) == (3, 2)


def test_a_new_connection_that_dies_unanswered_is_not_replaced() -> None:
    with FakeServer([Reply(raw=b"")]) as server, pytest.raises(StreamCut):
        run(lambda client: ask_twice(client, server.url))
    assert len(server.requests) == 1


def test_a_kept_connection_that_dies_within_its_answer_is_not_asked_again() -> None:
    script = [Reply(body=b"1"), Reply(raw=b"HTTP/1.1 200"), Reply(body=b"2")]
    with FakeServer(script) as server, pytest.raises(StreamCut):
        run(lambda client: ask_twice(client, server.url))
    assert len(server.requests) == 2


def test_a_released_connection_is_used_again_once_its_answer_has_ended() -> None:
    gate = Gate()

    async def use(client: Client) -> None:
        reply = await client.open("POST", server.url)
        assert await reply.receive() == b"last event"
        reply.release()
        gate.open()
        while not client.idle_connections:  # noqa: ASYNC110  bounded by run()
            await asyncio.sleep(0)
        await (await client.open("POST", server.url)).read(LIMIT)

    with FakeServer([Reply(chunks=[b"last event", gate]), Reply(body=b"")]) as server:
        run(use)
    assert server.connections == 1


def test_a_closed_reply_takes_its_connection_with_it() -> None:
    async def use(client: Client) -> bool:
        with await client.open("POST", server.url) as reply:
            await reply.receive()
        return await asyncio.to_thread(server.requests[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=[b"x"], silent=True)]) as server:
        assert run(use)


def test_an_answer_to_head_has_no_body() -> None:
    async def use(client: Client) -> tuple[str, bytes]:
        reply = await client.open("HEAD", f"{server.url}/x")
        return reply.headers["content-length"], await reply.read(LIMIT)

    with FakeServer(get={"/x": Reply(body=b"hello")}) as server:
        assert run(use) == ("5", b"")


def test_connections_at_the_same_time_are_separate() -> None:
    async def use(client: Client) -> list[bytes]:
        async def one(path: str) -> bytes:
            reply = await client.open("GET", server.url + path)
            return await reply.read(LIMIT)

        return list(await asyncio.gather(one("/a"), one("/b")))

    pages = {"/a": Reply(body=b"a"), "/b": Reply(body=b"b")}
    with FakeServer(get=pages) as server:
        assert run(use) == [b"a", b"b"]


# --- redirects -----------------------------------------------------------------------


def test_a_redirect_is_followed_and_keeps_the_key_from_another_host() -> None:
    async def use(client: Client) -> bytes:
        headers = [("Authorization", "Bearer secret"), ("range", "bytes=5-")]
        reply = await client.open("GET", f"{one.url}/a", headers=headers, follow=3)
        assert str(reply.url) == f"{two.url}/c"
        return await reply.read(LIMIT)

    with FakeServer(get={"/c": Reply(status=206, body=b"file")}) as two:
        hops = {
            "/a": Reply(status=302, headers={"location": "/b"}),
            "/b": Reply(status=307, headers={"location": f"{two.url}/c"}),
        }
        with FakeServer(get=hops) as one:
            assert run(use) == b"file"
    assert [r.headers.get("authorization") for r in one.requests] == [
        "Bearer secret"
    ] * 2
    assert [r.headers.get("range") for r in one.requests] == ["bytes=5-"] * 2
    [last] = two.requests
    assert "authorization" not in last.headers
    assert last.headers["range"] == "bytes=5-"


@pytest.mark.parametrize(
    ("status", "method"), [(303, "GET"), (302, "GET"), (308, "POST")]
)
def test_a_redirected_post_keeps_its_method_only_where_told(
    status: int, method: str
) -> None:
    async def use(client: Client) -> bytes:
        url = f"{server.url}/a"
        return await (await client.open("POST", url, body=b"x", follow=1)).read(LIMIT)

    hop = Reply(status=status, headers={"location": "/b"})
    end = Reply(body=b"end")
    with FakeServer(get={"/b": end}, post={"/a": hop, "/b": end}) as server:
        assert run(use) == b"end"
    last = server.requests[-1]
    assert (last.method, last.body) == (method, b"x" if method == "POST" else b"")


def test_redirects_are_followed_as_often_as_was_said() -> None:
    async def use(client: Client) -> None:
        await client.open("GET", f"{server.url}/a", follow=2)

    loop = Reply(status=302, headers={"location": "/a"})
    with FakeServer(get={"/a": loop}) as server, pytest.raises(BadRequest):
        run(use)
    assert len(server.requests) == 3


def test_a_redirect_is_an_answer_when_none_is_to_be_followed() -> None:
    async def use(client: Client) -> int:
        with await client.open("POST", server.url) as reply:
            return reply.status

    with FakeServer([Reply(status=302, headers={"location": "/b"})]) as server:
        assert run(use) == 302


# --- JSON ----------------------------------------------------------------------------


def test_json_goes_there_and_back() -> None:
    async def use(client: Client) -> object:
        return await client.post_json(f"{server.url}/api", {"ask": [1]})

    with FakeServer(post={"/api": {"told": [2]}}) as server:
        assert run(use) == {"told": [2]}
    assert server.requests[0].json == {"ask": [1]}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=404, body=b"nothing"), NotFound),
        (Reply(status=401, body=b""), Unauthorized),
        (Reply(status=503, body=b"busy"), ServerFault),
        (Reply(status=400, body=b"bad"), BadRequest),
        (Reply(body=b"<html>"), ServerFault),
    ],
    ids=["404", "401", "503", "400", "not JSON"],
)
def test_a_small_question_raises_by_status(reply: Reply, kind: type[Exception]) -> None:
    with FakeServer(get={"/x": reply}) as server, pytest.raises(kind, match="GET http"):
        run(lambda client: client.get_json(f"{server.url}/x"))


def test_a_small_question_is_not_waited_for_longer_than_allowed() -> None:
    with (
        FakeServer(get={"/x": Reply(silent=True)}) as server,
        pytest.raises(StreamCut, match=r"no whole answer in 0\.05 s"),
    ):
        run(lambda client: client.get_json(f"{server.url}/x", timeout_s=0.05))


@pytest.mark.parametrize(
    ("reply", "cut"),
    [(Reply(body=b"whole"), False), (Reply(chunks=[b"half"], cut=True), True)],
)
def test_who_wants_to_know_is_told_once_how_an_exchange_ended(
    reply: Reply, *, cut: bool
) -> None:
    ends: list[bool] = []

    async def use(client: Client) -> None:
        with contextlib.suppress(StreamCut), await client.open("GET", f"{url}/x") as it:
            it.at_end(ends.append)
            await it.read(LIMIT)

    with FakeServer(get={"/x": reply}) as server:
        url = server.url
        run(use)
    assert ends == [cut]
