"""Compressed request bodies: made plain, and never larger than allowed."""

from codex_oss.net.server.head import Refusal, too_large

_GZIP = ("gzip", "x-gzip")
_ANY_HEADER = 47
"""zlib's ``wbits``: the largest window, gzip or zlib header found out by itself."""
_NO_HEADER = -15
"""The same without a header: what some send as ``deflate``."""
_ZLIB_METHOD = 8
"""In the low bits of the first byte of a zlib header (RFC 1950)."""


def decode(body: bytes, coding: str, limit: int) -> bytes | Refusal:
    """Return the plain body, or why there is none.

    Several gzip members one after the other are one body (RFC 1952, 2.2).
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in (*_GZIP, "deflate"):
        return Refusal(
            415,
            f"Bodies compressed with {coding[:40]!r} are not served (gzip and deflate "
            "are). Send plain JSON, without Content-Encoding.",
        )
    bare = coding == "deflate" and body[:1] and body[0] & 15 != _ZLIB_METHOD
    return _inflate(body, _NO_HEADER if bare else _ANY_HEADER, limit)


def _inflate(body: bytes, wbits: int, limit: int) -> bytes | Refusal:
    import zlib  # noqa: PLC0415  clients hardly ever compress what they send

    plain: list[bytes] = []
    size = 0
    broken = Refusal(400, "The compressed body is damaged. Send plain JSON.")
    while True:
        stream = zlib.decompressobj(wbits)
        try:
            piece = stream.decompress(body, limit + 1 - size)
        except zlib.error:
            return broken
        plain.append(piece)
        size += len(piece)
        if size > limit:
            return too_large(limit)
        if not stream.eof:
            return broken
        body = stream.unused_data
        if not body:
            return b"".join(plain)
