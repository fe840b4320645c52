"""Ordinary tools of developers, in a workspace with the network off."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import confinement
from codex_oss.policy import Permissions
from codex_oss.sandbox.run import Settings
from confinement import Ran, obstacle, only
from sandbox_tools import FILES, TOOLS, Tool

AT_LEAST = 19
"""Of the 23, what must work; the Codex CLI 0.169 runs 15 of such a list."""
FAILS: dict[str, set[str]] = {
    "loopback": {"any", "traced"},
    "strict": {"any", "traced", "strict"},
    "ptrace": {"any"},
}
NEEDED = {"gdb": "gcc"}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tools").resolve() / "repo"
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q", root], check=True)
    if shutil.which("gcc"):
        subprocess.run(["gcc", "-g", "-o", root / "main", root / "main.c"], check=True)
    return root


def use(tool: Tool, repo: Path, settings: Settings) -> Ran:
    for program in (tool.needs, NEEDED.get(tool.name, "sh")):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    if why := obstacle(settings.backend, os.getuid()):
        pytest.skip(why)
    scratch = str(repo.parent)
    permissions = Permissions(
        mode="workspace-write", writable_roots=(str(repo),), scratch=(scratch, "/tmp")
    )
    env = {"PATH": os.environ["PATH"], "HOME": scratch, "TMPDIR": scratch}
    return confinement.sh(tool.script, repo, permissions, settings=settings, env=env)


def works(ran: Ran, tool: Tool) -> bool:
    return ran.ended.code == 0 and tool.says in ran.output


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_works_with_the_network_off(tool: Tool, repo: Path) -> None:
    ran = use(tool, repo, only("bubblewrap"))
    assert works(ran, tool) == (tool.unless not in FAILS["loopback"]), ran


@pytest.mark.parametrize(
    "tool", [tool for tool in TOOLS if tool.unless], ids=lambda tool: tool.name
)
def test_the_strict_filter_costs_local_servers_too(tool: Tool, repo: Path) -> None:
    ran = use(tool, repo, Settings(backend="bubblewrap", filter="strict"))
    assert works(ran, tool) == (tool.unless not in FAILS["strict"]), ran


@pytest.mark.parametrize(
    "tool", [tool for tool in TOOLS if tool.unless == "traced"], ids=lambda t: t.name
)
def test_debuggers_work_where_they_are_allowed(tool: Tool, repo: Path) -> None:
    ran = use(tool, repo, Settings(backend="bubblewrap", ptrace=True))
    assert works(ran, tool) == (tool.unless not in FAILS["ptrace"]), ran


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_works_behind_landlock(tool: Tool, repo: Path) -> None:
    ran = use(tool, repo, only("landlock"))
    assert works(ran, tool) == (tool.unless not in FAILS["strict"]), ran


def test_enough_of_them_work() -> None:
    assert len(TOOLS) == 23
    assert sum(tool.unless not in FAILS["loopback"] for tool in TOOLS) >= AT_LEAST
