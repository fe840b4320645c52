"""How many of the 83 scenarios the real Codex CLI gets through, by bridge.

    CODEX_BIN=codex .venv/bin/python bench/bridge_conformance.py [--only NAME …]
        [--codex-relay PROGRAM] [--no-ours]

The scenarios, their server and their judge are those of the tests
(`tests/codex_scenarios`). Each cell of the table is a run of `codex exec` without
retries; `ok`, or what is wrong with its outcome.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from peers import ROOT

sys.path.insert(0, str(ROOT / "tests"))

import bridges
from codex_cli import CODEX, Codex
from codex_scenarios.table import TABLE
from scripted_upstream import Scenario, ScriptedUpstream, judge

WIDTH = 150
Maker = Callable[[str], contextlib.AbstractContextManager[bridges.Running]]
"""Starts a bridge in front of a URL."""


def main() -> None:
    """Run the table for each bridge and print what is wrong."""
    parser = argparse.ArgumentParser(description="Conformance with the Codex CLI.")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--codex-relay", default="")
    parser.add_argument("--no-ours", action="store_true")
    options = parser.parse_args()
    if not CODEX:
        raise SystemExit("CODEX_BIN must name the Codex CLI")
    makers: dict[str, Maker] = {}
    if not options.no_ours:
        makers["codex-oss"] = bridges.ours
    if options.codex_relay:
        makers["codex-relay"] = lambda url: bridges.relay(options.codex_relay, url)
    chosen = [
        s for name, s in TABLE.items() if not options.only or name in options.only
    ]
    scores: dict[str, int] = {}
    for name, make in makers.items():
        print(f"\n== {name}")
        scores[name] = run(make, chosen, options.jobs)
    for name, score in scores.items():
        print(f"{name}: {score} of {len(chosen)} right")


def run(
    make: Maker,
    scenarios: list[Scenario],
    jobs: int,
) -> int:
    """Run scenarios on one bridge, print the outcomes, return how many are right."""
    with (
        tempfile.TemporaryDirectory() as root,
        ScriptedUpstream(TABLE.values()) as upstream,
        make(upstream.url) as bridge,
        ThreadPoolExecutor(jobs) as pool,
    ):
        homes = [Codex(Path(root, str(number))) for number in range(jobs)]

        def one(scenario: Scenario) -> list[str]:
            codex = homes.pop()
            try:
                folder = codex.folder(scenario.name, scenario.given)
                prompt, model = f"[[{scenario.name}]] Do it.", f"model-{scenario.name}"
                told = codex.run(bridge.url, prompt, folder, model=model)
                bodies = upstream.bodies.get(scenario.name, [])
                return judge(scenario, told.told, bodies, told.files)
            finally:
                homes.append(codex)

        right = 0
        for scenario, wrong in zip(scenarios, pool.map(one, scenarios), strict=True):
            right += not wrong
            what = "; ".join(wrong)[:WIDTH] or "ok"
            print(f"{scenario.name:26} {what}", flush=True)
        upstream.failure = None  # what a peer asked for wrongly is in its score
    return right


if __name__ == "__main__":
    main()
