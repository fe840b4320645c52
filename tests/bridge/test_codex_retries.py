"""How often the Codex CLI, with its own retries, asks the bridge about a fault."""

from collections.abc import Generator

import pytest

import bridges
from codex_cli import CODEX, NO_CODEX, Codex
from codex_scenarios.calls import SCENARIOS as CALLS
from codex_scenarios.faults import SCENARIOS as FAULTS
from fake_server import closed_port
from scripted_upstream import ScriptedUpstream, failure_of, judge
from tcp_door import Door

pytestmark = pytest.mark.skipif(not CODEX, reason=NO_CODEX)

DEFAULT = ""
"""The provider's table says nothing about retries: four and five of them."""
ONCE = {s.name: s for s in FAULTS if s.name.startswith("e")}
"""Permanent faults end the turn with one request; passing ones the bridge waits for."""


@pytest.fixture(scope="module")
def codex(tmp_path_factory: pytest.TempPathFactory) -> Codex:
    return Codex(tmp_path_factory.mktemp("codex"))


@pytest.fixture(scope="module")
def upstream() -> Generator[ScriptedUpstream, None, None]:
    with ScriptedUpstream([*FAULTS, *CALLS]) as server:
        yield server


@pytest.fixture(scope="module")
def bridge(upstream: ScriptedUpstream) -> Generator[bridges.Running, None, None]:
    with bridges.ours(upstream.url) as running:
        yield running


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


@pytest.mark.parametrize("name", [n for n in ONCE if n != "err-inband"])
def test_codex_asks_once(
    name: str,
    codex: Codex,
    upstream: ScriptedUpstream,
    bridge: bridges.Running,
) -> None:
    scenario = ONCE[name]
    with Door(port_of(bridge.url)) as door:
        folder = codex.folder(name)
        told = codex.run(door.url, f"[[{name}]] Go.", folder, provider=DEFAULT)
        assert judge(scenario, told.told, upstream.bodies[name], told.files) == []
        assert door.asked == 1


def test_a_call_by_another_agent_s_name_costs_no_request_more(
    codex: Codex, bridge: bridges.Running
) -> None:
    name = "tool-unknown-shell"
    with Door(port_of(bridge.url)) as door:
        told = codex.run(
            door.url, f"[[{name}]] Go.", codex.folder(name), provider=DEFAULT
        )
        assert failure_of(told.told) is None
        assert door.asked == 2  # the call, and the answer to its output


def test_a_server_that_does_not_run_is_told_of_at_once(
    codex: Codex,
) -> None:
    with (
        closed_port() as port,
        bridges.ours(f"http://127.0.0.1:{port}") as bridge,
        Door(port_of(bridge.url)) as door,
    ):
        told = codex.run(door.url, "Go.", codex.folder("refused"), provider=DEFAULT)
    failure = failure_of(told.told) or ""
    assert f"127.0.0.1:{port}" in failure
    assert "high demand" not in failure
    assert door.asked == 1
