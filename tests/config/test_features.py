"""Switches of features: which are known, and what an unknown one means."""

import pytest

from codex_oss.config import features
from codex_oss.errors import ConfigError
from config_home import Run


def test_the_features_of_codex_are_known() -> None:
    features.check(["shell_tool", "goals", "guardianv2.thread_context"])


def test_an_unknown_flag_is_an_error_with_what_was_probably_meant() -> None:
    with pytest.raises(ConfigError) as caught:
        features.check(["goals", "shel_tool"])
    wanted = "Unknown feature flag: shel_tool\nDid you mean shell_tool?"
    assert caught.value.report() == wanted


def test_an_unknown_one_in_a_file_is_a_warning(run: Run) -> None:
    loaded = run("[features]\nshell_tool = false\nviewimage = true\n")
    (warning,) = loaded.warnings
    assert warning == (
        "~/.codex/config.toml:3: unknown key `features.viewimage` is ignored. Did you "
        "mean `features.view_image`?"
    )
    assert loaded.config.features["shell_tool"] is False
