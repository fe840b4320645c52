"""The real Codex CLI, through the bridge, on a server that plays 83 scenarios."""

from collections.abc import Generator

import pytest

import bridges
from codex_cli import CODEX, NO_CODEX, Codex
from codex_scenarios.table import TABLE
from scripted_upstream import ScriptedUpstream, judge

pytestmark = pytest.mark.skipif(not CODEX, reason=NO_CODEX)

LINES = 83
"""Of the table of peers that the scenarios were made for."""


@pytest.fixture(scope="module")
def codex(tmp_path_factory: pytest.TempPathFactory) -> Codex:
    return Codex(tmp_path_factory.mktemp("codex"))


@pytest.fixture(scope="module")
def upstream() -> Generator[ScriptedUpstream, None, None]:
    with ScriptedUpstream(TABLE.values()) as server:
        yield server


@pytest.fixture(scope="module")
def bridge(upstream: ScriptedUpstream) -> Generator[str, None, None]:
    with bridges.ours(upstream.url) as running:
        yield running.url


@pytest.mark.parametrize("name", TABLE)
def test_codex_gets_the_right_outcome(
    name: str, codex: Codex, upstream: ScriptedUpstream, bridge: str
) -> None:
    scenario = TABLE[name]
    folder = codex.folder(name, scenario.given)
    # Each is a model of its own: what is learned of one says nothing of others.
    outcome = codex.run(
        bridge,
        f"[[{name}]] Do it.",
        folder,
        settings=scenario.settings,
        model=f"model-{name}",
    )
    bodies = upstream.bodies.get(name, [])
    assert judge(scenario, outcome.told, bodies, outcome.files) == []


def test_every_line_of_the_table_has_its_scenario() -> None:
    assert len(TABLE) == LINES
