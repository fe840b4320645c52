"""Answers on the wire: whole ones, chunked ones, and what a handler may not do."""

import asyncio
import sys
from pathlib import Path

import pytest

from codex_oss.net.server import Exchange, Limits, Listener
from with_server import GET, Raw, echo, error_of, post, run


def test_a_whole_answer_says_its_length_and_the_connection_is_kept() -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        for body in (b"one", b""):
            raw.send(post(body))
            status, told = await raw.answer()
            assert (status, raw.headers["content-type"]) == (200, "application/json")
            assert f'"body": "{body.decode()}"'.encode() in told
            assert "connection" not in raw.headers
            assert raw.headers["date"].endswith(" GMT")

    run(echo, use)


def test_a_client_that_asks_to_close_is_told_so_and_hung_up_on() -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        assert (await raw.answer())[0] == 200
        assert raw.headers["connection"] == "close"
        assert await raw.rest() == b""

    run(echo, use)


def test_head_is_answered_without_a_body() -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.request.path == "/whole":
            exchange.respond(200, b"hello")
            return
        exchange.start(200, content_type="text/plain")
        exchange.write(b"hello")
        exchange.finish()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(b"HEAD /whole HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await raw.answer(head_only=True))[0] == 200
        assert raw.headers["content-length"] == "5"
        raw.send(b"HEAD /parts HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await raw.answer(head_only=True))[0] == 200
        raw.send(b"GET /whole HTTP/1.1\r\nhost: x\r\n\r\n")
        assert await raw.answer() == (200, b"hello")

    run(handle, use)


def test_an_answer_without_content_has_neither_length_nor_type() -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.respond(204, b"", content_type="", headers=(("allow", "GET"),))

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        assert await raw.answer(head_only=True) == (204, b"")
        assert sorted(raw.headers) == ["allow", "date"]

    run(handle, use)


def test_an_answer_in_pieces_is_chunked_and_its_pieces_arrive_at_once() -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/event-stream", headers=(("x-a", "1"),))
        await seen.wait()
        assert exchange.write(b"one")
        assert exchange.write(b"")
        await asyncio.sleep(0)
        assert exchange.write(b"two")
        exchange.finish()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        assert (await raw.answer(head_only=True))[0] == 200
        assert (raw.headers["content-type"], raw.headers["x-a"]) == (
            "text/event-stream",
            "1",
        )
        seen.set()
        assert await raw.reader.readexactly(21) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        raw.send(GET)
        assert await raw.answer() == (200, b"onetwo")

    seen = asyncio.Event()
    run(handle, use)


def test_an_answer_that_is_there_at_once_is_one_write() -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/plain")
        exchange.write(b"one")
        exchange.write(b"two")
        exchange.finish()

    async def use(listener: Listener) -> bytes:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        # Loopback gives a reader what was written together.
        data = await raw.reader.read(1000)
        return data[-21:]

    assert run(handle, use) == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [("x-a", "1\r\nset-cookie: a=b"), ("x-a", "a\nb"), ("x a", "1"), ("", "1")],
)
def test_a_header_that_breaks_out_is_refused(name: str, value: str) -> None:
    async def handle(exchange: Exchange) -> None:
        with pytest.raises(ValueError, match="header"):
            exchange.respond(200, b"", headers=((name, value),))
        with pytest.raises(ValueError, match="header"):
            exchange.start(200, content_type="a\r\nb")
        exchange.respond(200, b"still")

    async def use(listener: Listener) -> tuple[int, bytes]:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        return await raw.answer()

    assert run(handle, use) == (200, b"still")


def test_an_answer_is_given_once() -> None:
    async def handle(exchange: Exchange) -> None:
        with pytest.raises(ValueError, match="not started"):
            exchange.write(b"x")
        with pytest.raises(ValueError, match="not started"):
            exchange.finish()
        exchange.respond(200, b"once")
        with pytest.raises(ValueError, match="second answer"):
            exchange.respond(200, b"twice")
        with pytest.raises(ValueError, match="is over"):
            exchange.write(b"x")

    async def use(listener: Listener) -> tuple[int, bytes]:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        return await raw.answer()

    assert run(handle, use) == (200, b"once")


# --- what a handler leaves undone ----------------------------------------------------


def test_a_handler_that_does_not_answer_is_answered_for() -> None:
    async def handle(exchange: Exchange) -> None:
        pass

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        status, body = await raw.answer()
        assert (status, error_of(body)["type"]) == (500, "server_error")
        assert await raw.rest() == b""

    run(handle, use)


def test_a_handler_that_raises_is_answered_for_and_its_error_is_reported() -> None:
    reported: list[object] = []

    async def handle(exchange: Exchange) -> None:
        raise KeyError("bug")

    async def use(listener: Listener) -> int:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: reported.append(told["exception"]))
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        status, _ = await raw.answer()
        return status

    assert run(handle, use) == 500
    assert [repr(error) for error in reported] == ["KeyError('bug')"]


def test_half_an_answer_is_cut_and_not_ended() -> None:
    async def handle(exchange: Exchange) -> None:
        exchange.start(200, content_type="text/plain")
        exchange.write(b"half")
        await asyncio.sleep(0)

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await raw.answer()

    run(handle, use)


# --- requests in a row ---------------------------------------------------------------


def test_requests_that_come_at_once_are_answered_in_order() -> None:
    running: list[str] = []

    async def handle(exchange: Exchange) -> None:
        running.append(exchange.request.path)
        assert len(running) == 1
        await asyncio.sleep(0)
        exchange.respond(200, running.pop().encode())

    async def use(listener: Listener) -> list[bytes]:
        raw = await Raw.connect(listener.port)
        raw.send(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % i for i in range(9)))
        raw.send(b"GET /bad HTTP/1.0\r\n\r\n")
        answers = [await raw.answer() for _ in range(9)]
        status, body = await raw.answer()
        assert (status, raw.headers["connection"]) == (400, "close")
        assert "HTTP/1.1" in error_of(body)["message"]
        return [body for _, body in answers]

    assert run(handle, use) == [b"/%d" % i for i in range(9)]


def test_a_client_far_ahead_of_its_answers_is_not_read_until_they_are_given() -> None:
    gate = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        await gate.wait()
        exchange.respond(200, str(len(exchange.request.body)).encode())

    async def use(listener: Listener) -> list[tuple[int, bytes]]:
        raw = await Raw.connect(listener.port)
        for _ in range(12):
            raw.send(post(b"x" * 1_000_000))
        # The kernel's buffers take a few of them at most.
        assert raw.writer.transport.get_write_buffer_size() > 1_000_000
        gate.set()
        return [await raw.answer() for _ in range(12)]

    assert run(handle, use) == [(200, b"1000000")] * 12


@pytest.mark.skipif(sys.platform != "linux", reason="counts files by /proc")
def test_a_thousand_requests_leave_nothing_open() -> None:
    def open_files() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    async def use(listener: Listener) -> tuple[int, int]:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await raw.answer()
        before = open_files()
        for _ in range(900):
            raw.send(GET)
            assert (await raw.answer())[0] == 200
        for _ in range(100):
            other = await Raw.connect(listener.port)
            other.send(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert (await other.answer())[0] == 200
            assert await other.rest() == b""
            other.hang_up()
            await other.writer.wait_closed()
        return before, open_files()

    before, after = run(echo, use)
    assert after <= before + 1


# --- bodies --------------------------------------------------------------------------


def test_a_client_that_waits_for_a_word_gets_it_before_its_body() -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        head, body = post(b"hello", "expect: 100-continue")[:-5], b"hello"
        raw.send(head)
        assert (await raw.answer())[0] == 100
        raw.send(body)
        status, told = await raw.answer()
        assert status == 200
        assert b'"body": "hello"' in told

    run(echo, use)


def test_a_client_that_waits_with_too_much_is_refused_without_sending_it() -> None:
    async def use(listener: Listener) -> int:
        raw = await Raw.connect(listener.port)
        raw.send(
            b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
            b"content-length: 99\r\n\r\n"
        )
        return (await raw.answer())[0]

    assert run(echo, use, Limits(body_bytes=10)) == 413


def test_a_client_that_sends_too_much_can_still_read_why() -> None:
    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(post(b"x" * 3_000_000))
        status, body = await raw.answer()
        assert (status, raw.headers["connection"]) == (413, "close")
        assert "Send a smaller request" in error_of(body)["message"]
        assert await raw.rest() == b""

    run(echo, use, Limits(body_bytes=1000))
