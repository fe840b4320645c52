"""Settings of one model: which of the places that may say something counts."""

from pathlib import Path

import pytest

from codex_oss.wiring.model_settings import (
    Setting,
    entries,
    reasoning_effort,
    setting,
)
from config_home import loader

FILE = """
model_reasoning_effort = "high"
[models."qwen3*"]
reasoning_effort = "low"
edit_form = "whole"
[models."qwen3:8b"]
reasoning_effort = "none"
[profiles.deep]
model_reasoning_effort = "xhigh"
"""


@pytest.mark.parametrize(
    ("model", "value", "key", "line"),
    [
        ("gpt-oss:20b", "high", "model_reasoning_effort", 2),
        ("Qwen/Qwen3-4B", "low", 'models."qwen3*".reasoning_effort', 4),
        ("qwen3:8b", "none", 'models."qwen3:8b".reasoning_effort', 7),
    ],
)
def test_a_models_own_entry_counts_and_the_longest_name_of_several(
    tmp_path: Path, model: str, value: str, key: str, line: int
) -> None:
    found = reasoning_effort(loader(tmp_path)(FILE), model)

    assert found == Setting(value, f"`{key}`, ~/.codex/config.toml:{line}")


def test_the_command_line_counts_before_an_entry_and_a_profile_does_not(
    tmp_path: Path,
) -> None:
    load = loader(tmp_path)

    here = load(FILE, overrides=["model_reasoning_effort=max"])
    deep = load(FILE, profile="deep")

    said = Setting("max", "`model_reasoning_effort`, -c")
    assert reasoning_effort(here, "qwen3") == said
    assert reasoning_effort(deep, "qwen3").value == "low"
    assert reasoning_effort(deep, "llama3").value == "xhigh"


def test_an_entry_that_is_silent_leaves_it_to_the_next_that_fits(
    tmp_path: Path,
) -> None:
    loaded = loader(tmp_path)(FILE)

    assert entries(loaded, "models/Qwen3:8B.gguf") == ["qwen3:8b", "qwen3*"]
    assert setting(loaded, "qwen3:8b", "edit_form", "edit_form").value == "whole"
    assert setting(loaded, "llama3", "edit_form", "edit_form") == Setting("auto", "")
