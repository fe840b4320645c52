"""What the configuration says about the window, as the agent gets it."""

from pathlib import Path

import pytest

from codex_oss.agent.window import Limits
from codex_oss.config import load
from codex_oss.errors import ConfigError
from codex_oss.wiring.limits import limits, max_output
from codex_oss.wiring.permissions import Job


def job(home: Path, *overrides: str) -> Job:
    env = {"CODEX_HOME": str(home), "HOME": str(home)}
    loaded = load.load(
        home,
        env,
        overrides=list(overrides),
        profile=None,
        flags={},
        oss=False,
        local_provider=None,
        strict=False,
    )
    return Job(loaded=loaded, cwd=home, env=env)


CHAT = 'model_providers.x={name="x",base_url="http://h/v1",wire_api="chat"}'


def test_a_model_over_the_responses_api_is_trusted(tmp_path: Path) -> None:
    assert limits(job(tmp_path, "model_provider=openai"), "gpt-5.5") == Limits()


def test_a_model_over_another_api_is_asked_again_and_can_stop_thinking(
    tmp_path: Path,
) -> None:
    mine = job(tmp_path, "model_provider=x", CHAT)
    assert limits(mine, "qwen3.5:4b") == Limits(
        least_effort="none", asks_again=True, most_thinking=32_768
    )
    assert limits(mine, "newest") == Limits(least_effort="none", asks_again=True)
    assert limits(mine, "gpt-oss:20b").least_effort == "low"


def test_every_key_is_passed_on(tmp_path: Path) -> None:
    file = tmp_path / "prompt.txt"
    file.write_text("From the file.")
    set_ = (
        "model_provider=openai",
        "model_context_window=8192",
        "model_auto_compact_token_limit=5000",
        "model_thinking_budget=700",
        "tool_output_token_limit=600",
        f"experimental_compact_prompt_file={file}",
    )
    found = limits(job(tmp_path, *set_), "m")
    assert found == Limits(
        window=8192,
        compact_at=5000,
        output=600,
        thinking=700,
        compact_prompt="From the file.",
    )
    both = limits(job(tmp_path, *set_, "compact_prompt=From the key."), "m")
    assert both.compact_prompt == "From the key."


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    missing = f"experimental_compact_prompt_file={tmp_path / 'none'}"
    with pytest.raises(ConfigError, match="experimental_compact_prompt_file"):
        limits(job(tmp_path, missing), "m")


def test_a_limit_on_outputs_that_a_person_sets_counts_before_the_windows_share(
    tmp_path: Path,
) -> None:
    config = job(tmp_path).loaded.config
    assert [max_output(config, w) for w in (None, 8192)] == [10_000, 4096]
    config = job(tmp_path, "tool_output_token_limit=2000").loaded.config
    assert max_output(config, 8192) == 8000
