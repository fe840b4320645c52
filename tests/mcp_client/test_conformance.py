"""The official conformance suite against our client.

Its other scenarios are about OAuth, which the client does not have.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import mcp_conformance
from running import ROOT

NODE = os.environ.get("MCP_NODE", "")
SUITE = Path(NODE) / "node_modules/.bin/conformance"
WAIT_S = 60.0


@pytest.mark.skipif(
    not (NODE and SUITE.exists()),
    reason="MCP_NODE names no folder with the conformance suite",
)
@pytest.mark.parametrize(
    "scenario",
    ["initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry"],
)
def test_the_client_passes_the_conformance_suite(tmp_path: Path, scenario: str) -> None:
    client = f"{sys.executable} {mcp_conformance.__file__}"
    ended = subprocess.run(
        [SUITE, "client", "--command", client, "--scenario", scenario],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT / 'tests'}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    told = ended.stdout + ended.stderr
    assert "OVERALL: PASSED" in told, told
