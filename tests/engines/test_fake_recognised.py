"""Discovery tells our fakes apart, so that tests of it may use them."""

import asyncio

import pytest

from codex_oss.engines.base import Found, Installed, Place
from codex_oss.engines.discover import identify
from codex_oss.net import Client
from fake_lmstudio import FakeLmStudio, LmModel
from fake_ollama import FakeOllama, OllamaModel
from fake_server import WAIT_S, FakeServer
from fake_vllm import FakeLlamaServer, FakeSglang, FakeVllm

CLOUD = OllamaModel("big:1t-cloud", remote_host="https://ollama.com")


def look(server: FakeServer) -> Found:
    async def run() -> Found | None:
        client = Client({})
        try:
            place = Place(url=server.url, said_by="a test")
            return await identify(client, place, timeout_s=WAIT_S)
        finally:
            await client.close()

    found = asyncio.run(run())
    assert found
    return found


@pytest.mark.parametrize(
    ("fake", "server", "version"),
    [
        (FakeOllama(), "ollama", "0.33.0"),
        (FakeVllm(), "vllm", "0.33.0"),
        (FakeSglang(), "sglang", "0.5.23"),
        (FakeLlamaServer(), "llamacpp", "b11549-fake"),
        (FakeLmStudio(), "lmstudio", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fake_is_taken_for_what_it_is(
    fake: FakeServer, server: str, version: str
) -> None:
    with fake:
        found = look(fake)
    assert (found.server, found.version) == (server, version)


def test_the_context_is_what_each_really_gives() -> None:
    with FakeVllm("a", context=8192) as vllm, FakeLlamaServer("b", 8192) as llama:
        (one,), (other,) = look(vllm).models, look(llama).models
    assert (one.context, one.loaded) == (8192, 8192)
    assert (other.context, other.loaded) == (131072, 8192)

    with FakeLmStudio(LmModel("c")) as studio, FakeOllama(OllamaModel("d:1b")) as llm:
        studio.load("c", 16384)
        llm.load("d:1b", 16384)
        (one,), (other,) = look(studio).models, look(llm).models
    assert (one.context, one.loaded) == (131072, 16384)
    assert (other.context, other.loaded) == (131072, 16384)


def test_a_cloud_model_is_not_here() -> None:
    with FakeOllama(CLOUD) as server:
        (model,) = look(server).models
    assert model == Installed(
        name="big:1t-cloud",
        size=384,
        context=131072,
        tools=True,
        remote=True,
        quantization="Q4_K_M",
        parameters="8.2B",
    )
