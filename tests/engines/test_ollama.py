"""Ollama: its address, and what is said when it or the model is not there."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.engines import ollama
from codex_oss.engines.base import EngineEvent, Looking, Options, Ready
from codex_oss.errors import EngineError
from codex_oss.net import Client
from fake_server import FakeServer, Reply

LIMIT_S = 20
VERSION = Reply(body={"version": "0.33.0"})
TAGS = Reply(
    body={"models": [{"name": "gpt-oss:20b", "size": 1}, {"name": "a:latest"}]}
)
INSTALLED = {"/api/version": VERSION, "/api/tags": TAGS}


def ensure(host: str, model: str | None) -> list[EngineEvent]:
    async def run() -> list[EngineEvent]:
        client = Client({})
        engine = ollama.Ollama(options(host), client)
        try:
            async with asyncio.timeout(LIMIT_S):
                return [event async for event in engine.ensure(model)]
        finally:
            await engine.close()
            await client.close()

    return asyncio.run(run())


def options(host: str) -> Options:
    none = Path("/nonexistent")
    return Options(models=none, logs=none, env={"OLLAMA_HOST": host})


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://127.0.0.1:11434"),
        ({"OLLAMA_HOST": ""}, "http://127.0.0.1:11434"),
        ({"OLLAMA_HOST": "[::]:1"}, "http://[::1]:1"),
        ({"OLLAMA_HOST": "https://box/path/v1/"}, "https://box:443/path"),
    ],
)
def test_ollama_host_is_read_as_ollama_does(env: dict[str, str], url: str) -> None:
    assert ollama.base_url(env) == url


@pytest.mark.parametrize(
    ("model", "name"),
    [(None, "gpt-oss:20b"), ("gpt-oss:20b", "gpt-oss:20b"), ("a", "a")],
)
def test_an_installed_model_is_ready_at_once(model: str | None, name: str) -> None:
    with FakeServer(get=INSTALLED) as server:
        events = ensure(server.url, model)

    assert events == [
        Looking(f"{name} in Ollama at {server.url}"),
        Ready(
            base_url=f"{server.url}/v1",
            model=name,
            context_window=None,
            api_key=None,
            server="ollama",
        ),
    ]


def test_a_model_that_is_not_installed_is_never_pulled() -> None:
    with (
        FakeServer(get=INSTALLED) as server,
        pytest.raises(EngineError) as caught,
    ):
        ensure(server.url, "gpt-oss:120b")

    assert str(caught.value) == (
        f"model `gpt-oss:120b` is not installed in Ollama at {server.url}"
    )
    assert caught.value.hint == "ollama pull gpt-oss:120b"
    assert {seen.method for seen in server.requests} == {"GET"}


def test_without_a_server_both_ways_out_are_named() -> None:
    with FakeServer() as server:
        url = server.url
    with pytest.raises(EngineError) as caught:
        ensure(url, None)

    assert str(caught.value).startswith(f"No running Ollama server detected at {url}")
    assert "`ollama serve`" in caught.value.hint
    assert "-m smollm2-135m" in caught.value.hint


@pytest.mark.parametrize(
    "answer", [Reply(status=404), Reply(body="[]"), Reply(body="<html>")]
)
def test_another_server_on_the_port_is_not_taken_for_ollama(answer: Reply) -> None:
    with (
        FakeServer(get={"/api/version": answer}) as server,
        pytest.raises(EngineError, match="No running Ollama server"),
    ):
        ensure(server.url, None)


def test_a_probe_says_whether_ollama_answers() -> None:
    async def probe(url: str) -> bool:
        client = Client({})
        try:
            return await ollama.probe(client, url, timeout_s=LIMIT_S)
        finally:
            await client.close()

    with FakeServer(get=INSTALLED) as server:
        assert asyncio.run(probe(server.url))
    assert not asyncio.run(probe(server.url))
