"""Asks an Ollama server in tests: bounded, and everything closed in the end."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec.structs import replace

from codex_oss.engines.base import EngineEvent, Options, Pulling, Question, Ready
from codex_oss.engines.ollama import Ollama
from codex_oss.engines.ollama.api import Api
from codex_oss.errors import EngineError
from codex_oss.net import Client
from fake_ollama import OllamaModel

LIMIT_S = 180
NAME = "gpt-oss:20b"
MODEL = OllamaModel(NAME, layers=(8000, 160, 40))
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


def ensure(
    options: Options, model: str | None, *, close: bool = True
) -> list[EngineEvent]:
    """Return what an engine tells; ``close``: and end it."""

    async def run() -> list[EngineEvent]:
        client = Client({})
        ollama = Ollama(options, client)
        try:
            async with asyncio.timeout(LIMIT_S):
                return await told(ollama.ensure(model))
        finally:
            if close:
                await ollama.close()
            await client.close()

    return asyncio.run(run())


def refused(options: Options, model: str | None = NAME) -> EngineError:
    """Return why an engine does not bring a model up."""
    with pytest.raises(EngineError) as caught:
        ensure(options, model)
    return caught.value


def ready(
    root: str,
    name: str = NAME,
    window: int = 32768,
    *,
    asked: int | None = None,
    ours: bool = True,
) -> Ready:
    """Return what a model of the usual kind is like when it is loaded."""
    return Ready(
        base_url=f"{root}/v1",
        model=name,
        context_window=window,
        context_asked=window if asked is None else asked or None,
        api_key=None,
        server="ollama",
        on_gpu=1.0,
        supports_tools=True,
        ours=ours,
    )


def unknown(folder: Path) -> None:
    """Say that a disk does not tell what is free."""
