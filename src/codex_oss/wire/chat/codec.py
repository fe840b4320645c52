"""Chat Completions objects to JSON and back."""

import msgspec

from codex_oss.wire.chat.answer import Choice, Chunk, ChunkError
from codex_oss.wire.chat.lenient import read
from codex_oss.wire.chat.request import Request
from codex_oss.wire.json_text import NOT_JSON

DONE = "[DONE]"
"""The data of the event that ends a stream."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Chunk)


def encode(request: Request) -> bytes:
    """Return ``request`` as JSON: equal requests give equal bytes."""
    if not request.extra:
        return _encoder.encode(request)
    body = _encoder.encode(msgspec.structs.replace(request, extra={}))
    return b"%b,%b" % (body[:-1], _encoder.encode(request.extra)[1:])


def decode_chunk(data: str | bytes) -> Chunk | ChunkError | None:
    """Return what one event of a stream says; None when that is nothing."""
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        chunk = _decoder.decode(text)
    except NOT_JSON:
        return _read(text)
    if (chunk.choices or chunk.usage) and '"error"' not in text:  # nearly every chunk
        return chunk
    return _read(text)


def decode_completion(data: str | bytes) -> Chunk | ChunkError | None:
    """Return an answer that was not streamed as one chunk; None when it is no answer.

    The chunk always has a finish reason: the answer is whole.
    """
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    match _read(text):
        case Chunk(choices=[choice, *_]) as chunk:
            ended = Choice(choice.delta, choice.finish_reason or "stop")
            return msgspec.structs.replace(chunk, choices=[ended])
        case ChunkError() as error:
            return error
        case _:
            return None


def _read(text: str) -> Chunk | ChunkError | None:
    try:
        return read(msgspec.json.decode(text))
    except NOT_JSON:
        return None
