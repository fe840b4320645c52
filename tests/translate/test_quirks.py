import pytest

from codex_oss.translate.quirks import QUIRKS, Quirks, quirks_for
from codex_oss.translate.thinking import Thinking, thinking_of


def test_an_unknown_server_gets_the_defaults() -> None:
    assert quirks_for("unknown", "some-model") == Quirks()
    assert quirks_for("brand-new", "some-model") == Quirks()


def test_llamacpp_tells_how_far_the_prompt_is_read() -> None:
    assert quirks_for("llamacpp", "qwen3-coder-30b") == Quirks(
        reasoning_back="reasoning_content",
        parallel_tool_calls=True,
        efforts=("none", "low", "medium", "high"),
        switch="template",
        thinking=Thinking(control="never"),
        schema_bounds=False,
        extra={
            "cache_prompt": True,
            "return_progress": True,
            "timings_per_token": False,
        },
    )


def test_ollama_names_the_reasoning_reasoning() -> None:
    assert quirks_for("ollama", "gpt-oss:20b") == Quirks(
        reasoning_back="reasoning",
        efforts=("none", "low", "medium", "high", "max"),
        switch="server",
        thinking=thinking_of("gpt-oss"),
    )


@pytest.mark.parametrize(
    ("server", "model", "field"),
    [
        ("vllm", "Qwen/Qwen3.6-27B", "reasoning"),
        ("sglang", "zai-org/GLM-4.7-Flash", "reasoning_content"),
        ("lmstudio", "qwen/qwen3-8b", "reasoning_content"),
        ("lmstudio", "openai/gpt-oss-20b", "reasoning"),
    ],
)
def test_servers_differ_in_where_thoughts_stand(
    server: str, model: str, field: str
) -> None:
    assert quirks_for(server, model).reasoning_back == field


@pytest.mark.parametrize(
    ("server", "model", "flags"),
    [
        ("llamacpp", "Devstral-Small-2-24B", {"alternate"}),
        ("ollama", "devstral-small-2:24b", set[str]()),
        ("vllm", "google/gemma-3-27b-it", {"alternate"}),
        ("vllm", "Qwen/Qwen3-30B-A3B-Thinking-2507", {"think_opened"}),
        ("vllm", "Qwen/Qwen3-30B-A3B-Instruct-2507", set[str]()),
        ("lmstudio", "qwq-32b", {"think_opened"}),
        ("llamacpp", "QwQ-32B", set[str]()),
        ("other", "deepseek-r1:8b", {"think_opened"}),
    ],
)
def test_models_add_their_quirks(server: str, model: str, flags: set[str]) -> None:
    quirks = quirks_for(server, model)
    assert {f for f in ("alternate", "think_opened") if getattr(quirks, f)} == flags


def test_every_row_names_flags_that_exist() -> None:
    for _, _, changes in QUIRKS:
        assert set(changes) <= set(Quirks.__struct_fields__)
