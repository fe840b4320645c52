"""The bytes of an answer: heads, chunks, and errors as the API's clients read them."""

import time

import msgspec

Headers = tuple[tuple[str, str], ...]

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""An interim answer: any number of them may come before the real one."""
CHUNK = b"%x\r\n%b\r\n"
"""A chunk of a body whose length is not known beforehand, of its size and itself."""
LAST_CHUNK = b"0\r\n\r\n"
LEADING_ZERO = b"0"
"""Of the size of whatever chunk comes next."""

_KEPT_HEADS = 256
"""Of first lines that were made once already."""
_TOKEN_EXTRAS = str.maketrans("", "", "!#$%&'*+-.^_`|~")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec".split("|")  # noqa: SIM905  shorter
_OK = 200
_SERVER_FAULT = 500


class HeadWriter:
    """Makes the heads of answers; what is equal in many of them is made once."""

    def __init__(self) -> None:
        self._starts: dict[tuple[int, str, Headers, bool], bytes] = {}
        self._second = 0
        self._date = b""

    def encode(
        self, status: int, content_type: str, headers: Headers, *, close: bool
    ) -> bytes:
        """Return a head without its end: the length and an empty line follow.

        Raises ``ValueError`` for what would break out of its header.
        """
        key = (status, content_type, headers, close)
        start = self._starts.get(key)
        if start is None:
            if len(self._starts) >= _KEPT_HEADS:
                self._starts.clear()
            start = self._starts[key] = _start(*key)
        now = int(time.time())
        if now != self._second:
            self._second, self._date = now, _date(now)
        return start + self._date


def error(status: int, message: str) -> bytes:
    """Return an error's body, in the form that OpenAI's clients read."""
    kind = "server_error" if status >= _SERVER_FAULT else "invalid_request_error"
    told = {"message": message, "type": kind, "code": None, "param": None}
    return msgspec.json.encode({"error": told})


def _start(status: int, content_type: str, headers: Headers, close: bool) -> bytes:  # noqa: FBT001  the parts of a key
    lines = [f"HTTP/1.1 {status} {_phrase(status)}\r\n".encode()]
    if content_type:
        lines.append(_line("content-type", content_type))
    if close:
        lines.append(b"connection: close\r\n")
    return b"".join((*lines, *(_line(n, v) for n, v in headers)))


def _phrase(status: int) -> str:
    if status == _OK:
        return "OK"
    from http import HTTPStatus  # noqa: PLC0415  0.5 ms, for the first that is not 200

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _line(name: str, value: str) -> bytes:
    token = name.translate(_TOKEN_EXTRAS)
    if not (token.isascii() and (token.isalnum() or (name and not token))):
        raise ValueError(f"not the name of a header: {name!r}")
    if not value.replace("\t", " ").isprintable():
        raise ValueError(f"the header {name} has characters that HTTP cannot carry")
    return f"{name}: {value}\r\n".encode("latin-1")


def _date(seconds: int) -> bytes:
    # RFC 9110, 5.6.7. strftime would ask the locale for the names.
    t = time.gmtime(seconds)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    clock = f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    return f"date: {day}, {t.tm_mday:02} {month} {t.tm_year} {clock} GMT\r\n".encode()
