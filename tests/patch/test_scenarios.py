"""Every scenario folder, from patch text to files on disk."""

from pathlib import Path

import pytest

from codex_oss.errors import PatchError
from codex_oss.patch.apply import plan
from codex_oss.patch.parse import parse
from codex_oss.patch.write import write
from patch.scenario_folders import SCENARIOS, Scenario, tree


def outcome(scenario: Scenario, directory: Path) -> str | None:
    try:
        patch = parse(scenario.patch)
        if patch.hunks:
            write(plan(patch, directory))
    except PatchError as error:
        return f"{error}\n".replace(str(directory), "$DIR")
    return None


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_a_patch_gives_the_expected_files_or_the_expected_error(
    scenario: Scenario, tmp_path: Path
) -> None:
    scenario.lay_out(tmp_path)

    error = outcome(scenario, tmp_path)

    assert (error, tree(tmp_path)) == (scenario.error, scenario.expected())


def test_there_are_scenarios_of_every_sort() -> None:
    assert len(SCENARIOS) > 100
    assert sum(scenario.error is not None for scenario in SCENARIOS) > 20
