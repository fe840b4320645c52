"""Runs `codex-oss exec` as a process, as a user who has configured nothing."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 60


def run_exec(
    folder: Path,
    arguments: Sequence[str],
    *,
    prompt: str = "",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `exec` in `folder/repo` with `folder` as home and `prompt` on stdin.

    `folder/home` is `CODEX_HOME`; both folders are made when they are absent.
    """
    for name in ("home", "repo"):
        (folder / name).mkdir(exist_ok=True)
    if not (folder / "repo" / ".git").exists():
        subprocess.run(["git", "init", "-q", folder / "repo"], check=True)
    private = ("CODEX", "OPENAI", "OLLAMA", "HF_")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(private)}
    ours = {
        "CODEX_HOME": str(folder / "home"),
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "src"),
        "SHELL": "/bin/bash",
    }
    return subprocess.run(
        [sys.executable, "-m", "codex_oss", "exec", *arguments],
        cwd=folder / "repo",
        env=inherited | ours | dict(env or {}),
        input=prompt,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def provider(url: str, wire_api: str = "responses", more: str = "") -> list[str]:
    """Return the arguments that name a server as provider `x`, and a model."""
    table = f'{{name="x",base_url="{url}/v1",wire_api="{wire_api}"{more}}}'
    chosen = ["-c", "model_provider=x", "-c", f"model_providers.x={table}"]
    return [*chosen, "-m", "gpt-oss:20b"]
