"""Which engine serves which model."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.engines import ENGINES, sources
from codex_oss.engines.base import Options
from codex_oss.engines.choose import Choice, choose
from codex_oss.net import Client
from fake_server import FakeServer, Reply

NONE = Path("/nonexistent")


def chosen(model: str | None, host: str) -> Choice:
    async def run() -> Choice:
        client = Client({})
        options = Options(models=NONE, logs=NONE, env={"OLLAMA_HOST": host})
        try:
            choice = await choose(model, options, client)
            engine = ENGINES[choice.engine](options, client)
            await engine.close()
        finally:
            await client.close()
        return choice

    return asyncio.run(run())


def server(*models: str) -> FakeServer:
    tags = Reply(body={"models": [{"name": model} for model in models]})
    return FakeServer(get={"/api/tags": tags})


@pytest.mark.parametrize("model", ["smollm2-135m", "hf:o/r", "pypi:p", "./m.gguf"])
def test_names_of_gguf_models_choose_the_embedded_engine(model: str) -> None:
    with server("gpt-oss:20b") as ollama:
        choice = chosen(model, ollama.url)

    assert choice == Choice("embedded", model, f"{model} names a GGUF model")
    assert ollama.requests == []


def test_any_other_name_is_ollamas() -> None:
    choice = chosen("qwen3.5:9b", "")
    assert choice == Choice(
        "ollama", "qwen3.5:9b", "qwen3.5:9b is a name of Ollama's kind"
    )


def test_without_a_name_a_running_ollama_with_its_default_is_used() -> None:
    with server("gpt-oss:20b") as ollama:
        choice = chosen(None, ollama.url)

    assert choice == Choice(
        "ollama", "gpt-oss:20b", f"Ollama at {ollama.url} has gpt-oss:20b"
    )


def test_without_a_name_and_without_that_the_embedded_default_is_used() -> None:
    with server("other:1b") as ollama:
        lacking = chosen(None, ollama.url)
    absent = chosen(None, ollama.url)

    for choice, start in ((lacking, "Ollama at"), (absent, "no Ollama server at")):
        assert (choice.engine, choice.model) == ("embedded", "smollm2-135m")
        assert choice.why.startswith(start)
        assert choice.why.endswith(sources.DEFAULT_IS_A_TOY)


def test_a_server_that_does_not_answer_in_time_is_not_waited_for() -> None:
    with FakeServer(get={"/api/tags": Reply(silent=True)}) as silent:
        assert chosen(None, silent.url).engine == "embedded"
