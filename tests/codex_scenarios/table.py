"""All scenarios of the conformance table, one for each of its 83 lines."""

from codex_scenarios import calls, faults, reasoning, texts, tools, written
from scripted_upstream import Scenario

TABLE: dict[str, Scenario] = {
    scenario.name: scenario
    for module in (texts, calls, written, reasoning, tools, faults)
    for scenario in module.SCENARIOS
}
