"""Ollama's own chat API, ``POST /api/chat``: JSON lines.

It can do what its Chat Completions route cannot: choose the context length, and refuse
a prompt that does not fit instead of cutting it in silence. Source: Ollama 0.9 to 0.33.
A request is written strictly; an answer is read leniently and never raises.
"""

from codex_oss.wire.ollama.answer import CalledLine, CallLine, Fault, Line, Said
from codex_oss.wire.ollama.codec import decode_line, encode
from codex_oss.wire.ollama.request import (
    Called,
    Loading,
    Message,
    Options,
    Request,
    ToolCall,
)

__all__ = [
    "CallLine",
    "Called",
    "CalledLine",
    "Fault",
    "Line",
    "Loading",
    "Message",
    "Options",
    "Request",
    "Said",
    "ToolCall",
    "decode_line",
    "encode",
]
