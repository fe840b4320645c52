"""A door in front of a server: counts what goes through, and can lead elsewhere."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from fake_server import WAIT_S

_SIZE = 65536


class Door:
    """Passes bytes on between its own port and another.

    ``asked`` counts the requests for an answer that came. ``lead_to(None)`` closes all
    connections and refuses new ones, as a server does that is stopped.
    """

    def __init__(self, port: int | None) -> None:
        self.asked = 0
        self._target = port
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.lead_to(None)
        # A blocked accept() is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def lead_to(self, port: int | None) -> None:
        """Close what is open; from now on lead to another port, or to none."""
        with self._lock:
            self._target = port
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._sockets.clear()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._admit(client)

    def _admit(self, client: socket.socket) -> None:
        with self._lock:
            target = self._target
        try:
            if target is None:
                raise ConnectionRefusedError
            server = socket.create_connection(("127.0.0.1", target), WAIT_S)
        except OSError:
            client.close()
            return
        with self._lock:
            self._sockets |= {client, server}
        for one, other in ((client, server), (server, client)):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            come = one is client
            threading.Thread(
                target=self._pass_on, args=(one, other, come), daemon=True
            ).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, come: bool) -> None:  # noqa: FBT001  a direction
        with contextlib.suppress(OSError):
            while data := one.recv(_SIZE):
                if come and data.startswith(b"POST /v1/responses"):
                    self.asked += 1
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._sockets -= {one, other}
        if not come:
            one.close()
            other.close()
