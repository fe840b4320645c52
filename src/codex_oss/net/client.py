"""The HTTP client: pooled connections, one exchange each, errors as ours.

It asks for plain bodies. There is no limit on the wait for the first byte unless the
caller sets one: a local model reads a long prompt for minutes. TCP keep-alive finds a
peer that has died meanwhile, and the caller's ``Patience`` one that is no use.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import lru_cache, partial
from typing import Any

import msgspec

from codex_oss.errors import (
    BadRequest,
    ConfigError,
    ModelError,
    NotFound,
    ServerFault,
    StreamCut,
    Unauthorized,
)
from codex_oss.net import proxy as proxies
from codex_oss.net import url as urls
from codex_oss.net.connection import Connection
from codex_oss.net.dial import Dialer
from codex_oss.net.proxy import Proxy
from codex_oss.net.reply import Reply
from codex_oss.net.url import Url
from codex_oss.wire.json_text import NOT_JSON

Headers = Iterable[tuple[str, str]]

IDLE_S = 300.0
"""Silence inside a body that counts as a cut, unless the caller says otherwise."""
CONNECT_S = 10.0
"""For name lookup, TCP, the proxy and TLS together, unless the caller says so."""
JSON_S = 10.0
"""For a whole small question to a server, unless the caller says otherwise."""
MAX_JSON_BYTES = 16 * 1024 * 1024
"""Of the answer to such a question."""
KEEP_IDLE_S = 60.0
"""How long an unused connection is kept."""
KEEP_PER_ROUTE = 64
"""How many of them: there are as many as requests were running at the same time."""
MAX_URLS = 64
"""Whose parts are remembered, and heads of requests."""
LINGER_S = 1.0
"""How long the rest of an answer may take for its connection to be kept."""

_OK = range(200, 300)
_FAULT = range(500, 600)
_REDIRECTS = (301, 302, 303, 307, 308)
_SAME_METHOD = (307, 308)
_WITHOUT_BODY = ("GET", "HEAD", "DELETE")
_CREDENTIALS = ("authorization", "cookie", "proxy-authorization")
_EXCERPT_CHARS = 300

_Route = tuple[tuple[str, str, int], Proxy | None]


class Patience(msgspec.Struct, frozen=True):
    """With a server that may be silent for long: it is looked after meanwhile.

    ``look`` is called after each ``every_s`` of silence; it raises when the wait is
    in vain. It lasts until the answer is told to ``hurry``.
    """

    every_s: float
    look: Callable[[], Awaitable[None]]


class _Ask(msgspec.Struct, frozen=True, kw_only=True):
    """A request and how long to wait for what of its answer, in seconds."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...]
    body: bytes
    idle_s: float
    first_byte_s: float | None
    connect_s: float
    patience: Patience | None


class Client:
    """An HTTP/1.1 client. One per event loop; ``close`` it in the end."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        """Take proxies and certificates from ``env``; None: the process's own."""
        env = os.environ if env is None else env
        self._dialer = Dialer(env)
        self._proxies = proxies.from_env(env)
        # The same server is asked again and again: its URL and head are made once.
        self._parse = lru_cache(MAX_URLS)(urls.parse)
        self._start = lru_cache(MAX_URLS)(_start)
        self._idle: dict[_Route, list[Connection]] = {}
        self._lingering: set[Connection] = set()

    def open(  # noqa: PLR0913  a request has this many parts
        self,
        method: str,
        url: str,
        *,
        headers: Headers = (),
        body: bytes = b"",
        idle_s: float = IDLE_S,
        first_byte_s: float | None = None,
        connect_s: float = CONNECT_S,
        follow: int = 0,
        patience: Patience | None = None,
    ) -> Coroutine[None, None, Reply]:
        """Send a request; return when the head of its answer is there.

        ``follow`` is how many redirects to follow; another host does not get the
        credentials. With ``patience``, silence is no cut. Raises ``Unreachable``,
        ``StreamCut``, ``ServerFault`` (not HTTP), ``BadRequest`` (redirects) and
        ``ConfigError`` (URL, header, proxy). A status is never an error here.
        """
        ask = _Ask(
            method=method,
            url=self._parse(url),
            headers=tuple(headers),
            body=body,
            idle_s=idle_s,
            first_byte_s=first_byte_s,
            connect_s=connect_s,
            patience=patience,
        )
        return self._follow(ask, follow) if follow else self._exchange(ask)

    async def get_json(
        self, url: str, *, headers: Headers = (), timeout_s: float = JSON_S
    ) -> Any:
        """Return the JSON value that a GET answers.

        Raises ``NotFound``, ``Unauthorized``, ``ServerFault`` or ``BadRequest`` by
        status, ``ServerFault`` for what is not JSON, and what ``open`` raises.
        """
        return await self._json("GET", url, headers, b"", timeout_s)

    async def post_json(
        self,
        url: str,
        value: object,
        *,
        headers: Headers = (),
        timeout_s: float = JSON_S,
    ) -> Any:
        """Send a value as JSON and return the JSON value it answers; see above."""
        headers = (("content-type", "application/json"), *headers)
        return await self._json(
            "POST", url, headers, msgspec.json.encode(value), timeout_s
        )

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        for connection in (
            *self._lingering,
            *(c for r in self._idle.values() for c in r),
        ):
            connection.abort()
        self._idle.clear()
        self._lingering.clear()
        await asyncio.sleep(0)

    @property
    def idle_connections(self) -> int:
        """How many connections wait for their next request."""
        return sum(len(kept) for kept in self._idle.values())

    # --- one exchange ------------------------------------------------------------

    async def _follow(self, ask: _Ask, follow: int) -> Reply:
        asked = ask.url
        for left in range(follow, -1, -1):
            reply = await self._exchange(ask)
            if reply.status not in _REDIRECTS:
                return reply
            location = reply.headers.get("location")
            reply.close()
            if location is None or not left:
                break
            ask = _redirected(ask, reply.status, urls.join(ask.url, location))
        raise BadRequest(f"{asked} leads to too many redirects, or to none")

    async def _exchange(self, ask: _Ask) -> Reply:
        proxy = self._proxies.find(ask.url)
        route = (ask.url.origin, proxy)
        through = proxy if ask.url.scheme == "http" else None
        data = self._start(ask.method, ask.url, ask.headers, through)
        if ask.body or ask.method not in _WITHOUT_BODY:
            data = b"%bcontent-length: %d\r\n\r\n%b" % (data, len(ask.body), ask.body)
        else:
            data += b"\r\n"
        kept = connection = self._take(route)
        patience = ask.patience
        first_s = patience.every_s if patience else ask.first_byte_s
        while True:
            if connection is None:
                connection = await self._dialer.connect(ask.url, proxy, ask.connect_s)
            try:
                connection.send(ask.method, data)
                connection.patience = patience and patience.look
                await connection.head(first_s)
            except BaseException as error:
                connection.abort()
                if kept is None or not _came_too_late(kept, error):
                    raise
                kept = connection = None
            else:
                keep = partial(self._keep, route)
                wait_s = patience.every_s if patience else ask.idle_s
                return Reply(connection, ask.url, ask.idle_s, wait_s, keep)

    async def _json(
        self, method: str, url: str, headers: Headers, body: bytes, timeout_s: float
    ) -> Any:
        asked = f"{method} {url}"
        try:
            async with asyncio.timeout(timeout_s):
                headers = (("accept", "application/json"), *headers)
                with await self.open(method, url, headers=headers, body=body) as reply:
                    data = await reply.read(MAX_JSON_BYTES + 1)
        except TimeoutError as error:
            raise StreamCut(f"{asked}: no whole answer in {timeout_s:g} s") from error
        if reply.status not in _OK:
            raise _refusal(asked, reply.status, data)
        if len(data) > MAX_JSON_BYTES:
            raise ServerFault(f"{asked}: an answer of more than {MAX_JSON_BYTES} bytes")
        try:
            return msgspec.json.decode(data)
        except NOT_JSON as error:
            raise ServerFault(f"{asked}: the answer is not JSON: {error}") from error

    # --- the pool ----------------------------------------------------------------

    def _take(self, route: _Route) -> Connection | None:
        kept = self._idle.get(route)
        while kept:
            connection = kept.pop()
            if not connection.lost:
                return connection
        self._idle.pop(route, None)
        return None

    def _keep(self, route: _Route, connection: Connection, linger: bool) -> None:  # noqa: FBT001  what `Reply` calls
        if linger and not connection.complete and not connection.lost:
            self._lingering.add(connection)
            connection.linger(LINGER_S, lambda ended: self._after(route, ended))
            return
        if not connection.end():
            return
        kept = self._idle.setdefault(route, [])
        kept[:] = [other for other in kept if not other.lost]
        if len(kept) >= KEEP_PER_ROUTE:
            connection.abort()
            return
        connection.expire_in(KEEP_IDLE_S)
        kept.append(connection)

    def _after(self, route: _Route, connection: Connection) -> None:
        self._lingering.discard(connection)
        self._keep(route, connection, False)


def _came_too_late(kept: Connection, error: BaseException) -> bool:
    """Return whether a server had closed a kept connection before our request came."""
    cut = isinstance(error, StreamCut)
    return cut and kept.closed_by_peer and not kept.received


def _start(
    method: str, url: Url, headers: tuple[tuple[str, str], ...], proxy: Proxy | None
) -> bytes:
    """Return the head of a request, but for its length and its end."""
    target = str(url) if proxy else url.target
    lines = [f"{method} {target} HTTP/1.1", f"host: {url.authority}"]
    plain = True
    for name, value in headers:
        line = f"{name}: {value}"
        if not (line.isascii() and line.isprintable()):
            _check(name, line)
        plain = plain and name.lower() != "accept-encoding"
        lines.append(line)
    if plain:
        lines.append("accept-encoding: identity")
    if proxy and proxy.authorization:
        lines.append(f"proxy-authorization: {proxy.authorization}")
    lines.append("")
    return "\r\n".join(lines).encode("latin-1")


def _check(name: str, line: str) -> None:
    # The value may be a key, so it is not shown.
    if not line.isascii() or not line.replace("\t", " ").isprintable():
        raise ConfigError(
            f"the header {name!r} has characters that HTTP cannot carry",
            hint="Look for a line break or a quotation mark that was copied along.",
        )


def _redirected(ask: _Ask, status: int, url: Url) -> _Ask:
    if ask.url.scheme == "https" and url.scheme != "https":
        raise BadRequest(f"{ask.url} redirects to {url.place} without TLS; refused")
    headers = ask.headers
    if url.origin != ask.url.origin:
        headers = tuple(h for h in headers if h[0].lower() not in _CREDENTIALS)
    same = status in _SAME_METHOD or ask.method in ("GET", "HEAD")
    return msgspec.structs.replace(
        ask,
        url=url,
        headers=headers,
        method=ask.method if same else "GET",
        body=ask.body if same else b"",
    )


_REFUSALS: dict[int, type[ModelError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
}


def _refusal(asked: str, status: int, body: bytes) -> ModelError:
    kind = ServerFault if status in _FAULT else _REFUSALS.get(status, BadRequest)
    excerpt = " ".join(body[:_EXCERPT_CHARS].decode("utf-8", "replace").split())
    return kind(f"{asked} answered {status}: {excerpt or 'no text'}")
