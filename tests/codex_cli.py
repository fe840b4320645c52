"""The real Codex CLI, run on a provider of ours as its user would."""

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from scripted_upstream import MODEL, WAIT_S

CODEX = os.environ.get("CODEX_BIN", "")
NO_CODEX = "CODEX_BIN names no Codex CLI"
NO_RETRIES = "request_max_retries=0,stream_max_retries=0"
LIMIT_S = 250.0
"""For one run. Codex without an answer would ask for ever."""
MODE = "danger-full-access"
"""Codex's own sandbox does not start in every container."""

_PRIVATE = ("CODEX", "OPENAI", "OLLAMA", "HF_")


class Outcome(msgspec.Struct, frozen=True):
    """What a run told, and what stands in its folder afterwards."""

    told: list[dict[str, Any]]
    code: int
    stderr: str
    files: dict[str, str]

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Return the finished items of one type."""
        done = [e["item"] for e in self.told if e["type"] == "item.completed"]
        return [item for item in done if item["type"] == kind]


class Codex:
    """One installation: a home that lives as long as this, a folder for each run."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.home = root / "home"
        self.home.mkdir(parents=True, exist_ok=True)

    def folder(self, name: str, given: Mapping[str, bytes] | None = None) -> Path:
        """Make the folder of a run, with these files in it."""
        folder = self._root / name
        folder.mkdir(exist_ok=True)
        for file, data in (given or {}).items():
            (folder / file).write_bytes(data)
        return folder

    def environment(self) -> dict[str, str]:
        """Return the environment of a user who has configured nothing."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_PRIVATE)}
        own = {"CODEX_HOME": str(self.home), "HOME": str(self._root)}
        return kept | own | {"SHELL": "/bin/bash"}

    def start(  # noqa: PLR0913  the options of a command line
        self,
        url: str,
        prompt: str,
        folder: Path,
        *,
        provider: str = NO_RETRIES,
        settings: Sequence[str] = (),
        model: str = MODEL,
        resume: bool = False,
    ) -> "subprocess.Popen[str]":
        """Start ``codex exec --json``. ``url`` is the bridge's, without ``/v1``."""
        resuming = ["resume", "--last"] if resume else ["-s", MODE]
        arguments = ["exec", *resuming, "--json", "--skip-git-repo-check"]
        arguments += [*provided(url, provider), "-m", model, *settings]
        return subprocess.Popen(
            [CODEX, *arguments, prompt],
            cwd=folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, url: str, prompt: str, folder: Path, **more: Any) -> Outcome:
        """Run ``codex exec --json`` to its end; arguments are as for ``start``."""
        process = self.start(url, prompt, folder, **more)
        try:
            stdout, stderr = process.communicate(timeout=LIMIT_S)
        finally:
            kill(process)
        told = [json.loads(line) for line in stdout.splitlines()]
        return Outcome(told, process.returncode, stderr, _files(folder))


def kill(process: "subprocess.Popen[str]") -> None:
    """Kill a run, with the native program that npm's script starts."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with process:  # closes its pipes
        process.wait(WAIT_S)


def provided(url: str, more: str = NO_RETRIES) -> list[str]:
    """Return the arguments that make a URL the provider ``x``."""
    table = f'{{name="x",base_url="{url}/v1",wire_api="responses"'
    table += f",{more}}}" if more else "}"
    return ["-c", "model_provider=x", "-c", f"model_providers.x={table}"]


def _files(folder: Path) -> dict[str, str]:
    return {
        path.name: path.read_text(errors="replace")
        for path in sorted(folder.iterdir())
        if path.is_file()
    }
