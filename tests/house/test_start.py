"""House rules on start-up: what a command may import before it does anything."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codex_oss.cli import main

SRC = Path(__file__).resolve().parents[2] / "src"

# Milliseconds of CPU each; none is needed to print a version or a page of help.
NEVER = {
    "asyncio",
    "concurrent.futures",
    "dataclasses",
    "http.client",
    "importlib.metadata",
    "logging",
    "msgspec",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "urllib.request",
    "xllamacpp",
}
NOT_FOR_A_VERSION = NEVER | {"argparse", "enum", "json", "re", "typing"}


def run(*arguments: str) -> tuple[str, set[str]]:
    """Run a command; return what it printed and the modules it imported itself.

    What the bare interpreter imports (``site`` and its ``.pth`` files) is not ours.
    """
    printed, imported = imports_of("-m", "codex_oss", *arguments)
    _, bare = imports_of("-c", "pass")
    return printed, imported - bare


def imports_of(*arguments: str) -> tuple[str, set[str]]:
    """Run Python; return what it printed and all that it imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SRC)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, set(re.findall(r"import time:.*\| +(\S+)", done.stderr))


def test_printing_the_version_imports_next_to_nothing() -> None:
    printed, imported = run("--version")

    assert re.fullmatch(r"codex-oss \d+\.\d+\.\d+\S*\n", printed)
    assert imported & NOT_FOR_A_VERSION == set()
    own = {module for module in imported if module.startswith("codex_oss")}
    assert own == {"codex_oss", "codex_oss.cli"}


def test_garbage_is_looked_for_again_after_a_command() -> None:
    assert gc.isenabled()
    assert main(["--help"]) == 0
    assert gc.isenabled()


NOT_FOR_A_BRIDGE = {
    "PIL",
    "codex_oss.agent.turn",
    "codex_oss.bridge.inspector.pages",
    "codex_oss.bridge.service.install",
    "codex_oss.engines",
    "codex_oss.exec_mode",
    "codex_oss.sandbox",
    "concurrent.futures.process",
    "hashlib",
    "http",
    "http.client",
    "importlib.metadata",
    "redis",
    "sqlite3",
    "xllamacpp",
}


def test_a_bridge_imports_what_it_serves_with() -> None:
    _, imported = imports_of("-c", "import codex_oss.wiring.bridge")
    assert imported & NOT_FOR_A_BRIDGE == set()


@pytest.mark.parametrize(
    "command", [(), ("exec",), ("bridge",)], ids=["program", "exec", "bridge"]
)
def test_help_loads_neither_an_event_loop_nor_a_codec(command: tuple[str, ...]) -> None:
    printed, imported = run(*command, "--help")

    assert "usage" in printed.lower()
    assert imported & NEVER == set()


# The first command pays 20 ms for them; examples in rules pay for `shlex`.
NOT_FOR_A_START = {"shlex", "tree_sitter", "tree_sitter_bash"}


def test_a_session_starts_without_the_grammar_of_scripts() -> None:
    _, imported = imports_of(
        "-c", "import codex_oss.wiring.session, codex_oss.config.rules"
    )
    assert imported & NOT_FOR_A_START == set()
