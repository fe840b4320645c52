"""The programs that are measured side by side, and how one is run on a fake server."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from fake_server import FakeServer  # noqa: E402  found just above

TIMEOUT_S = 300


def peers() -> dict[str, list[str]]:
    """Return codex-oss and, when `CODEX_BIN` names it, the Codex CLI: name to argv."""
    found = {"codex-oss": [sys.executable, "-m", "codex_oss"]}
    if codex := os.environ.get("CODEX_BIN"):
        found["Codex"] = [codex]
    else:
        print("CODEX_BIN is not set: no Codex CLI beside ours")
    return found


def run_exec(
    argv: Sequence[str], server: FakeServer, settings: Sequence[str] = ()
) -> None:
    """Run `exec` once in an empty repository, as a user who has configured nothing."""
    provider = f'{{name="x",base_url="{server.url}/v1",wire_api="responses"}}'
    chosen = ["-c", "model_provider=x", "-c", f"model_providers.x={provider}"]
    with tempfile.TemporaryDirectory() as folder:
        repo, home = Path(folder, "repo"), Path(folder, "home")
        home.mkdir()
        subprocess.run(["git", "init", "-q", repo], check=True)
        subprocess.run(
            [*argv, "exec", *chosen, *settings, "-m", "some-model", "hello"],
            cwd=repo,
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=True,
            stderr=subprocess.DEVNULL,
        )


def environment(home: Path) -> dict[str, str]:
    """Return the environment of a user who has configured nothing."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("CODEX", "OPENAI"))}
    return env | {
        "CODEX_HOME": str(home),
        "HOME": str(home),
        "SHELL": "/bin/bash",
        "PYTHONPATH": str(ROOT / "src"),
    }
