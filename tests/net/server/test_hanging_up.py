"""Clients that go away, go slow, or say no more: who is cancelled and who answered."""

import asyncio
import contextlib

import pytest

from codex_oss.net.server import Exchange, Limits, Listener
from fake_server import WAIT_S
from with_server import GET, Raw, echo, error_of, post, run


class Waiting:
    """A handler that waits for ever, and notes how it ended."""

    def __init__(self, *, start: bool) -> None:
        self._start = start
        self.running = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.exchange: Exchange | None = None

    async def __call__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        if self._start:
            exchange.start(200, content_type="text/event-stream")
            exchange.write(b"first")
        self.running.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert exchange.gone
            self.cancelled.set()


@pytest.mark.parametrize("start", [False, True], ids=["before", "within"])
@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
def test_a_client_that_goes_away_cancels_its_handler(
    *, start: bool, reset: bool
) -> None:
    handler = Waiting(start=start)

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await handler.running.wait()
        if start:
            await raw.answer(head_only=True)
            await raw.reader.readexactly(10)
        if reset:
            raw.writer.transport.abort()
        else:
            raw.hang_up()
        async with asyncio.timeout(0.5 * WAIT_S):
            await handler.cancelled.wait()

    run(handler, use)


def test_what_is_written_to_a_client_that_is_gone_is_dropped() -> None:
    written = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/plain")
        try:
            await asyncio.Event().wait()
        finally:
            assert exchange.write(b"x")
            await exchange.ready()
            exchange.finish()
            written.set()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await raw.answer(head_only=True)
        raw.hang_up()
        await written.wait()

    run(handle, use)


def test_a_client_that_only_ends_its_side_is_answered() -> None:
    probed = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        await probed.wait()
        exchange.respond(200, b"answer")

    async def use(listener: Listener) -> tuple[int, bytes]:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        raw.writer.write_eof()
        assert (await raw.answer())[0] == 100
        probed.set()
        while (answer := await raw.answer())[0] == 100:
            pass
        assert raw.headers["connection"] == "close"
        assert await raw.rest() == b""
        return answer

    assert run(handle, use) == (200, b"answer")


def test_a_client_that_only_ends_its_side_gets_the_rest_of_an_answer() -> None:
    probed = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/plain")
        exchange.write(b"a")
        await probed.wait()
        exchange.write(b"b")
        exchange.finish()

    async def use(listener: Listener) -> bytes:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await raw.answer(head_only=True)
        assert await raw.reader.readexactly(6) == b"1\r\na\r\n"
        raw.writer.write_eof()
        assert await raw.reader.readexactly(1) == b"0"
        probed.set()
        size = await raw.reader.readuntil(b"\r\n")
        assert int(size, 16) == 1
        assert await raw.reader.readexactly(3) == b"b\r\n"
        return await raw.rest()

    assert run(handle, use).lstrip(b"0") == b"\r\n\r\n"


def test_all_requests_of_a_client_that_says_no_more_are_answered() -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET * 3)
        raw.writer.write_eof()
        closes: list[bool] = []
        while len(closes) < 3:
            status, _ = await raw.answer()
            if status != 100:
                closes.append("connection" in raw.headers)
        assert closes == [False, False, True]
        assert await raw.rest() == b""

    run(echo, use)


def test_a_client_that_does_not_read_is_waited_for_and_holds_little_memory() -> None:
    piece = b"x" * 65536
    full = asyncio.Event()
    done = asyncio.Event()
    written = 0

    async def handle(exchange: Exchange) -> None:
        nonlocal written
        exchange.start(200, content_type="text/plain")
        await asyncio.sleep(0)
        while written < 150:
            written += 1
            if not exchange.write(piece):
                full.set()
                await exchange.ready()
        exchange.finish()
        done.set()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port, kernel_bytes=65536)
        raw.send(GET)
        await full.wait()
        assert not done.is_set()
        # What the kernel holds to send (4 MB on Linux) and a few pieces of ours.
        assert written < 100
        status, body = await raw.answer()
        assert (status, len(body)) == (200, 150 * len(piece))

    run(handle, use)


# --- time ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "limits"),
    [
        (b"GET / HT", Limits(head_s=0.05)),
        (post(b"hello")[:-2], Limits(body_s=0.05)),
    ],
    ids=["head", "body"],
)
def test_a_request_that_comes_too_slowly_is_refused(
    sent: bytes, limits: Limits
) -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(sent)
        status, body = await raw.answer()
        assert (status, raw.headers["connection"]) == (408, "close")
        assert "Send it again" in error_of(body)["message"]

    run(echo, use, limits)


@pytest.mark.parametrize("asked", [False, True], ids=["never", "not again"])
def test_a_client_that_asks_nothing_is_hung_up_on(*, asked: bool) -> None:
    async def use(listener: Listener) -> bytes:
        raw = await Raw.connect(listener.port)
        if asked:
            raw.send(GET)
            await raw.answer()
        return await raw.rest()

    assert run(echo, use, Limits(head_s=0.5, idle_s=0.5)) == b""


def test_a_handler_may_take_longer_than_a_request_may() -> None:
    asked, late = asyncio.Event(), asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        asked.set()
        await late.wait()
        exchange.respond(200, b"late")

    async def use(listener: Listener) -> tuple[int, bytes]:
        raw = await Raw.connect(listener.port)
        raw.send(post(b"hello"))
        await asked.wait()
        # The time of one that came after it, and asks nothing, is over.
        assert await (await Raw.connect(listener.port)).rest() == b""
        late.set()
        return await raw.answer()

    limits = Limits(head_s=0.5, body_s=0.5, idle_s=0.5)
    assert run(handle, use, limits) == (200, b"late")


def test_a_client_that_takes_nothing_for_too_long_is_gone() -> None:
    cancelled = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/plain")
        try:
            while True:
                exchange.write(b"x" * 65536)
                await exchange.ready()
        finally:
            cancelled.set()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await cancelled.wait()
        raw.hang_up()

    run(handle, use, Limits(stall_s=0.05))


# --- room ----------------------------------------------------------------------------


def test_a_client_for_whom_there_is_no_room_is_told_so() -> None:
    async def use(listener: Listener) -> None:
        first = await Raw.connect(listener.port)
        first.send(GET)
        assert (await first.answer())[0] == 200
        second = await Raw.connect(listener.port)
        second.send(post(b"x" * 100_000))
        status, body = await second.answer()
        assert (status, error_of(body)["type"]) == (503, "server_error")
        assert await second.rest() == b""
        second.hang_up()
        first.hang_up()
        third = (503, b"")
        while third[0] == 503:
            raw = await Raw.connect(listener.port)
            raw.send(GET)
            with contextlib.suppress(asyncio.IncompleteReadError):
                third = await raw.answer()
        assert third[0] == 200

    run(echo, use, Limits(connections=1))
