"""Runs `codex-oss exec` as a process, as a user who has configured nothing."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 180


OURS = (sys.executable, "-m", "codex_oss")


def run_exec(
    folder: Path,
    arguments: Sequence[str],
    *,
    prompt: str = "",
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = OURS,
) -> subprocess.CompletedProcess[str]:
    """Run `exec` in `folder/repo` with `folder` as home and `prompt` on stdin.

    It stands in a file: of a pipe that is not closed yet, more would be expected.
    """
    with tempfile.TemporaryFile("w+") as stdin:
        stdin.write(prompt)
        stdin.seek(0)
        return subprocess.run(
            [*program, "exec", *arguments],
            cwd=prepared(folder),
            env=environment(folder) | dict(env or {}),
            stdin=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )


def run_other(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run another command than `exec` there, with nothing on stdin."""
    return subprocess.run(
        [*OURS, *arguments],
        cwd=prepared(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def prepared(folder: Path) -> Path:
    """Make `folder/home`, which is `CODEX_HOME`, and return `folder/repo`."""
    repo = folder / "repo"
    for path in (folder / "home", repo):
        path.mkdir(exist_ok=True)
    if not (repo / ".git").exists():
        subprocess.run(["git", "init", "-q", repo], check=True)
    return repo


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a user who has configured nothing."""
    private = ("CODEX", "OPENAI", "OLLAMA", "HF_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(private)}
    return inherited | {
        "CODEX_HOME": str(folder / "home"),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "src"),
        "SHELL": "/bin/bash",
    }


def provider(url: str, wire_api: str = "responses", more: str = "") -> list[str]:
    """Return the arguments that name a server as provider `x`, and a model."""
    table = f'{{name="x",base_url="{url}/v1",wire_api="{wire_api}"{more}}}'
    chosen = ["-c", "model_provider=x", "-c", f"model_providers.x={table}"]
    return [*chosen, "-m", "gpt-oss:20b"]
