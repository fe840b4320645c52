"""A server that somebody else runs, taken as it is."""

import asyncio
from pathlib import Path

import pytest

from codex_oss.engines import ENGINES
from codex_oss.engines.base import EngineName, Found, Installed, Options, Ready
from codex_oss.errors import EngineError
from codex_oss.net import Client

URL = "http://localhost:1"
NONE = Path("/nonexistent")


def ready(engine: EngineName, found: Found | None, model: str | None) -> Ready:
    async def run() -> Ready:
        client = Client({})
        options = Options(models=NONE, logs=NONE, env={}, url=URL, found=found)
        made = ENGINES[engine](options, client)
        try:
            [event] = [event async for event in made.ensure(model)]
        finally:
            await made.close()
            await client.close()
        assert isinstance(event, Ready)
        return event

    return asyncio.run(run())


def server(*models: Installed, note: str = "") -> Found:
    return Found(server="openai", url=URL, models=models, said_by="t", note=note)


def test_its_model_is_ready_with_what_is_known_of_it() -> None:
    model = Installed(name="m", loaded=16384, tools=True, on_gpu=0.5)
    found = server(Installed(name="other"), model)

    assert ready("openai", found, "m") == Ready(
        base_url=f"{URL}/v1",
        model="m",
        context_window=16384,
        api_key=None,
        server="openai",
        on_gpu=0.5,
        supports_tools=True,
    )


def test_without_a_name_its_first_model_is_taken() -> None:
    assert ready("openai", server(Installed(name="m")), None).model == "m"


def test_a_name_that_it_does_not_list_is_taken_at_its_word() -> None:
    event = ready("openai", server(Installed(name="m", loaded=1)), "alias")
    assert (event.model, event.context_window) == ("alias", None)


@pytest.mark.parametrize(
    ("note", "hint"),
    [("", "Name one with -m."), ("it wants a key", "env_key")],
)
def test_a_server_that_names_no_model_says_what_to_do(note: str, hint: str) -> None:
    with pytest.raises(EngineError) as caught:
        ready("openai", server(note=note), None)

    assert str(caught.value).startswith(f"the server at {URL} names no model")
    assert hint in caught.value.hint


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(EngineError) as caught:
        ready("llamacpp", None, "m")

    assert str(caught.value) == f"llama.cpp does not answer at {URL}"
    assert "llama-server -m model.gguf" in caught.value.hint
    with pytest.raises(EngineError, match="does not answer"):
        ready("openai", None, None)
