"""What a server's error means, as the code that the Responses API has for it.

The codes matter to the receiver: the Codex CLI ends the turn at once for
``context_length_exceeded``, ``insufficient_quota`` and ``invalid_prompt`` (and shows
the message of the last), and asks again for the others.
"""

from typing import Literal

from codex_oss.errors import ContextOverflow

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
            "input is too long",  # hosted servers
            "maximum prompt length",  # hosted servers
            "exceeds the maximum number of tokens",  # hosted servers
            "context size has been exceeded",  # LM Studio with MLX
            "longer than the maximum context",  # small servers on MLX and exllama
            "context window exceeded",
            "exceed context window",  # llama-cpp-python
            "context length exceeded",
            "`max_new_tokens` must be <=",  # TGI
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


_NUMBER = r"([0-9][0-9,_]*)"
_WINDOWS = (
    rf'n_ctx\\*"?[:= ]+{_NUMBER}',  # llama.cpp's field; LM Studio's words
    rf"context (?:length|size|window)(?: is| of)?(?: only)?[ (]+{_NUMBER}",
    rf"maximum context length(?: is| of)?[ (]+{_NUMBER}",
    rf"maximum (?:allowed|model|prompt) length(?: is| of)?[ (]+{_NUMBER}",
    rf"maximum number of tokens allowed[ (]+{_NUMBER}",
    rf"with {_NUMBER} maximum context length",
    rf"context window of {_NUMBER}",
    rf"must be <= {_NUMBER}",
    rf"> {_NUMBER} maximum",
)
"""How servers tell the window. The first that is found counts."""
_SIZES = (
    rf'n_prompt_tokens\\*"?[:= ]+{_NUMBER}',
    rf"\(?{_NUMBER} (?:in the messages|tokens from the input messages)",
    rf"(?:request|input|input length) (?:has |\(){_NUMBER}",
    rf"(?:resulted in|you requested about|contains|is too long:) {_NUMBER}",
    rf"(?:you requested|requested a total of) {_NUMBER}",
    rf"length {_NUMBER}\) is longer",
    rf"given: {_NUMBER} `inputs`",
    rf"(?:requested tokens|input token count|keep the first|n_keep:) \(?{_NUMBER}",
)
"""How they tell the prompt's size."""
_LEAST_WINDOW = 64
"""A smaller number is none of a window."""


def overflow(said: str) -> ContextOverflow:
    """Return the error for a prompt that does not fit, with the numbers in ``said``."""
    return ContextOverflow(window=_first(_WINDOWS, said), tokens=_first(_SIZES, said))


def _first(patterns: tuple[str, ...], said: str) -> int | None:
    import re  # noqa: PLC0415  only failures read numbers

    low = said.lower()
    for pattern in patterns:
        if found := re.search(pattern, low):
            number = int(found[1].replace(",", "").replace("_", ""))
            return number if number >= _LEAST_WINDOW else None
    return None
