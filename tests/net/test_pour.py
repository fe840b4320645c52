"""Pouring an answer: pushed as it comes, held back when nobody takes it, cut, ended."""

import asyncio
import gzip

import pytest

from codex_oss.errors import StreamCut
from codex_oss.net import Client
from fake_server import WAIT_S, FakeServer, Gate, Reply
from with_client import run


class Sink:
    """Where a test's answer is poured: says "full" when told to."""

    def __init__(self, *, full_after: int = 1_000_000_000) -> None:
        self.pieces: list[bytes] = []
        self.waits = 0
        self._full_after = full_after
        self._poured = 0

    def put(self, data: bytes) -> bool:
        assert data
        self.pieces.append(data)
        self._poured += len(data)
        return self._poured < self._full_after

    async def ready(self) -> None:
        self.waits += 1
        self._poured = 0
        await asyncio.sleep(0)

    @property
    def all(self) -> bytes:
        return b"".join(self.pieces)


async def never() -> None:
    await asyncio.Event().wait()


async def pour(client: Client, url: str, sink: Sink, *, idle_s: float = WAIT_S) -> None:
    with await client.open("POST", url, body=b"x", idle_s=idle_s) as reply:
        await reply.pour(sink.put, sink.ready)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"whole"),
        Reply(chunks=[b"who", b"le"]),
        Reply(raw=b"HTTP/1.1 200 OK\r\n\r\nwhole"),
    ],
    ids=["length", "chunked", "until close"],
)
def test_a_body_is_poured_to_its_end(reply: Reply) -> None:
    sink = Sink()
    with FakeServer([reply]) as server:
        run(lambda client: pour(client, server.url, sink))
    assert sink.all == b"whole"


def test_a_body_without_bytes_is_poured_at_once() -> None:
    sink = Sink()
    with FakeServer([Reply(body=b"")]) as server:
        run(lambda client: pour(client, server.url, sink))
    assert sink.pieces == []


def test_what_was_received_before_comes_first_and_pieces_come_at_once() -> None:
    first, second = Gate(), Gate()
    got = asyncio.Event()
    sink = Sink()

    def put(data: bytes) -> bool:
        sink.put(data)
        got.set()
        return True

    async def use(client: Client) -> None:
        reply = await client.open("POST", server.url)
        assert await reply.receive() == b"one"
        pouring = asyncio.create_task(reply.pour(put, sink.ready))
        for gate, so_far in ((first, b"two"), (second, b"twothree")):
            gate.open()
            await got.wait()
            got.clear()
            assert sink.all == so_far
        await pouring
        reply.close()
        assert client.idle_connections == 1

    chunks: list[bytes | Gate] = [b"one", first, b"two", second, b"three"]
    with FakeServer([Reply(chunks=chunks)]) as server:
        run(use)


def test_a_compressed_answer_is_poured_plain() -> None:
    packed = gzip.compress(b"plain " * 1000)
    headers = {"content-encoding": "gzip"}
    reply = Reply(headers=headers, chunks=[packed[:10], packed[10:]])
    sink = Sink(full_after=1)
    with FakeServer([reply]) as server:
        run(lambda client: pour(client, server.url, sink))
    assert sink.all == b"plain " * 1000
    assert sink.waits > 0


@pytest.mark.parametrize("full_after", [1, 300_000])
def test_nothing_is_read_while_the_taker_is_full(full_after: int) -> None:
    sink = Sink(full_after=full_after)
    body = b"0123456789" * 200_000
    with FakeServer([Reply(body=body)]) as server:
        run(lambda client: pour(client, server.url, sink))
    assert sink.all == body
    assert sink.waits > 0


def test_a_taker_that_is_full_holds_the_sender_back() -> None:
    free = asyncio.Event()
    full = asyncio.Event()
    taken = 0

    async def freed() -> None:
        await free.wait()

    def put(data: bytes) -> bool:
        nonlocal taken
        taken += len(data)
        full.set()
        return free.is_set()

    async def use(client: Client) -> None:
        with await client.open("POST", server.url) as reply:
            pouring = asyncio.create_task(reply.pour(put, freed))
            await full.wait()
            before = taken
            # A question on another connection: there was time for more to come.
            await (await client.open("GET", f"{server.url}/b")).read(10)
            assert taken == before
            free.set()
            await pouring

    body = b"x" * 30_000_000
    with FakeServer([Reply(body=body)], get={"/b": Reply(body=b"b")}) as server:
        run(use)
    assert taken == len(body)


def test_a_connection_that_ended_while_the_taker_was_full_is_used_again() -> None:
    async def use(client: Client) -> None:
        for _ in range(3):
            await pour(client, server.url, Sink(full_after=1))

    with FakeServer([Reply(body=b"x" * 100)]) as server:
        run(use)
    assert server.connections == 1


# --- ends ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [Reply(chunks=[b"half"], cut=True), Reply(chunks=[b"half"], silent=True)]
)
def test_an_answer_that_is_cut_or_silent_is_an_error(reply: Reply) -> None:
    sink = Sink()
    with FakeServer([reply]) as server, pytest.raises(StreamCut):
        run(lambda client: pour(client, server.url, sink, idle_s=1.0))
    assert sink.all == b"half"


def test_silence_counts_from_the_last_piece_and_not_while_the_taker_is_full() -> None:
    sink = Sink(full_after=1)

    async def slowly() -> None:
        await asyncio.sleep(2.2)

    async def use(client: Client) -> None:
        with await client.open("POST", server.url, idle_s=2.0) as reply:
            await reply.pour(sink.put, slowly)

    with FakeServer([Reply(chunks=[b"a", b"b"])]) as server:
        run(use)
    assert sink.all == b"ab"


@pytest.mark.parametrize("held", [True, False], ids=["held bytes", "new bytes"])
def test_what_the_taker_raises_is_raised_and_closes_the_socket(*, held: bool) -> None:
    gate = Gate()

    def put(data: bytes) -> bool:
        raise KeyError(data)

    async def use(client: Client) -> bool:
        reply = await client.open("POST", server.url)
        if not held:
            assert await reply.receive() == b"a"
        pouring = asyncio.create_task(reply.pour(put, never))
        gate.open()
        with pytest.raises(KeyError, match=r"b'[ab]+'"):
            await pouring
        return await asyncio.to_thread(server.requests[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=[b"a", gate, b"b"], silent=True)]) as server:
        assert run(use)


def test_cancelling_closes_the_socket_at_once() -> None:
    got = asyncio.Event()

    def put(data: bytes) -> bool:
        got.set()
        return True

    async def use(client: Client) -> bool:
        reply = await client.open("POST", server.url)
        pouring = asyncio.create_task(reply.pour(put, never))
        await got.wait()
        pouring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pouring
        return await asyncio.to_thread(server.requests[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=[b"x"], silent=True)]) as server:
        assert run(use)


@pytest.mark.parametrize("first", [True, False], ids=["held bytes", "new bytes"])
def test_the_taker_may_end_the_pouring_and_keep_the_connection(*, first: bool) -> None:
    gate, end = Gate(), Gate()

    async def use(client: Client) -> None:
        reply = await client.open("POST", server.url)

        def put(data: bytes) -> bool:
            reply.release()
            return True

        if not first:
            assert await reply.receive() == b"a"
        gate.open()
        await reply.pour(put, never)
        end.open()
        while not client.idle_connections:  # noqa: ASYNC110  bounded by run()
            await asyncio.sleep(0)
        again = Sink()
        await pour(client, server.url, again)
        assert again.all == b"again"

    script = [Reply(chunks=[b"a", gate, b"b", end]), Reply(body=b"again")]
    with FakeServer(script) as server:
        run(use)
    assert server.connections == 1
