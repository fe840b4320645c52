"""Asks an Ollama server in tests: bounded, and everything closed in the end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from codex_oss.engines.base import EngineEvent, Options, Pulling, Question
from codex_oss.engines.ollama.api import Api
from codex_oss.net import Client

LIMIT_S = 30
T = TypeVar("T")


def asked(root: str, ask: Callable[[Api], Awaitable[T]]) -> T:
    """Return what a server answers."""

    async def run() -> T:
        client = Client({})
        try:
            async with asyncio.timeout(LIMIT_S):
                return await ask(Api(client, root))
        finally:
            await client.close()

    return asyncio.run(run())


async def told(events: AsyncGenerator[EngineEvent]) -> list[EngineEvent]:
    """Return all events, without speeds, which no two runs share."""
    async with aclosing(events) as coming:
        return [plain(event) async for event in coming]


def plain(event: EngineEvent) -> EngineEvent:
    """Return an event without its speed."""
    return replace(event, bytes_per_s=0.0) if isinstance(event, Pulling) else event


class Somebody:
    """Somebody who can be asked; ``asked`` is what they were (``engines.Consent``)."""

    def __init__(self, *, says: bool = True) -> None:
        self.asked: list[Question] = []
        self._says = says

    async def ask(self, question: Question) -> bool:
        """Answer always the same."""
        self.asked.append(question)
        return self._says


def options(tmp_path: Path, root: str = "", **more: str) -> Options:
    """Return an engine's options, all folders below ``tmp_path``."""
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin", **more}
    return Options(
        models=tmp_path / "state/models",
        logs=tmp_path / "state/logs",
        env=env,
        url=root,
    )
