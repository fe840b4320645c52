"""Bytes to requests, by llhttp: what is whole, what is too much, what is not HTTP."""

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from codex_oss.net.server import coding, head
from codex_oss.net.server.head import Refusal
from codex_oss.net.server.request import HttpRequest, Limits, locate

MAX_AT_ONCE = 64
"""Requests out of one read; what follows them is dropped and never answered."""
_HEADER_OVERHEAD = 4
"""Colon, space and line break, which count as bytes of the head."""


class RequestParser:
    """One connection's requests: ``feed`` it what comes.

    ``begun`` says that a request is on its way, ``in_body`` that its head is here;
    ``steps`` grows with each such change. After a ``Refusal``, or a request that asked
    to close, the parser is ``over`` and drops what comes. ``wants_continue`` says that
    the client waits for a word before it sends the body.
    """

    def __init__(self, limits: Limits, peer: str) -> None:
        self._limits = limits
        self._peer = peer
        self._out: list[HttpRequest | Refusal] = []
        self._parser = HttpRequestParser(self)
        self._host = ""
        self.begun = False
        self.in_body = False
        self.over = False
        self.steps = 0
        self.wants_continue = False
        self._reset()

    def _reset(self) -> None:
        self._method = ""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._count = 0
        self._head_bytes = 0
        self._pieces: list[bytes] = []
        self._size = 0
        self._unseen = 0
        self._headless = False
        self._upgrade = False

    def feed(self, data: bytes | memoryview) -> list[HttpRequest | Refusal]:
        """Return the requests that have become whole, or why there will be none."""
        if self.over:
            return []
        steps, size = self.steps, self._size
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._stay(data[upgrade.args[0] :])
        except HttpParserCallbackError as error:
            # What this parser raises itself is refused already; the rest is a bug.
            if not self.over:
                raise error.__context__ or error from None
        except HttpParserError as error:
            self._refuse(head.malformed(str(error)))
        # llhttp keeps half a header, and drops what decorates chunks: both are bounded.
        if self.begun and (self.steps, self._size) == (steps, size):
            self._unseen += len(data)
            if self._unseen > self._limits.head_bytes:
                self._refuse(self._too_large())
        elif self._unseen:
            self._unseen = 0
        out = self._out
        if out:
            self._out = []
        return out

    def abandon(self, refusal: Refusal) -> list[HttpRequest | Refusal]:
        """Give up on what has not come."""
        self._refuse(refusal)
        out, self._out = self._out, []
        return out

    def close(self) -> None:
        """Let go of llhttp's parser, which refers back to this one."""
        self.over = True
        del self._parser

    def _refuse(self, refusal: Refusal) -> None:
        if self.over:
            return
        self.over = True
        self.begun = self.in_body = self.wants_continue = False
        self.steps += 1
        self._out.append(refusal)

    def _stop(self, refusal: Refusal) -> ValueError:
        self._refuse(refusal)
        return ValueError(refusal.message)

    def _too_large(self) -> Refusal:
        return head.head_too_large(self._limits.head_bytes, self._limits.headers)

    def _stay(self, rest: bytes | memoryview) -> None:
        # llhttp leaves HTTP when a client offers another protocol, which servers may
        # ignore (RFC 9110, 7.8) and Java's client offers with every request. The body
        # is read by a new parser, to which a head is played that offers nothing.
        headers, host = self._headers, b"host: x\r\n"
        framing = b""
        for name in ("content-length", "transfer-encoding", "connection"):
            value = headers.get(name)
            if value is not None and name != "connection":
                framing += f"{name}: {value}\r\n".encode("latin-1")
            elif value is not None and "close" in value.lower():
                framing += b"connection: close\r\n"
        self._parser = HttpRequestParser(self)
        self._headless, self.in_body = True, False
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + host + framing + b"\r\n")
        if rest:
            out = self.feed(rest)
            self._out = out + self._out

    # --- for llhttp --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request, unless its head is only played."""
        if self._headless:
            return
        if len(self._out) >= MAX_AT_ONCE:
            self.over = True
            raise ValueError("more requests at once than are answered")
        self._reset()
        self.begun = True
        self.steps += 1

    def on_url(self, url: bytes) -> None:
        """Keep a piece of the target."""
        if self._headless:
            return
        self._target += url
        self._head_bytes += len(url)
        if self._head_bytes > self._limits.head_bytes:
            raise self._stop(self._too_large())

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are counted and dropped."""
        if self._headless and not self.in_body:
            return
        self._count += 1
        self._head_bytes += len(name) + len(value) + _HEADER_OVERHEAD
        limits = self._limits
        if self._head_bytes > limits.head_bytes or self._count > limits.headers:
            raise self._stop(self._too_large())
        if self.in_body:
            return
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in self._headers:
            text = f"{self._headers[key]}, {text}"
        self._headers[key] = text

    def on_headers_complete(self) -> None:
        """Refuse the head, or wait for the body."""
        self.steps += 1
        self.in_body = True
        if self._headless:
            return
        parser, headers = self._parser, self._headers
        self._method = parser.get_method().decode()
        target = self._target.decode("latin-1")
        fault = head.fault(self._method, target, parser.get_http_version(), headers)
        host = headers.get("host")
        if fault is None and (not host or host != self._host):
            fault = head.host_fault(host)
            self._host = host or ""
        length = headers.get("content-length")
        if fault is None and length and int(length) > self._limits.body_bytes:
            fault = head.too_large(self._limits.body_bytes)
        if fault is not None:
            raise self._stop(fault)
        self._upgrade = parser.should_upgrade()
        self.wants_continue = "expect" in headers

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        self._size += len(data)
        if self._size > self._limits.body_bytes:
            raise self._stop(head.too_large(self._limits.body_bytes))
        self.wants_continue = False
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Give out the request."""
        if self._upgrade:
            self._upgrade = False
            return
        self.steps += 1
        self.begun = self.in_body = self._headless = self.wants_continue = False
        pieces, headers = self._pieces, self._headers
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if "content-encoding" in headers:
            plain = coding.decode(
                body, headers.pop("content-encoding"), self._limits.body_bytes
            )
            if isinstance(plain, Refusal):
                raise self._stop(plain)
            body = plain
            if "content-length" in headers:
                headers["content-length"] = str(len(body))
        target = self._target.decode("latin-1")
        path, query = locate(target)
        request = HttpRequest(
            method=self._method,
            path=path,
            target=target,
            query=query,
            headers=headers,
            body=body,
            peer=self._peer,
        )
        self._out.append(request)
        self._pieces = []
        if not self._parser.should_keep_alive():
            self.over = True
