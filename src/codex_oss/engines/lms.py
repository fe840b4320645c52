"""LM Studio's program ``lms``: it starts the server, and loads models for older ones.

Source: LM Studio's documentation of ``lms``, April 2026.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import which

from codex_oss import process
from codex_oss.errors import EngineError
from codex_oss.process.detached import start_detached

START_S = 120.0
"""For the start of the server: it may start the whole application first."""
LOAD_S = 1800.0
"""For a model; a large one on a slow disk takes minutes."""
GET_S = 24 * 3600.0
"""For a download."""
STOP_S = 30.0
MAX_OUTPUT_BYTES = 64 * 1024
"""Of what it says, the end is kept."""
SHOWN_CHARS = 500


def program(env: Mapping[str, str], *, platform: str = sys.platform) -> Path | None:
    """Return it: on ``PATH``, or where LM Studio puts it."""
    if found := which("lms", path=env.get("PATH", "")):
        return Path(found)
    name = "lms.exe" if platform == "win32" else "lms"
    usual = Path(env.get("HOME", ""), ".lmstudio", "bin", name)
    return usual if usual.is_file() and os.access(usual, os.X_OK) else None


class Lms:
    """The program, ready to be run."""

    def __init__(self, path: Path, env: Mapping[str, str], logs: Path) -> None:
        self.path = path
        self._env = env
        self._log = logs / "lms.log"

    async def start_server(self, port: int) -> None:
        """Have the server listen; raises ``EngineError``."""
        words = ("server", "start", "--port", str(port))
        # What it starts is the person's: all that `process.start` starts ends with us.
        await asyncio.to_thread(self._detached, words)

    def _detached(self, words: tuple[str, ...]) -> None:
        shown = f"lms {' '.join(words)}"
        try:
            self._log.parent.mkdir(parents=True, exist_ok=True)
            child = start_detached(
                [str(self.path), *words], cwd=Path("/"), env=self._env, log=self._log
            )
        except OSError as error:
            raise EngineError(f"cannot run {self.path}: {error.strerror}") from error
        try:
            code = child.wait(START_S)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.wait()
            raise _too_slow(shown, START_S) from error
        if code:
            raise _failed(shown, code, f"see {self._log}")

    async def stop_server(self) -> None:
        """Have it listen no more; raises ``EngineError``."""
        await self._run(STOP_S, "server", "stop")

    async def get(self, model: str) -> None:
        """Download a model; raises ``EngineError``."""
        await self._run(GET_S, "get", model, "--yes")

    async def load(self, model: str, context: int) -> None:
        """Load a model, whatever else is loaded; raises ``EngineError``."""
        words = ("load", model, "--context-length", str(context), "--yes")
        await self._run(LOAD_S, *words)

    async def unload(self, model: str) -> None:
        """Take a model out of memory; raises ``EngineError``."""
        await self._run(STOP_S, "unload", model)

    async def _run(self, limit_s: float, *words: str) -> None:
        said = bytearray()
        shown = f"lms {' '.join(words)}"

        def keep(data: bytes) -> None:
            said.extend(data)
            del said[:-MAX_OUTPUT_BYTES]

        try:
            child = await process.start(
                [str(self.path), *words], cwd=Path("/"), env=self._env, on_output=keep
            )
        except OSError as error:
            raise EngineError(f"cannot run {self.path}: {error.strerror}") from error
        try:
            async with asyncio.timeout(limit_s):
                code = await child.wait()
        except TimeoutError as error:
            raise _too_slow(shown, limit_s) from error
        finally:
            if child.exit_code is None:
                await child.kill()
        if code:
            told = " ".join(said.decode("utf-8", "replace").split())[-SHOWN_CHARS:]
            raise _failed(shown, code, told or "it says nothing")


def _too_slow(shown: str, limit_s: float) -> EngineError:
    return EngineError(
        f"`{shown}` has not ended after {limit_s:.0f} seconds",
        hint="Run it yourself and see what it waits for.",
    )


def _failed(shown: str, code: int, told: str) -> EngineError:
    return EngineError(
        f"`{shown}` ended with exit code {code}: {told}",
        hint="LM Studio's log says more: lms log stream",
    )
