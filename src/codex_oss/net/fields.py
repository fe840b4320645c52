"""The headers of one answer, as the parser finds them."""

MAX_HEAD_BYTES = 64 * 1024
"""Of all headers (or trailers) of one answer together."""


class Fields:
    """Collects headers by lower-case name; ``sized``: they say where the body ends."""

    __slots__ = ("_bytes", "_over", "sized", "values")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew: an answer, or the one after an informational one."""
        self.values: dict[str, str] = {}
        self._bytes = 0
        self._over = self.sized = False

    def end(self) -> None:
        """End the head: what still comes are trailers."""
        self._over = True
        self._bytes = 0

    def add(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are counted and dropped."""
        self._bytes += len(name) + len(value)
        if self._bytes > MAX_HEAD_BYTES:
            raise ValueError(f"headers of more than {MAX_HEAD_BYTES} bytes")
        if self._over:
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        if key in ("content-length", "transfer-encoding"):
            self.sized = True
        before = self.values.get(key)
        self.values[key] = text if before is None else f"{before}, {text}"
