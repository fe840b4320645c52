"""The port: taken at once, refused with a reason, and given back."""

import asyncio
import socket

import pytest

from codex_oss.errors import ConfigError
from codex_oss.net.server import Exchange, Limits, Listener
from fake_server import WAIT_S
from with_server import GET, Raw, echo, error_of, run


def test_a_client_may_come_before_the_server_is_ready() -> None:
    listener = Listener("127.0.0.1", 0, Limits())
    with socket.create_connection(("127.0.0.1", listener.port)) as early:
        early.sendall(GET)

        async def answered() -> bytes:
            serving = asyncio.create_task(listener.serve(echo))
            async with asyncio.timeout(WAIT_S):
                data = await asyncio.to_thread(early.recv, 100)
                await listener.close(0)
                await serving
            return data

        assert asyncio.run(answered()).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "::1", "::"])
def test_a_port_is_had_on_any_kind_of_address(host: str) -> None:
    if ":" in host and not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        listener = Listener(host, 0, Limits())
    except ConfigError as error:
        assert ":" in host
        pytest.skip(f"this machine has no IPv6: {error}")
    assert listener.port > 0
    asyncio.run(listener.close(0))
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as caught:
            Listener("127.0.0.1", port, Limits())
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1:{port}: address already in use"
    )
    assert "another port" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70000, "70000 is not a port"),
        ("no-such-host.invalid", 0, r"no-such-host\.invalid:0: no such host"),
        ("192.0.2.1", 0, r"192\.0\.2\.1:0: this machine does not have that address"),
    ],
)
def test_what_cannot_be_listened_on_is_explained(
    host: str, port: int, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        Listener(host, port, Limits())
    assert caught.value.hint


# --- closing -------------------------------------------------------------------------


def test_closing_lets_a_running_answer_end_and_hangs_up_on_the_others() -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        running.set()
        await go_on.wait()
        exchange.respond(200, b"whole")

    async def use(listener: Listener) -> None:
        idle = await Raw.connect(listener.port)
        busy = await Raw.connect(listener.port)
        busy.send(GET)
        await running.wait()
        closing = asyncio.create_task(listener.close(WAIT_S))
        assert await idle.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await Raw.connect(listener.port)
        go_on.set()
        assert await busy.answer() == (200, b"whole")
        assert busy.headers["connection"] == "close"
        assert await busy.rest() == b""
        await closing

    run(handle, use)


def test_closing_cancels_what_does_not_end_in_time() -> None:
    running = asyncio.Event()

    async def handle(exchange: Exchange) -> None:
        running.set()
        await asyncio.Event().wait()

    async def use(listener: Listener) -> None:
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await running.wait()
        await listener.close(0.05)
        status, body = await raw.answer()
        assert status == 503
        assert "being stopped" in error_of(body)["message"]

    run(handle, use)


def test_closing_twice_is_closing_once() -> None:
    async def use(listener: Listener) -> None:
        await listener.close(0)
        await listener.close(0)

    run(echo, use)


def test_a_server_whose_task_is_cancelled_gives_its_port_back() -> None:
    async def use() -> int:
        listener = Listener("127.0.0.1", 0, Limits())
        serving = asyncio.create_task(listener.serve(echo))
        raw = await Raw.connect(listener.port)
        raw.send(GET)
        await raw.answer()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
            await raw.reader.readexactly(1)
        await Raw.close_all()
        return listener.port

    port = asyncio.run(use())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
