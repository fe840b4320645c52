"""A server of our own after its end: started again where it was, with its model."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from children import needs_linux
from codex_oss.engines import revival
from codex_oss.engines.base import Ready
from codex_oss.engines.ollama import Ollama
from codex_oss.engines.ollama.api import Api
from codex_oss.net import Client
from codex_oss.ports import unheard
from fake_ollama import FakeOllama
from private_ollama import Bench
from with_ollama import LIMIT_S, MODEL, NAME, options

pytestmark = needs_linux


def test_a_server_that_was_killed_is_started_again_at_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revival, "DYING_S", LIMIT_S)
    bench = Bench(tmp_path)
    bench.own(MODEL)
    pids: list[int] = []

    async def kill(ready: Ready, client: Client) -> None:
        reviver = bench.engine.reviver
        assert reviver is not None
        for _ in range(2):
            over = await reviver.ready(b"its end", unheard)
            [server] = bench.servers()
            pids.append(server.pid)
            os.kill(server.pid, signal.SIGKILL)
            over(True)
            assert (await reviver.ended()).startswith("Ollama has ended (signal 9")
            (await reviver.ready(b"another", unheard))(False)
            api = Api(client, ready.base_url)
            await api.load(NAME, num_ctx=8192, keep_alive="5m")
            loaded = await api.loaded(NAME)
            assert loaded is not None
            assert loaded.context_length == 8192
        pids.extend(server.pid for server in bench.servers())

    bench.run(kill)

    assert len(set(pids)) == 3
    assert bench.logs().count("Listening on 127.0.0.1:") == 3
    assert bench.servers() == []
    assert not list((tmp_path / "state/ollama").glob("*.json"))


def test_a_server_that_somebody_else_started_is_left_to_them(tmp_path: Path) -> None:
    async def look() -> None:
        client = Client({})
        engine = Ollama(options(tmp_path, server.url), client)
        async with asyncio.timeout(LIMIT_S):
            async for _ in engine.ensure(NAME):
                pass
        assert engine.reviver is None
        await engine.close()
        await client.close()

    with FakeOllama(MODEL) as server:
        asyncio.run(look())
