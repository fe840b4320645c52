"""The port: bound at once, served when the program is ready, closed in order."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from codex_oss.errors import ConfigError
from codex_oss.net.server.connection import Connection
from codex_oss.net.server.exchange import Exchange
from codex_oss.net.server.floor import Floor
from codex_oss.net.server.request import Limits
from codex_oss.net.tcp import keep_alive

BACKLOG = 1024
"""Connections that the kernel holds until they are accepted."""
SWEEP_S = 1.0
"""How often connections are looked at whose time is up, at most."""
SWEEPS_PER_LIMIT = 4
"""And how often, at least, within the shortest of the limits."""
END_S = 5.0
"""For handlers to end after they were cancelled."""
LAST_PORT = 65535


class Listener:
    """A port that takes connections from now on; they wait until ``serve``.

    So a client that is started together with the server never finds a closed port,
    however long the rest of the program takes to load. ``port`` is the real one,
    also when 0 was asked for. Raises ``ConfigError`` when the port cannot be had.
    """

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        self._socket = _bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self._limits = limits
        self._floor: Floor | None = None
        self._server: asyncio.Server | None = None
        self._ended: asyncio.Future[None] | None = None
        self._closed = False

    async def serve(self, handle: Callable[[Exchange], Awaitable[None]]) -> None:
        """Answer requests, each in a task of its own, until ``close`` is done."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        floor = self._floor = Floor(self._limits, handle, loop)
        self._ended = loop.create_future()
        self._server = await loop.create_server(
            lambda: Connection(floor), sock=self._socket, backlog=BACKLOG
        )
        sweeper = loop.create_task(self._sweep(floor))
        try:
            await self._ended
        finally:
            sweeper.cancel()
            if not self._closed:
                self._stop()
                floor.abort()

    async def close(self, grace_s: float) -> None:
        """Take no more connections; end those there are.

        Those without a running exchange are closed at once; exchanges may end within
        ``grace_s`` seconds and are cancelled then.
        """
        self._stop()
        if self._floor is not None:
            self._floor.close()
            await self._floor.wait(grace_s)
            self._floor.cancel()
            await self._floor.wait(END_S)
            self._floor.abort()
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)

    def _stop(self) -> None:
        self._closed = True
        if self._server is not None:
            self._server.close()
        self._socket.close()

    async def _sweep(self, floor: Floor) -> None:
        limits = self._limits
        shortest = min(limits.head_s, limits.body_s, limits.idle_s, limits.stall_s)
        while True:
            await asyncio.sleep(min(SWEEP_S, shortest / SWEEPS_PER_LIMIT))
            floor.sweep()


def _bind(host: str, port: int) -> socket.socket:
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if not 0 <= port <= LAST_PORT:
        raise ConfigError(f"{port} is not a port", hint="Choose one from 1 to 65535.")
    # ::1 does not exist everywhere, and who asks `localhost` tries both.
    address = "127.0.0.1" if host == "localhost" else host
    sock = None
    try:
        # As bytes: of a str Python makes an international name, with 3 ms of imports.
        name = address.encode("ascii" if address.isascii() else "idna")
        found = socket.getaddrinfo(
            name or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, where = found[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        # Elsewhere it would let two programs have one port.
        if os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections get both from their listener.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock)
        sock.bind(where)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise _unusable(place, error) from error
    return sock


def _unusable(place: str, error: OSError) -> ConfigError:
    import errno  # noqa: PLC0415  only to say what went wrong

    match error:
        case socket.gaierror():
            hint = "Use 127.0.0.1 for this machine only, or 0.0.0.0 for all networks."
            return ConfigError(f"cannot listen on {place}: no such host", hint=hint)
        case OSError(errno=errno.EADDRINUSE):
            cause = "address already in use"
            hint = "Stop the program that listens there, or choose another port."
        case PermissionError():
            cause = "permission denied"
            hint = "Choose a port above 1023."
        case OSError(errno=errno.EADDRNOTAVAIL):
            cause = "this machine does not have that address"
            hint = "Use 127.0.0.1 for this machine only, or 0.0.0.0 for all networks."
        case _:
            cause, hint = error.strerror or str(error), "Choose another host or port."
    return ConfigError(f"cannot listen on {place}: {cause}", hint=hint)
