"""Requests of Ollama's chat API to JSON, and the lines of its answers from JSON."""

from typing import Any

import msgspec

from codex_oss.wire.json_text import NOT_JSON
from codex_oss.wire.ollama.answer import Fault, Line
from codex_oss.wire.ollama.request import Loading, Request

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def encode(request: Request | Loading) -> bytes:
    """Return ``request`` as JSON: equal requests give equal bytes."""
    return _encoder.encode(request)


def decode_line(data: bytes) -> Line | Fault | None:
    """Return what one line says; None when that is nothing. Never raises."""
    if b'"error"' in data and (fault := _fault(data)):
        return fault
    try:
        return _decoder.decode(data)
    except NOT_JSON:
        return None


def _fault(data: bytes) -> Fault | None:
    """Return the error that a line is; the word may also stand in what is said."""
    try:
        error = msgspec.json.decode(data, type=dict[str, Any]).get("error")
    except NOT_JSON:
        return None
    if not error:
        return None
    text = error if isinstance(error, str) else msgspec.json.encode(error).decode()
    return Fault(text)
