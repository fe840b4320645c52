"""TLS and proxies over real sockets."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from certificates import self_signed
from codex_oss.errors import ConfigError, Unreachable
from codex_oss.net import Client
from fake_server import WAIT_S, FakeServer, Reply

LIMIT = 1000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost and its key, signed by itself."""
    return self_signed(tmp_path_factory.mktemp("tls"))


def fetch(url: str, env: Mapping[str, str], times: int = 1) -> list[bytes]:
    """GET a URL with a client in an environment."""

    async def use() -> list[bytes]:
        client = Client(env)
        try:
            async with asyncio.timeout(WAIT_S):
                return [
                    await (await client.open("GET", url)).read(LIMIT)
                    for _ in range(times)
                ]
        finally:
            await client.close()

    return asyncio.run(use())


PAGE = {"/x": Reply(chunks=[b"hel", b"lo"])}


def test_tls_trusts_the_authority_that_the_environment_names(
    certificate: tuple[Path, Path],
) -> None:
    env = {"SSL_CERT_FILE": str(certificate[0])}
    with FakeServer(get=PAGE, tls=certificate) as server:
        url = f"https://localhost:{server.port}/x"
        assert fetch(url, env, times=2) == [b"hello"] * 2
    assert server.connections == 1


def test_a_certificate_of_nobody_we_trust_is_refused(
    certificate: tuple[Path, Path],
) -> None:
    with (
        FakeServer(get=PAGE, tls=certificate) as server,
        pytest.raises(Unreachable, match="its certificate is not trusted") as caught,
    ):
        fetch(f"{server.url}/x", {})
    assert "SSL_CERT_FILE" in caught.value.hint


def test_certificates_that_cannot_be_read_are_a_matter_of_configuration() -> None:
    with pytest.raises(ConfigError, match="SSL_CERT_FILE"):
        fetch("https://localhost:1/", {"SSL_CERT_FILE": "/does/not/exist"})


def test_tls_to_a_plain_server_says_so() -> None:
    with (
        FakeServer(get=PAGE) as server,
        pytest.raises(Unreachable, match="TLS failed") as caught,
    ):
        fetch(f"https://127.0.0.1:{server.port}/x", {})
    assert "write http://" in caught.value.hint


# --- proxies -------------------------------------------------------------------------


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side hung up
    finally:
        writer.close()


class FakeProxy:
    """A proxy that leads everything to one port of this machine."""

    def __init__(self, target: int) -> None:
        self.heads: list[bytes] = []
        self._target = target

    async def talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        onward, back = await asyncio.open_connection("127.0.0.1", self._target)
        if head.startswith(b"CONNECT"):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            absolute = head.split(b" ", 2)[1]
            path = absolute.split(b"/", 3)[3]
            back.write(head.replace(absolute, b"/" + path, 1))
        await asyncio.gather(pump(reader, back), pump(onward, writer))


def through_proxy(
    url: str, env: dict[str, str], target: int
) -> tuple[bytes, list[bytes]]:
    """GET a URL through a proxy; return the body and the heads that the proxy got."""
    fake = FakeProxy(target)

    async def use() -> bytes:
        proxy = await asyncio.start_server(fake.talk, "127.0.0.1", 0)
        port = proxy.sockets[0].getsockname()[1]
        client = Client({"ALL_PROXY": f"http://u:p@127.0.0.1:{port}", **env})
        try:
            async with asyncio.timeout(WAIT_S):
                return await (await client.open("GET", url)).read(LIMIT)
        finally:
            await client.close()
            proxy.close()
            await proxy.wait_closed()
            if others := asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait(others, timeout=WAIT_S)

    return asyncio.run(use()), fake.heads


def test_http_goes_through_a_proxy_with_its_whole_url() -> None:
    with FakeServer(get=PAGE) as server:
        body, [head] = through_proxy("http://model.test/x", {}, server.port)
    assert body == b"hello"
    assert head == (
        b"GET http://model.test/x HTTP/1.1\r\nhost: model.test\r\n"
        b"accept-encoding: identity\r\nproxy-authorization: Basic dTpw\r\n\r\n"
    )


def test_https_goes_through_a_tunnel_of_the_proxy(
    certificate: tuple[Path, Path],
) -> None:
    env = {"SSL_CERT_FILE": str(certificate[0])}
    with FakeServer(get=PAGE, tls=certificate) as server:
        body, [head] = through_proxy("https://model.test/x", env, server.port)
    assert body == b"hello"
    assert head == (
        b"CONNECT model.test:443 HTTP/1.1\r\nhost: model.test:443\r\n"
        b"proxy-authorization: Basic dTpw\r\n\r\n"
    )


def test_a_proxy_that_refuses_is_named() -> None:
    with FakeServer(get={"model.test:443": Reply(status=407)}) as proxy:
        env = {"HTTPS_PROXY": proxy.url}
        with pytest.raises(Unreachable) as caught:
            fetch("https://model.test/x", env)
    assert str(caught.value) == (
        f"cannot connect to the proxy 127.0.0.1:{proxy.port}: "
        "it answered 407 to CONNECT model.test:443"
    )


# --- no network ----------------------------------------------------------------------

_ALONE = """
import asyncio
from codex_oss.errors import Unreachable
from codex_oss.net import Client
try:
    asyncio.run(Client({}).open("GET", "http://127.0.0.1:9/x"))
except Unreachable as error:
    print(error.report())
"""


def test_a_machine_without_even_a_loopback_is_told_how_to_start_it() -> None:
    alone = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") is None or subprocess.call([*alone, "true"]):
        pytest.skip("no network namespace can be made here")
    told = subprocess.check_output(
        [*alone, sys.executable, "-c", _ALONE], text=True, timeout=WAIT_S
    )
    assert told == (
        "cannot connect to 127.0.0.1:9: the loopback interface is down\n"
        "Start it: ip link set lo up\n"
    )
