import pytest

from codex_oss.translate.failure import classify, overflow

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
    "LM Studio with MLX": (None, "Context size has been exceeded."),
    "llama-cpp-python": (400, "Requested tokens (757) exceed context window of 512"),
    "TGI": (422, "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000"),
    "Mistral": (
        400,
        (
            "Prompt contains 40000 tokens and 0 draft tokens, too large for model with"
            " 32768 maximum context length"
        ),
    ),
    "xAI": (
        400,
        "This model's maximum prompt length is 131072 but the request contains 537812",
    ),
    "Gemini": (
        400,
        (
            "The input token count (1200000) exceeds the maximum number of tokens"
            " allowed (1048576)."
        ),
    ),
    "Anthropic": (400, "prompt is too long: 210000 tokens > 200000 maximum"),
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


@pytest.mark.parametrize(
    ("said", "window", "tokens"),
    [
        (OVERFLOWS["llama.cpp"][1], 4096, 9000),
        (
            (
                '{"error":{"type":"exceed_context_size_error","n_prompt_tokens":9000,'
                '"n_ctx":4096}}'
            ),
            4096,
            9000,
        ),
        (OVERFLOWS["llama.cpp behind Ollama"][1], 256, 351),
        (OVERFLOWS["Ollama"][1], None, None),
        (OVERFLOWS["vLLM"][1], 16_384, 19_591),
        (
            (
                "This model's maximum context length is 8192 tokens. However, you"
                " requested 9000 tokens (8000 in the messages, 1000 in the completion)."
            ),
            8192,
            8000,
        ),
        (
            (
                "'max_tokens' or 'max_completion_tokens' is too large: 2000. This"
                " model's maximum context length is 4096 tokens and your request has"
                " 2104 input tokens (2000 > 4096 - 2104)."
            ),
            4096,
            2104,
        ),
        (
            (
                "The decoder prompt (length 9100) is longer than the maximum model"
                " length of 8192."
            ),
            8192,
            9100,
        ),
        (OVERFLOWS["TGI"][1] + " `inputs` tokens and 500", 4096, 9000),
        (OVERFLOWS["SGLang"][1], 40_960, 61_709),
        (
            (
                "Requested token count exceeds the model's maximum context length of"
                " 8192 tokens. You requested a total of 9000 tokens: 8500 tokens from"
                " the input messages and 500 tokens for the completion."
            ),
            8192,
            8500,
        ),
        (
            (
                "Trying to keep the first 10136 tokens when context the overflows. How"
                "ever, the model is loaded with context length of only 4096 tokens,"
            ),
            4096,
            10_136,
        ),
        (OVERFLOWS["LM Studio, newer"][1], 4096, 10_247),
        (OVERFLOWS["LM Studio, while it writes"][1], 4096, None),
        (OVERFLOWS["llama-cpp-python"][1], 512, 757),
        (OVERFLOWS["TGI"][1], 4096, None),
        (OVERFLOWS["Mistral"][1], 32_768, 40_000),
        (OVERFLOWS["xAI"][1], 131_072, 537_812),
        (OVERFLOWS["Gemini"][1], 1_048_576, 1_200_000),
        (OVERFLOWS["Anthropic"][1], 200_000, 210_000),
        (
            (
                "This model's maximum context length is 8,192 tokens. However, your"
                " messages resulted in 8,545 tokens."
            ),
            8192,
            8545,
        ),
        (OVERFLOWS["OpenAI"][1], None, None),
        ("maximum context length is 8", None, None),
    ],
)
def test_the_numbers_in_an_overflow_are_read(
    said: str, window: int | None, tokens: int | None
) -> None:
    error = overflow(said)
    assert (error.window, error.tokens) == (window, tokens)
