"""A session ahead of the first call: only where the model lies ready here."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.errors import EngineError
from codex_oss.wiring.ahead import open_ahead
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.session import Opened
from codex_oss.wiring.warming import Warming
from config_home import loader
from fake_ollama import FakeOllama, OllamaModel

LIMIT_S = 60
NAME = "gpt-oss:20b"
WINDOW = 32_768


def opens(tmp_path: Path, server: FakeOllama, more: str = "") -> bool:
    """Tell whether a session is opened; it is closed again."""
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    text = f'model = "{NAME}"\nmodel_provider = "ollama"\n{more}'
    text += f'[model_providers.ollama]\nbase_url = "{server.url}/v1"\n'
    job = Job(loaded=loader(tmp_path)(text, env=env), cwd=tmp_path, env=env)

    async def run() -> bool:
        async with asyncio.timeout(LIMIT_S):
            opened = await open_ahead(job)
            if opened is not None:
                await opened.close()
        return opened is not None

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("loaded", "more", "is_opened"),
    [
        (WINDOW, "", True),
        (16_384, "[engine]\ncontext_length = 16384\n", True),
        (None, "", False),
        (8192, "", False),
        (WINDOW, "[engine]\ncontext_length = 16384\n", False),
        (WINDOW, '[mcp_servers.x]\ncommand = "false"\n', False),
    ],
    ids=["ready", "as set", "not loaded", "too small", "set otherwise", "more tools"],
)
def test_nothing_is_loaded_or_started_for_it(
    tmp_path: Path, loaded: int | None, more: str, *, is_opened: bool
) -> None:
    with FakeOllama(OllamaModel(NAME)) as server:
        if loaded:
            server.loaded[NAME], server.kept[NAME] = loaded, 300.0
        assert opens(tmp_path, server, more) is is_opened
        assert server.loads == []
        assert server.loaded == ({NAME: loaded} if loaded else {})


def test_it_is_tried_once_and_not_any_more_when_somebody_has_called() -> None:
    tries: list[int] = []
    tried = asyncio.Event()

    async def opened() -> Opened | None:
        tries.append(1)
        tried.set()
        raise EngineError("there is no server")

    async def run() -> None:
        async with asyncio.timeout(LIMIT_S):
            warming = Warming()
            warming.begin(opened)
            warming.begin(opened)
            await tried.wait()
            await warming.end()
            warming.begin(opened)
            await warming.end()
            called = Warming()
            await called.end()
            called.begin(opened)
            await called.end()

    asyncio.run(run())
    assert tries == [1]
