"""Serves many clients over streamable HTTP, at ``/mcp``.

``Host`` and ``Origin`` are checked by the SDK: a page in a browser must not reach an
agent that runs commands. Beyond this machine a key is needed.
"""

import asyncio
import hmac
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, TextIO

import uvicorn
from mcp.server.transport_security import (
    RequestBodyLimitMiddleware,
    TransportSecuritySettings,
)

from codex_oss.errors import CodexOssError
from codex_oss.mcp_server.door import Door, Kept
from codex_oss.mcp_server.patience import Patient
from codex_oss.mcp_server.server import Agent

PATH = "/mcp"
MAX_BODY = 16 * 1024 * 1024
"""The longest message, in bytes."""
MAX_SESSIONS = 256
"""Clients at the same time; one more is told to come later (503)."""
IDLE_S = 1800.0
"""How long a client that asks nothing is known; then it has to begin anew (404)."""
RETRY_MS = 500
"""When a client whose connection was lost should come back."""
GRACE_S = 2
"""How long connections get to end."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


async def serve(agent: Agent, place: tuple[str, int], key: str, err: TextIO) -> None:
    """Serve until cancelled. With a ``key`` every request must carry it."""
    app: Any = agent.server.streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=MAX_BODY,
        max_sessions=MAX_SESSIONS,
        session_idle_timeout=IDLE_S,
        event_store=Kept(),
        retry_interval=RETRY_MS,
        transport_security=_security(place),
    )
    guarded = RequestBodyLimitMiddleware(Door(app), MAX_BODY)
    settings = uvicorn.Config(
        _Guard(guarded, key) if key else guarded,
        http=Patient,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    listening = _listen(place)
    port = listening.getsockname()[1]
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    err.write(f"MCP server at http://{host}:{port}{PATH}\n")
    err.flush()
    server = _Server(settings)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        listening.close()


class _Server(uvicorn.Server):
    """Leaves signals to the program, which ends the conversations as well."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield


class _Guard:
    """Refuses requests without the key (an ASGI application)."""

    def __init__(self, app: Any, key: str) -> None:
        self._app = app
        self._expected = key.encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            scheme, _, key = given.partition(b" ")
            known = hmac.compare_digest(key.strip(), self._expected)
            if scheme.lower() != b"bearer" or not known:
                headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"0")]
                start = {"type": "http.response.start", "status": 401}
                await send(start | {"headers": headers})
                await send({"type": "http.response.body", "body": b""})
                return
        await self._app(scope, receive, send)


def _security(place: tuple[str, int]) -> TransportSecuritySettings:
    host = f"[{place[0]}]" if ":" in place[0] else place[0]
    hosts = [*_LOOPBACK, host]
    if host in ("0.0.0.0", "[::]"):  # noqa: S104  compared, not bound
        # Any name may lead here; the key, which pages do not have, is the guard.
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    return TransportSecuritySettings(
        allowed_hosts=[f"{each}:*" for each in hosts],
        allowed_origins=[f"http://{each}:*" for each in _LOOPBACK],
    )


def _listen(place: tuple[str, int]) -> socket.socket:
    host, port = place
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError as error:
        listening.close()
        raise CodexOssError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            hint="Choose another with --http HOST:PORT.",
        ) from error
    return listening
