"""The official conformance suite and the Inspector's command line as clients.

The suite's other scenarios want tools of their own; these are about any server.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from fake_server import FakeServer, message, turn
from mcp_server_peer import command, environment, home
from serving_mcp import served

NODE = os.environ.get("MCP_NODE", "")
WAIT_S = 150.0
SCENARIOS = (
    "server-initialize",
    "ping",
    "tools-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
)

pytestmark = pytest.mark.skipif(
    not NODE, reason="MCP_NODE names no folder with the conformance suite"
)


def run(program: str, arguments: Sequence[str], place: Path) -> str:
    ended = subprocess.run(
        [f"{NODE}/node_modules/.bin/{program}", *arguments],
        env=environment(place),
        cwd=place / "work",
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_conformance_suite_passes(tmp_path: Path, scenario: str) -> None:
    place = home(tmp_path, "http://127.0.0.1:9")
    with served(place) as url:
        said = run(
            "conformance", ["server", "--url", url, "--scenario", scenario], place
        )
    assert " 0 failed, 0 warnings" in said


def test_the_inspector_lists_and_calls(tmp_path: Path) -> None:
    inspect = ["--cli", *command(), "--method"]
    with FakeServer([turn(message("Hello."))]) as server:
        place = home(tmp_path, server.url)
        tools = json.loads(run("mcp-inspector", [*inspect, "tools/list"], place))
        call = ["tools/call", "--tool-name", "codex", "--tool-arg", "prompt=hi"]
        result = json.loads(run("mcp-inspector", [*inspect, *call], place))
    assert [tool["name"] for tool in tools["tools"]] == ["codex", "codex-reply"]
    assert result["structuredContent"]["content"] == "Hello."
