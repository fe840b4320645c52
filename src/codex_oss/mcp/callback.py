"""The page on this machine that a browser is sent to when a person has logged in.

Any page in the browser may call it: only what knows the ``state`` of this login counts.
"""

import asyncio
import contextlib
import hmac
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

import msgspec

from codex_oss.errors import McpError

HOST = "127.0.0.1"
PATH = "/callback"
LOGIN_S = 300.0
"""How long a person may take."""
HEAD = 16 * 1024
"""Bytes of a request that are read."""
READ_S = 10.0
"""For a browser to send its request."""
DONE = "You are logged in. This page can be closed."
NOT_DONE = "The login failed; the terminal says why. This page can be closed."
NOT_THIS = "This is not the login that is waited for, which goes on waiting."
NOTHING = "There is nothing here."
OK, BAD, ABSENT = "200 OK", "400 Bad Request", "404 Not Found"


class Granted(msgspec.Struct, frozen=True):
    """What the authorization server says: a code, or ``error``."""

    code: str = ""
    state: str | None = None
    iss: str | None = None
    error: str = ""


class Shown(msgspec.Struct, frozen=True):
    """What a browser is shown, with the status line's words."""

    status: str
    text: str


class Callback:
    """The page. ``url`` is its address; ``wait`` returns what the browser brought."""

    def __init__(self, path: str) -> None:
        self.url = ""
        self._path = path
        self._state = ""
        self._granted: asyncio.Future[Granted] = (
            asyncio.get_running_loop().create_future()
        )

    def expect(self, state: str) -> None:
        """Take the answer to the login that has this ``state``, and no other."""
        self._state = state

    async def wait(self) -> Granted:
        """Return the answer; raises ``McpError`` when none comes, or a refusal."""
        try:
            async with asyncio.timeout(LOGIN_S):
                granted = await asyncio.shield(self._granted)
        except TimeoutError as error:
            raise McpError(
                f"nobody logged in within {LOGIN_S / 60:g} minutes",
                hint="Run it again and open the address in a browser on this machine.",
            ) from error
        if granted.error:
            raise McpError(f"the server refused the login: {granted.error}")
        return granted

    def take(self, url: str) -> Shown:
        """Take an address as the browser calls it; return what is to be shown.

        The first answer to this login counts; all others change nothing.
        """
        try:
            parts = urlsplit(url)
        except ValueError:  # what a person pastes
            return Shown(ABSENT, NOTHING)
        found = {name: given[0] for name, given in parse_qs(parts.query).items()}
        if parts.path != self._path or not ({"code", "error"} & found.keys()):
            return Shown(ABSENT, NOTHING)
        if not self._is_this(found.get("state", "")):
            return Shown(BAD, NOT_THIS)
        told = (found.get("error", ""), found.get("error_description", ""))
        granted = Granted(
            code=found.get("code", ""),
            state=found.get("state"),
            iss=found.get("iss"),
            error=": ".join(filter(None, told)) if "code" not in found else "",
        )
        if not self._granted.done():
            self._granted.set_result(granted)
        return Shown(OK, NOT_DONE if granted.error else DONE)

    def _is_this(self, state: str) -> bool:
        return bool(self._state) and hmac.compare_digest(
            state.encode(errors="replace"), self._state.encode()
        )

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Answer one request."""
        with contextlib.suppress(
            TimeoutError, ConnectionError, asyncio.IncompleteReadError, ValueError
        ):
            async with asyncio.timeout(READ_S):
                head = await reader.readuntil(b"\r\n\r\n")
                words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
                asked = words[1] if len(words) > 1 and words[0] == "GET" else ""
                writer.write(_answer(self.take(asked)))
                await writer.drain()
        writer.close()


def _answer(shown: Shown) -> bytes:
    body = shown.text.encode()
    head = (
        f"HTTP/1.1 {shown.status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\n"
        "Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def listening(wanted: str, port: int) -> AsyncGenerator[Callback, None]:
    """Serve the page, at the path of ``wanted`` and its port or ``port`` (0: any).

    Raises ``McpError`` for an address that is not on this machine, or a taken port.
    """
    parts = urlsplit(wanted or f"http://{HOST}{PATH}")
    if parts.scheme != "http" or parts.hostname not in (HOST, "localhost"):
        raise McpError(
            f"`oauth.callback_url` is {wanted}, which is not on this machine",
            hint=f"It begins with http://{HOST} or http://localhost.",
        )
    callback = Callback(parts.path or "/")
    try:
        port = parts.port or port
        server = await asyncio.start_server(callback.serve, HOST, port, limit=HEAD)
    except (OSError, ValueError) as error:
        raise McpError(
            f"cannot listen on {HOST}:{port} for the login: {error}",
            hint="`mcp_oauth_callback_port = 0` takes any port that is free.",
        ) from error
    async with server:
        taken = server.sockets[0].getsockname()[1]
        callback.url = f"http://{parts.hostname}:{taken}{parts.path or '/'}"
        yield callback
