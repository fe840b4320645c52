"""Connecting: name, TCP, proxy, TLS; and saying why it did not work."""

import asyncio
import errno
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from codex_oss.errors import ConfigError, ModelError, Unreachable
from codex_oss.net.connection import Connection
from codex_oss.net.proxy import Proxy
from codex_oss.net.tcp import keep_alive
from codex_oss.net.url import Url, bracketed, is_loopback

if TYPE_CHECKING:
    # Imported for the first https URL only: a bridge in front of plain http never has
    # OpenSSL in memory (`codex_oss.cli.loop`).
    import ssl

READ_BYTES = 256 * 1024
"""At a time, into one buffer: a new one for each read costs more than the parser."""

_OK = range(200, 300)
_LOCALHOST = ("127.0.0.1", "::1")


class Dialer:
    """Makes connections. The TLS context is made for the first https URL."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._tls: ssl.SSLContext | None = None
        self._buffer = memoryview(bytearray(READ_BYTES))

    async def connect(
        self, url: Url, proxy: Proxy | None, connect_s: float
    ) -> Connection:
        """Return a connection that is ready for a request to ``url``.

        Raises ``Unreachable`` when there is none within ``connect_s`` seconds.
        """
        secure = url.scheme == "https"
        context = self._context() if secure else None
        connection = Connection(url.place, self._buffer)
        step = f"the proxy {bracketed(proxy.host)}:{proxy.port}" if proxy else url.place
        try:
            async with asyncio.timeout(connect_s):
                if proxy is None:
                    await _open_socket(connection, url.host, url.port, context)
                else:
                    await _open_socket(connection, proxy.host, proxy.port, None)
                    if context is not None:
                        await _tunnel(connection, url, proxy)
                        step = f"{url.place} through the proxy"
                        await _start_tls(connection, url.host, context)
        except TimeoutError as error:
            connection.abort()
            raise Unreachable(
                f"cannot connect to {step}: no answer in {connect_s:g} s",
                hint="Check the address, and whether a firewall is in the way.",
            ) from error
        except OSError as error:
            connection.abort()
            raise _unreachable(step, url, error) from error
        except BaseException:
            connection.abort()
            raise
        return connection

    def _context(self) -> "ssl.SSLContext":
        if self._tls is None:
            self._tls = _tls_context(self._env)
        return self._tls


async def _open_socket(
    connection: Connection, host: str, port: int, context: "ssl.SSLContext | None"
) -> None:
    # Without a name lookup, which would start a thread, for the most usual host.
    *others, last = _LOCALHOST if host == "localhost" else (host,)
    for address in others:
        try:
            await _open_address(connection, (address, port), host, context)
        except ConnectionRefusedError:
            continue
        return
    try:
        await _open_address(connection, (last, port), host, context)
    except OSError as error:
        if others and (context is None or _tls_fault(error) is None):
            # ::1 does not exist everywhere; 127.0.0.1 refused, which says more.
            raise ConnectionRefusedError from error
        raise


async def _open_address(
    connection: Connection,
    address: tuple[str, int],
    host: str,
    context: "ssl.SSLContext | None",
) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(
        lambda: connection,
        *address,
        ssl=context,
        server_hostname=host if context else None,
    )
    _keep_alive(connection)


def _keep_alive(connection: Connection) -> None:
    # asyncio has set TCP_NODELAY already.
    assert connection.transport is not None
    sock: socket.socket = connection.transport.get_extra_info("socket")
    keep_alive(sock)


async def _tunnel(connection: Connection, url: Url, proxy: Proxy) -> None:
    head = f"CONNECT {url.place} HTTP/1.1\r\nhost: {url.place}\r\n"
    if proxy.authorization:
        head += f"proxy-authorization: {proxy.authorization}\r\n"
    connection.send("CONNECT", f"{head}\r\n".encode())
    try:
        await connection.head(None)
    except ModelError as error:
        raise OSError(str(error)) from error
    if connection.status not in _OK:
        raise OSError(f"it answered {connection.status} to CONNECT {url.place}")


async def _start_tls(
    connection: Connection, host: str, context: "ssl.SSLContext"
) -> None:
    assert connection.transport is not None
    transport = await asyncio.get_running_loop().start_tls(
        connection.transport, connection, context, server_hostname=host
    )
    if transport is None:
        raise OSError("the proxy closed the connection")
    connection.transport = transport


def _tls_context(env: Mapping[str, str]) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415  see above

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    file, folder = env.get("SSL_CERT_FILE"), env.get("SSL_CERT_DIR")
    if not (file or folder):
        context.load_default_certs()
        return context
    try:
        context.load_verify_locations(file or None, folder or None)
    except OSError as error:
        raise ConfigError(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read: {error}"
        ) from error
    return context


def _unreachable(step: str, url: Url, error: OSError) -> Unreachable:
    told = _tls_fault(error) if url.scheme == "https" else None
    cause, hint = told or _explain(url, error)
    return Unreachable(f"cannot connect to {step}: {cause}", hint=hint)


def _explain(url: Url, error: OSError) -> tuple[str, str]:
    match error:
        case ConnectionRefusedError() if is_loopback(url.host):
            return "connection refused", "Nothing listens there: start the server."
        case ConnectionRefusedError():
            return "connection refused", "Is the server running, and is the port right?"
        case OSError(errno=errno.ENETUNREACH) if is_loopback(url.host):
            return "the loopback interface is down", "Start it: ip link set lo up"
        case socket.gaierror():
            return "no such host", f"Check the name {url.host!r}."
        case _:
            cause = error.strerror.lower() if error.strerror else str(error)
            return cause, "Check the address."


def _tls_fault(error: OSError) -> tuple[str, str] | None:
    import ssl  # noqa: PLC0415  see above

    match error:
        case ssl.SSLCertVerificationError():
            return (
                f"its certificate is not trusted ({error.verify_message})",
                "Set SSL_CERT_FILE to the certificate of its authority.",
            )
        case ssl.SSLError():
            reason = (error.reason or str(error)).replace("_", " ").lower()
            hint = "If the server has no TLS, write http:// instead of https://."
            return f"TLS failed ({reason})", hint
        case _:
            return None
