"""Our results against those of the real Codex CLI, over all scenario folders.

Its binary is a patch program when it is called by the name ``apply_patch``. Found by
``CODEX_BIN``, on PATH, or in ``.cache/npm`` of the checkout; checked with 0.169.0.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from patch.scenario_folders import SCENARIOS, Scenario, tree

MACHINE_CODE = (b"\x7fELF", b"\xcf\xfa\xed\xfe")

BETTER_WORDS = "the error says why"
ATOMIC = "Codex's own program keeps the files of a patch that fails halfway"
SESSION = "the words of a session, not of the program"

DIFFERENT = {
    "error_add_over_directory": BETTER_WORDS,
    "error_add_under_file": BETTER_WORDS,
    "error_delete_of_missing_file": SESSION,
    "error_delete_of_directory": SESSION,
    "error_delete_twice": SESSION + "; " + ATOMIC,
    "error_nothing_written_on_mismatch": ATOMIC,
    "error_update_after_move": ATOMIC,
    "empty_frame_has_no_hunks": "the tool answers an empty patch, not the parser",
    "error_nothing_left_to_do": "what is added and deleted was never there",
}
"""Scenarios without ``open_`` before their name that end differently, and why."""


def native_codex() -> Path | None:
    """Return the Codex binary; what is on PATH is often its JavaScript launcher."""
    checkout = Path(__file__).parents[2] / ".cache" / "npm"
    named = os.environ.get("CODEX_BIN") or shutil.which("codex")
    places = [Path(named).resolve()] if named else []
    places += sorted(checkout.glob("node_modules/@openai/codex*/vendor/*/bin/codex"))
    for place in places:
        modules = next((p for p in place.parents if p.name == "node_modules"), None)
        beside = modules.glob("@openai/codex*/vendor/*/bin/codex") if modules else ()
        for file in [place, *beside]:
            if file.is_file():
                with file.open("rb") as start:
                    if start.read(4) in MACHINE_CODE:
                        return file
    return None


@pytest.fixture(scope="module")
def apply_patch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    codex = native_codex()
    if codex is None:
        pytest.skip("no Codex binary: set CODEX_BIN, or install @openai/codex")
    program = tmp_path_factory.mktemp("oracle") / "apply_patch"
    program.symlink_to(codex)
    return program


def codex_outcome(program: Path, scenario: Scenario, directory: Path) -> str | None:
    """Run Codex's program; return its error in the words that a session uses."""
    done = subprocess.run(
        [program, scenario.patch],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory)},
        capture_output=True,
        timeout=180,
        check=False,
    )
    if done.returncode == 0:
        return None
    words = done.stderr.decode().replace(str(directory), "$DIR")
    words = words.replace("Invalid patch:", "invalid patch:")
    return re.sub(
        r"^Invalid patch hunk on line (\d+):", r"invalid hunk at line \1,", words
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_codex_does_the_same_where_no_difference_is_meant(
    scenario: Scenario, tmp_path: Path, apply_patch: Path
) -> None:
    scenario.lay_out(tmp_path)

    error = codex_outcome(apply_patch, scenario, tmp_path)

    same = (error, tree(tmp_path)) == (scenario.error, scenario.expected())
    title = scenario.name.partition("_")[2]
    meant = title.startswith("open_") or title in DIFFERENT
    assert same != meant, error


def test_every_difference_names_a_scenario() -> None:
    titles = {scenario.name.partition("_")[2] for scenario in SCENARIOS}

    assert titles.issuperset(DIFFERENT)
