"""Serves the inspector: the page, its files, its events, and one entry as JSON.

What is shown holds whole conversations, so it is shown on this machine only; and where
the bridge has a key, to those who have it: ``/__inspect?key=KEY`` gives the browser a
cookie that is sent to these pages alone. Text of models and clients is hostile: the
page's own rules (CSP) let no script run but its own, nor any text become markup.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from string import ascii_letters, digits

import msgspec

from codex_oss.bridge.guard import COOKIE, Guard
from codex_oss.bridge.inspector.feed import Feed
from codex_oss.bridge.inspector.views import detail_of
from codex_oss.bridge.ledger import Ledger
from codex_oss.net import url as urls
from codex_oss.net.server import Exchange

ROOT = "/__inspect"
TICK_S = 0.1
"""Between two looks of a feed."""
HEARTBEAT_TICKS = 100
"""Looks without news until a comment is sent, so that a dead page is noticed."""
RETRY_MS = 1000
"""After which a page that lost the bridge asks again."""
MAX_FEEDS = 16
"""Pages that are kept up to date at the same time."""

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
_HEADERS = (
    ("content-security-policy", _CSP),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
)
_SCRIPT = "text/javascript; charset=utf-8"
_FILES = {
    "": ("page.html", "text/html; charset=utf-8"),
    "/app.css": ("app.css", "text/css; charset=utf-8"),
    **{
        f"/{name}.js": (f"{name}.js", _SCRIPT)
        for name in ("app", "list", "detail", "stream", "tree", "words")
    },
}
_COOKIE_CHARS = frozenset(ascii_letters + digits + "!#$%&'()*+-./:<=>?@[]^_`{|}~")
"""RFC 6265, section 4.1.1."""
_DIGITS = 18


class Inspector:
    """The pages below ``ROOT``. ``sleep`` waits between two looks of a feed."""

    def __init__(
        self,
        ledger: Ledger,
        guard: Guard,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._ledger = ledger
        self._guard = guard
        self._sleep = sleep
        self._feeds = 0

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request for ``ROOT`` or anything below it."""
        request = exchange.request
        name = request.path.removeprefix(ROOT).rstrip("/")
        if not _is_here(request.peer):
            _say(exchange, 403, "The inspector answers on the bridge's machine only.")
        elif request.method not in ("GET", "HEAD"):
            _say(exchange, 405, "The inspector only shows.", ("allow", "GET, HEAD"))
        elif name == "" and "key" in request.query:
            self._unlock(exchange, request.query["key"])
        elif not self._guard.knows(request.headers):
            _say(exchange, 401, f"The bridge has a key: open {ROOT}?key=KEY once.")
        elif name in _FILES:
            file, content_type = _FILES[name]
            body = Path(__file__).with_name(file).read_bytes()
            exchange.respond(200, body, content_type=content_type, headers=_HEADERS)
        elif name == "/events":
            await self._events(exchange)
        elif name.startswith("/entry/"):
            self._entry(exchange, name.removeprefix("/entry/"))
        else:
            _say(exchange, 404, "There is no such page.")

    def _unlock(self, exchange: Exchange, key: str) -> None:
        if not self._guard.knows({"authorization": f"Bearer {key}"}):
            _say(exchange, 401, "That is not the bridge's key.")
        elif not set(key) <= _COOKIE_CHARS:
            _say(exchange, 400, "The key has characters that no cookie can hold.")
        else:
            cookie = f"{COOKIE}={key}; Path={ROOT}; HttpOnly; SameSite=Strict"
            to = ("location", ROOT)
            _say(exchange, 303, "Go on.", ("set-cookie", cookie), to)

    def _entry(self, exchange: Exchange, number: str) -> None:
        entry = self._ledger.get(_number(number))
        if entry is None:
            _say(exchange, 404, "That request is not kept any more.")
            return
        body = msgspec.json.encode(detail_of(entry, self._ledger))
        exchange.respond(200, body, headers=_HEADERS)

    async def _events(self, exchange: Exchange) -> None:
        if self._feeds >= MAX_FEEDS:
            _say(exchange, 503, "Too many pages look at the bridge; close one.")
            return
        selected = _number(exchange.request.query.get("entry", ""))
        self._feeds += 1
        try:
            exchange.start(200, content_type="text/event-stream", headers=_HEADERS)
            exchange.write(b"retry: %d\n\n" % RETRY_MS)
            await self._tell(exchange, Feed(self._ledger, selected))
        finally:
            self._feeds -= 1

    async def _tell(self, exchange: Exchange, feed: Feed) -> None:
        quiet = 0
        while not exchange.gone:
            data = feed.step()
            quiet = 0 if data else quiet + 1
            if quiet >= HEARTBEAT_TICKS:
                quiet, data = 0, b":\n\n"
            if data and not exchange.write(data):
                await exchange.ready()
            await self._sleep(TICK_S)


def _say(exchange: Exchange, status: int, text: str, *headers: tuple[str, str]) -> None:
    exchange.respond(
        status,
        f"{text}\n".encode(),
        content_type="text/plain; charset=utf-8",
        headers=(*_HEADERS, *headers),
    )


def _is_here(peer: str) -> bool:
    return urls.is_loopback(peer.removeprefix("::ffff:"))


def _number(text: str) -> int:
    """Return the number of an entry; 0, which no entry has, if it is none."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS
    return int(text) if is_number else 0
