"""The Chat Completions API: requests, and the chunks of a streamed answer.

Source: OpenAI's Chat Completions reference, and the answers of llama.cpp, Ollama,
LM Studio, vLLM and SGLang, which add to it and deviate from it. A request is written
strictly; an answer is read leniently and never raises.
"""

from codex_oss.wire.chat.answer import (
    CallDelta,
    Choice,
    Chunk,
    ChunkError,
    CompletionTokensDetails,
    Delta,
    FunctionDelta,
    PromptProgress,
    PromptTokensDetails,
    Timings,
    Usage,
)
from codex_oss.wire.chat.codec import DONE, decode_chunk, decode_completion, encode
from codex_oss.wire.chat.pattern import TextPattern
from codex_oss.wire.chat.request import (
    Assistant,
    Developer,
    Function,
    FunctionTool,
    ImagePart,
    ImageUrl,
    Message,
    Part,
    Request,
    StreamOptions,
    System,
    TextPart,
    Tool,
    ToolCall,
    ToolFunction,
    User,
)

Piece = Chunk | ChunkError | str
"""Something of an answer. A str is the text of a chunk that is nothing else."""

__all__ = [
    "DONE",
    "Assistant",
    "CallDelta",
    "Choice",
    "Chunk",
    "ChunkError",
    "CompletionTokensDetails",
    "Delta",
    "Developer",
    "Function",
    "FunctionDelta",
    "FunctionTool",
    "ImagePart",
    "ImageUrl",
    "Message",
    "Part",
    "Piece",
    "PromptProgress",
    "PromptTokensDetails",
    "Request",
    "StreamOptions",
    "System",
    "TextPart",
    "TextPattern",
    "Timings",
    "Tool",
    "ToolCall",
    "ToolFunction",
    "Usage",
    "User",
    "decode_chunk",
    "decode_completion",
    "encode",
]
