"""The catalogue by which Codex knows the models."""

from typing import Any

import msgspec
import pytest

from codex_oss.bridge import catalog
from codex_oss.bridge.catalog import ModelEntry

SEEING = ModelEntry(id="qwen3-vl:8b", context_window=32_768, vision=True)
BLIND = ModelEntry(id="tiny")


def as_json(data: bytes) -> Any:
    return msgspec.json.decode(data)


def test_codex_is_told_what_the_server_really_gives() -> None:
    [found] = as_json(catalog.codex_models([SEEING]))["models"]

    assert found == {
        "slug": "qwen3-vl:8b",
        "display_name": "qwen3-vl:8b",
        "description": "Behind the codex-oss bridge; 32768 tokens of context.",
        "supported_reasoning_levels": [
            {"effort": "low", "description": "Thinks little"},
            {"effort": "medium", "description": "Thinks as much as most tasks need"},
            {"effort": "high", "description": "Thinks long"},
        ],
        "priority": 1,
        "base_instructions": catalog.instructions(32_768),
        "truncation_policy": {"mode": "tokens", "limit": 4096},
        "context_window": 32_768,
        "max_context_window": 32_768,
        "input_modalities": ["text", "image"],
        "supports_parallel_tool_calls": True,
        "apply_patch_tool_type": "freeform",
        "multi_agent_version": "disabled",
        "shell_type": "unified_exec",
        "visibility": "list",
        "supported_in_api": True,
        "support_verbosity": False,
        "supports_reasoning_summaries": True,
        "default_reasoning_summary": "auto",
        "effective_context_window_percent": 90,
        "supports_search_tool": False,
        "use_responses_lite": False,
        "include_skills_usage_instructions": False,
        "include_plugin_usage_instructions": False,
        "include_apps_usage_instructions": False,
        "experimental_supported_tools": [],
    }


def test_what_is_not_known_is_assumed_small_and_said_to_be_assumed() -> None:
    first, second = as_json(catalog.codex_models([SEEING, BLIND]))["models"]

    assert second == first | {
        "slug": "tiny",
        "display_name": "tiny",
        "description": "Behind the codex-oss bridge; 16384 tokens of context, assumed.",
        "priority": 2,
        "truncation_policy": {"mode": "tokens", "limit": 2048},
        "context_window": 16_384,
        "max_context_window": 16_384,
        "input_modalities": ["text"],
    }


@pytest.mark.parametrize(
    ("window", "tokens"),
    [(2048, 1000), (8192, 1024), (32_768, 4096), (131_072, 10_000)],
)
def test_the_output_of_a_call_is_cut_by_the_window(window: int, tokens: int) -> None:
    assert catalog.output_tokens(window) == tokens


def test_a_catalogue_is_read_and_written_as_it_was() -> None:
    sent = catalog.codex_models([SEEING, BLIND])

    assert as_json(catalog.encode(catalog.decode(sent))) == as_json(sent)


def test_no_models_are_an_empty_list() -> None:
    assert as_json(catalog.codex_models([])) == {"models": []}


def test_the_instructions_are_the_diet_s_and_shorter_in_a_small_window() -> None:
    long, short = catalog.instructions(8193), catalog.instructions(8192)

    assert catalog.instructions(32_768, "aggressive") == short
    assert len(short) < len(long) < 17_000 / 5  # Codex's own have 17 KB
    for text in (long, short):
        assert "write_stdin" in text
        assert "AGENTS.md" in text
