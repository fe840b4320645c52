"""Compressed bodies, for servers that compress although they were asked not to."""

from codex_oss.errors import ServerFault, StreamCut

PIECE_BYTES = 1024 * 1024
"""Of plain data at a time, however much a few compressed bytes stand for."""

_ENCODINGS = ("gzip", "x-gzip", "deflate")
_ANY_HEADER = 47
"""zlib's ``wbits``: the largest window, gzip or zlib header found out by itself."""


class Inflater:
    """A gzip or deflate stream: ``feed`` it, then ``take`` until there is nothing."""

    def __init__(self, encoding: str) -> None:
        if encoding not in _ENCODINGS:
            raise ServerFault(f"the answer is compressed with {encoding!r}, unasked")
        import zlib  # noqa: PLC0415  servers hardly ever compress against our wish

        self._broken = zlib.error
        self._stream = zlib.decompressobj(_ANY_HEADER)
        self._waiting = b""

    def feed(self, data: bytes) -> None:
        """Add compressed bytes."""
        self._waiting += data

    def take(self) -> bytes:
        """Return plain bytes, at most ``PIECE_BYTES``; none: feed more."""
        if not self._waiting or self._stream.eof:
            return b""
        try:
            piece = self._stream.decompress(self._waiting, PIECE_BYTES)
        except self._broken as error:
            raise StreamCut(f"the answer cannot be decompressed: {error}") from None
        self._waiting = self._stream.unconsumed_tail
        return piece

    def finish(self) -> None:
        """Raise ``StreamCut`` unless the stream has come to its end."""
        if not self._stream.eof:
            raise StreamCut("the compressed answer ended early")
