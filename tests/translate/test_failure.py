import pytest

from codex_oss.translate.failure import classify

OVERFLOWS: dict[str, tuple[int | None, str]] = {
    "llama.cpp": (
        400,
        (
            '{"error":{"code":400,"message":"request (9000 tokens) exceeds the'
            ' available context size (4096 tokens)",'
            '"type":"exceed_context_size_error"}}'
        ),
    ),
    "llama.cpp behind Ollama": (
        400,
        (
            '{"error":"{\\"error\\":{\\"code\\":400,\\"message\\":\\"request (351'
            ' tokens) exceeds the available context size (256 tokens)\\"}}"}'
        ),
    ),
    "Ollama": (400, '{"error":"the input length exceeds the context length"}'),
    "Ollama, newer": (
        400,
        (
            '{"error":"the prompt is longer than the context length currently available'
            " to the model; shorten the prompt, adjust the context length in settings,"
            ' or use a model with a longer context length"}'
        ),
    ),
    "vLLM": (
        400,
        (
            '{"object":"error","message":"This model\'s maximum context length is 16384'
            ' tokens. However, you requested 19591 tokens","type":"BadRequestError"}'
        ),
    ),
    "SGLang": (
        400,
        (
            '{"object":"error","message":"The input (61709 tokens) is longer than the'
            " model's context length (40960 tokens).\"}"
        ),
    ),
    "SGLang with a small cache": (
        400,
        "Input length (160 tokens) exceeds the maximum allowed length (59 tokens).",
    ),
    "LM Studio": (
        400,
        "Trying to keep the first 10136 tokens when context the overflows. However,",
    ),
    "LM Studio, newer": (
        400,
        (
            "The number of tokens to keep from the initial prompt is greater than the"
            " context length (n_keep: 10247 >= n_ctx: 4096)."
        ),
    ),
    "LM Studio, while it writes": (
        None,
        "Reached context length of 4096 tokens with model (arch: qwen3vlmoe)",
    ),
    "OpenAI": (400, '{"error":{"message":"x","code":"context_length_exceeded"}}'),
    "inside a stream": (None, "exceed_context_size_error too long"),
    "as a server error": (500, "maximum context length is 8192"),
}


@pytest.mark.parametrize(("status", "body"), OVERFLOWS.values(), ids=OVERFLOWS.keys())
def test_every_servers_words_for_a_full_window_are_known(
    status: int | None, body: str
) -> None:
    assert classify(status, body) == "context_length_exceeded"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (429, "slow down", "rate_limit_exceeded"),
        (400, '{"error":{"code":"rate_limit_exceeded"}}', "rate_limit_exceeded"),
        (
            503,
            '{"error":{"message":"Loading model","type":"unavailable_error"}}',
            "rate_limit_exceeded",
        ),
        (503, '{"error":"server busy, please try again."}', "rate_limit_exceeded"),
        (429, '{"error":{"code":"insufficient_quota"}}', "insufficient_quota"),
        (402, "", "insufficient_quota"),
        (400, "bad schema", "invalid_prompt"),
        (401, "", "invalid_prompt"),
        (404, '{"error":"model \\"x\\" not found"}', "invalid_prompt"),
        (408, "", "server_error"),
        (500, "error parsing tool call", "server_error"),
        (502, "<html>", "server_error"),
        (None, "the runner crashed", "server_error"),
    ],
)
def test_other_failures_follow_words_then_status(
    status: int | None, body: str, code: str
) -> None:
    assert classify(status, body) == code
