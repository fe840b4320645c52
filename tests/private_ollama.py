"""An Ollama server of our own in tests: a home with the program in it, an engine."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from codex_oss.engines import at_hand
from codex_oss.engines.base import EngineEvent, Options, Ready
from codex_oss.engines.ollama import Ollama
from codex_oss.errors import EngineError
from codex_oss.net import Client
from codex_oss.process import detached
from codex_oss.process.detached import Process
from fake_ollama import OllamaModel, Store
from fake_ollama_program import Behaviour, install
from fake_server import closed_port
from with_ollama import LIMIT_S, NAME, Somebody, options, plain


class Bench:
    """A home with the program in it, and an Ollama engine that has no server."""

    engine: Ollama
    """The engine that runs."""

    def __init__(self, tmp_path: Path, behaviour: Behaviour | None = None) -> None:
        self.home = tmp_path
        self.somebody = Somebody()
        self.program = install(tmp_path / "bin", behaviour)
        self.events: list[EngineEvent] = []

    def options(self, port: int) -> Options:
        """Return options that name a URL where nothing listens."""
        given = options(self.home, f"http://127.0.0.1:{port}")
        return replace(given, consent=self.somebody)

    def own(self, *models: OllamaModel) -> None:
        """Put models where servers of our own keep theirs."""
        Store(models, at_hand.own_store(self.options(1).models))

    def run(
        self,
        then: Callable[[Ready, Client], Coroutine[Any, Any, object]] | None = None,
        model: str = NAME,
    ) -> None:
        """Start the engine, do ``then`` with it, end it."""

        async def work(port: int) -> None:
            client = Client({})
            self.engine = engine = Ollama(self.options(port), client)
            try:
                async with asyncio.timeout(LIMIT_S):
                    async for event in engine.ensure(model):
                        self.events.append(plain(event))
                    if then is not None:
                        last = self.events[-1]
                        assert isinstance(last, Ready)
                        await then(last, client)
            finally:
                await engine.close()
                await client.close()

        with closed_port() as port:
            asyncio.run(work(port))

    def error(self) -> EngineError:
        with pytest.raises(EngineError) as caught:
            self.run()
        return caught.value

    def servers(self) -> list[Process]:
        """Return the processes of all servers that were written down and run."""
        files = (self.home / "state/ollama").glob("*.json")
        kept = [json.loads(path.read_bytes())["server"] for path in files]
        return [p for each in kept if detached.runs(p := Process(**each))]

    def logs(self) -> str:
        return "".join(p.read_text() for p in (self.home / "state/logs").glob("*"))
