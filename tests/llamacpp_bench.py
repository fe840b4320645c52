"""The embedded engine in tests: with a fake llama.cpp or the real one."""

import asyncio
import os
import select
import signal
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import fake_gguf
from codex_oss.engines.base import EngineEvent, Options, Ready
from codex_oss.engines.llamacpp import LlamaCpp
from codex_oss.errors import EngineError
from codex_oss.net import Client

LIMIT_S = 250
FAKE = Path(__file__).resolve().parent / "fake_xllamacpp"
MODEL = os.environ.get("CODEX_OSS_TEST_MODEL")

needs_model = pytest.mark.skipif(
    MODEL is None, reason="CODEX_OSS_TEST_MODEL names no GGUF file"
)
needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="this system has no pidfd to wait on"
)


class Bench:
    """An engine with a model file, and what it told."""

    engine: LlamaCpp
    """The engine that runs."""

    def __init__(self, tmp_path: Path, how: str, path: str = str(FAKE)) -> None:
        self.model = tmp_path / "m.gguf"
        self.model.write_bytes(fake_gguf.encode())
        self.logs = tmp_path / "logs"
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "FAKE_LLAMACPP": how,
            "LLAMACPP_FOLDER": str(tmp_path),
        }
        self.options = Options(models=tmp_path, logs=self.logs, env=env, threads=1)
        self.events: list[EngineEvent] = []

    def run(
        self, then: Callable[[Ready, Client], Coroutine[Any, Any, object]] | None = None
    ) -> None:
        """Start the engine, do ``then`` with it, end it."""

        async def work() -> None:
            client = Client({})
            self.engine = engine = LlamaCpp(self.options, client)
            try:
                async with asyncio.timeout(LIMIT_S):
                    async for event in engine.ensure(str(self.model)):
                        self.events.append(event)
                    if then is not None:
                        await then(self.ready, client)
            finally:
                await engine.close()
                await client.close()

        asyncio.run(work())

    @property
    def ready(self) -> Ready:
        last = self.events[-1]
        assert isinstance(last, Ready)
        return last

    def error(self) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.run()
        return caught.value


async def props(ready: Ready, client: Client) -> Any:
    url = ready.base_url.removesuffix("/v1") + "/props"
    headers = [("authorization", f"Bearer {ready.api_key}")]
    return await client.get_json(url, headers=headers)


def wait_gone(pid: int) -> None:
    """Wait until a process has ended; a zombie has."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([end], [], [], LIMIT_S)[0], f"{pid} still runs"
    finally:
        os.close(end)


def child_of(pid: int) -> int:
    """Return the number of the engine's child of a process."""
    told = subprocess.check_output(["ps", "-axww", "-o", "pid=,ppid=,args="], text=True)
    for line in told.splitlines():
        number, parent, command = line.split(maxsplit=2)
        if int(parent) == pid and "llamacpp_child" in command:
            return int(number)
    raise AssertionError(f"{pid} has no engine")


def kill_child_of(pid: int) -> None:
    """Kill the engine's child of a process, and wait until it has ended."""
    child = child_of(pid)
    os.kill(child, signal.SIGKILL)
    wait_gone(child)
