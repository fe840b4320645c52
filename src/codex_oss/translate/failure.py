"""What a server's error means, as the code that the Responses API has for it.

The codes matter to the receiver: the Codex CLI ends the turn at once for
``context_length_exceeded``, ``insufficient_quota`` and ``invalid_prompt`` (and shows
the message of the last), and asks again for the others.
"""

from typing import Literal

Code = Literal[
    "context_length_exceeded",
    "insufficient_quota",
    "rate_limit_exceeded",
    "invalid_prompt",
    "server_error",
]

_WORDINGS: tuple[tuple[Code, tuple[str, ...]], ...] = (
    (
        "context_length_exceeded",
        (
            "context_length_exceeded",  # OpenAI's code
            "maximum context length",  # OpenAI, vLLM
            "exceed_context_size",  # llama.cpp's type; Ollama passes it on
            "exceeds the available context size",  # llama.cpp's message
            "exceeds the context length",  # Ollama's own engine
            "prompt is longer than the context length",  # Ollama over llama-server
            "longer than the model's context length",  # SGLang
            "exceeds the maximum allowed length",  # SGLang, when the cache is smaller
            "longer than the maximum model length",  # vLLM, older
            "context the overflows",  # LM Studio, in these words
            "greater than the context length",  # LM Studio, newer
            "reached context length",  # LM Studio, while it writes
            "exceeds the context window",  # hosted servers
            "prompt is too long",  # hosted servers
        ),
    ),
    (
        "insufficient_quota",
        ("insufficient_quota", "exceeded your current quota", "insufficient credit"),
    ),
    (
        "rate_limit_exceeded",
        (
            "rate_limit",
            "rate limit",
            "too many requests",
            "loading model",  # llama.cpp before it is ready
            "server busy",  # Ollama with a full queue
            "is overloaded",
            "overloaded_error",
        ),
    ),
)

_STATUSES: dict[int, Code] = {
    402: "insufficient_quota",
    408: "server_error",
    409: "server_error",
    425: "server_error",
    429: "rate_limit_exceeded",
    503: "rate_limit_exceeded",
}


def classify(status: int | None, body: str) -> Code:
    """Return the code for an HTTP status and what the server said, its body or part.

    ``status`` is None for an error inside a stream. The words decide first, since the
    same fault comes as 400, 413, 500 or inside a stream.
    """
    said = body.lower()
    for code, wordings in _WORDINGS:
        if any(wording in said for wording in wordings):
            return code
    if status in _STATUSES:
        return _STATUSES[status]
    permanent = status is not None and 400 <= status < 500  # noqa: PLR2004  4xx
    return "invalid_prompt" if permanent else "server_error"
