"""Bytes to frames and back: server-sent events and JSON lines.

Source of the rules: the HTML standard, section "Server-sent events". Two departures,
both for servers that hang up too early: a last event that no blank line ends is
delivered, and a line that is not UTF-8 is delivered with U+FFFD in it.
"""

import msgspec

from codex_oss.errors import StreamCut

FRAME_LIMIT = 16 * 1024 * 1024
"""Bytes that one frame may have. The largest known are whole files inside one call."""

_BOM = b"\xef\xbb\xbf"
_CR = ord("\r")


class Frame(msgspec.Struct, frozen=True):
    """One server-sent event. ``event`` is empty when the server named none."""

    event: str
    data: str


class SseDecoder:
    r"""Cuts a stream of bytes into server-sent events.

    Lines end at ``\n``, ``\r\n`` or ``\r`` and nowhere else: the other line ends of
    Unicode may stand inside JSON strings. Comments, ids and retry times are left out.

    ``between``: no event has begun, so that what comes next begins one.
    """

    __slots__ = ("_after_cr", "_at_start", "_buffer", "between")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at_start = True
        self._after_cr = False
        self.between = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the events that ``data`` completes.

        Raises ``StreamCut`` when an event grows beyond ``FRAME_LIMIT``.
        """
        if self._after_cr or _CR in data:
            data = self._with_newlines(data)
        scanned = max(len(self._buffer) - len(_BOM) - 1, 0)
        self._buffer += data
        if self._at_start:
            self._skip_bom()
        end = self._buffer.rfind(b"\n\n", scanned)
        if end < 0:
            _check_size(self._buffer)
            self.between = False
            return []
        blocks = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self.between = not (self._buffer or self._at_start or self._after_cr)
        return _frames(blocks)

    def texts(self, data: bytes) -> list[str]:
        """Return the data of the events that ``data`` completes, as ``feed`` does."""
        if self._at_start and not self._buffer and data[:1] == b"d":
            self._at_start, self.between = False, True  # there is no BOM
        if self.between and data[:6] == b"data: " and data[-2:] == b"\n\n":
            # Nearly every read is whole events of one line, and nearly always one.
            if data.find(b"\n") == len(data) - 2 and _CR not in data:
                return [data[6:-2].decode("utf-8", "replace")]
            texts = data[6:-2].split(b"\n\ndata: ")
            if data.count(b"\n") == 2 * len(texts) and _CR not in data:
                return [text.decode("utf-8", "replace") for text in texts]
        return [frame.data for frame in self.feed(data)]

    def finish(self) -> list[Frame]:
        """Return the event that the end of the stream left open, if it has data."""
        block = bytes(self._buffer)
        self._buffer.clear()
        return [frame] if (frame := _frame(block)) else []

    def _with_newlines(self, data: bytes) -> bytes:
        r"""Return ``data`` with ``\n`` as its only line end, also across chunks."""
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
            self._after_cr = False
        if data:
            self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _skip_bom(self) -> None:
        if len(self._buffer) >= len(_BOM):
            self._at_start = False
            if self._buffer.startswith(_BOM):
                del self._buffer[: len(_BOM)]


def _frames(blocks: bytes) -> list[Frame]:
    return [frame for block in blocks.split(b"\n\n") if (frame := _frame(block))]


def _frame(block: bytes) -> Frame | None:
    """Return the event in the lines of ``block``; None when no line carries data."""
    event = ""
    data: list[str] = []
    for line in block.split(b"\n"):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            event = value
    return Frame(event, "\n".join(data)) if data else None


class LineDecoder:
    r"""Cuts a stream of bytes into lines that end at ``\n``, as JSON lines do."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without blank ones.

        Raises ``StreamCut`` when a line grows beyond ``FRAME_LIMIT``.
        """
        head, newline, tail = data.rpartition(b"\n")
        if not newline:
            self._buffer += data
            _check_size(self._buffer)
            return []
        whole = bytes(self._buffer) + head
        self._buffer[:] = tail
        return _lines(whole)

    def finish(self) -> list[bytes]:
        """Return the last line, if the stream did not end it."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return _lines(rest)


def _lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line.strip()]


def _check_size(buffer: bytearray) -> None:
    if len(buffer) > FRAME_LIMIT:
        raise StreamCut(
            f"reading the stream: one event has more than {FRAME_LIMIT} bytes",
            hint="Check that base_url points at a model server.",
        )
