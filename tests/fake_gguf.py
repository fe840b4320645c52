"""Model files of a few hundred bytes: a GGUF header and no weights."""

import struct

Value = str | int | bool | list[int] | list[bool] | list[str]
Pairs = dict[str, Value]

SMALL: Pairs = {
    "general.architecture": "llama",
    "general.name": "Small",
    "llama.context_length": 8192,
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "b"],
    "tokenizer.chat_template": "{{ messages }}",
}
"""Caches 4 layers x 2 heads x (8 + 8) values x 2 bytes = 256 bytes per token."""


def encode(pairs: Pairs = SMALL, version: int = 3) -> bytes:
    """Return a GGUF file with these pairs."""
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs))
    return head + b"".join(_string(k) + _value(v) for k, v in pairs.items())


def _value(value: Value) -> bytes:
    match value:
        case str():
            return struct.pack("<I", 8) + _string(value)
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case list():
            kind, items = _items(value)
            return struct.pack("<IIQ", 9, kind, len(value)) + items


def _items(values: list[int] | list[bool] | list[str]) -> tuple[int, bytes]:
    if isinstance(values[0], str):
        return 8, b"".join(_string(str(value)) for value in values)
    if isinstance(values[0], bool):
        return 7, bytes(int(value) for value in values)
    return 4, b"".join(struct.pack("<I", int(value)) for value in values)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
