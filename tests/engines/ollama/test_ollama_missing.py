"""A model that Ollama does not have: never pulled unasked, and asked for with facts."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from codex_oss.engines import hardware, room
from codex_oss.engines.base import EngineEvent, Loading, Options, Pulling, Verifying
from codex_oss.engines.ollama import Ollama
from codex_oss.errors import DownloadError
from codex_oss.net import Client
from fake_ollama import MISSING, FakeOllama, OllamaModel, Pull
from fake_registry import FakeRegistry
from fake_server import FakeServer, closed_port
from with_ollama import (
    LIMIT_S,
    MODEL,
    NAME,
    Somebody,
    ensure,
    options,
    ready,
    refused,
    told,
    unknown,
)


@pytest.mark.parametrize("offline", [False, True])
def test_without_consent_a_model_is_never_pulled(
    tmp_path: Path, *, offline: bool
) -> None:
    with FakeOllama(OllamaModel("other:1b")) as server:
        given = options(tmp_path, server.url)
        somebody = Somebody() if offline else None
        error = refused(replace(given, offline=offline, consent=somebody))

    assert error.report() == (
        f"model `{NAME}` is not installed in Ollama at {server.url}\n"
        f"codex-oss models pull {NAME}"
    )
    assert server.asked_for("/api/pull") == 0


def test_a_missing_model_is_pulled_when_somebody_says_yes(tmp_path: Path) -> None:
    somebody = Somebody()
    with (
        FakeRegistry(replace(MODEL, name="m:1b")) as registry,
        FakeOllama(OllamaModel("other:1b")) as server,
    ):
        name = f"{registry.url}/library/m:1b"
        given = replace(options(tmp_path, server.url), consent=somebody)
        events = ensure(given, name)

    listed = name.removeprefix("http://")
    assert events[0] == Pulling(name, 0, 8200, 0.0)
    assert events[-3:] == [
        Verifying(name),
        Loading(listed),
        ready(server.url, listed),
    ]
    # So small a model is nothing to ask about.
    assert somebody.asked == []


def test_the_question_tells_size_disk_memory_and_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "free_memory", lambda: 16_000_000_000)
    monkeypatch.setattr(room, "free", unknown)
    (tmp_path / ".ollama/models").mkdir(parents=True)
    manifest = {"layers": [{"digest": "a", "size": 13_000_000_000}]}
    somebody = Somebody(says=False)
    with FakeServer(get={"/v2/library/gpt-oss/manifests/20b": manifest}) as registry:
        name = f"{registry.url}/library/{NAME}"
        with FakeOllama(OllamaModel("other:1b")) as server:
            given = replace(options(tmp_path, server.url), consent=somebody)
            error = refused(given, name)
            assert server.asked_for("/api/pull") == 0

    assert isinstance(error, DownloadError)
    (question,) = somebody.asked
    assert (question.kind, question.what) == ("pull", name)
    assert question.command == f"codex-oss models pull {name}"
    facts = dict(question.facts)
    assert facts["size"] == "13.0 GB"
    assert facts["from"] == f"127.0.0.1:{registry.port}"
    assert facts["to"] == f"{tmp_path}/.ollama/models"
    assert facts["memory"].endswith(" GB; 16.0 GB are free")
    assert facts["licence"] == "Apache-2.0"


def renewed(options: Options, name: str) -> list[EngineEvent]:
    """Return what a pull tells of a model."""

    async def run() -> list[EngineEvent]:
        client = Client({})
        try:
            async with asyncio.timeout(LIMIT_S):
                return await told(Ollama(options, client).pull(name))
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.mark.parametrize("store_is_known", [True, False])
def test_a_pull_of_what_is_there_asks_about_an_update(
    tmp_path: Path, *, store_is_known: bool
) -> None:
    if store_is_known:
        (tmp_path / ".ollama/models").mkdir(parents=True)
    somebody = Somebody(says=False)
    with closed_port() as port:  # the registry says nothing
        listed = f"127.0.0.1:{port}/library/{NAME}"
        with FakeOllama(replace(MODEL, name=listed)) as server:
            given = replace(options(tmp_path, server.url), consent=somebody)
            with pytest.raises(DownloadError, match="was not updated: the answer was"):
                renewed(given, f"http://{listed}")
            assert server.asked_for("/api/pull") == 0

    (question,) = somebody.asked
    assert (question.kind, question.what) == ("update", f"http://{listed}")
    assert dict(question.facts)["size"] == "of what has changed, if anything"


def test_a_pull_of_what_is_there_whole_asks_nothing(tmp_path: Path) -> None:
    blobs = tmp_path / ".ollama/models/blobs"
    blobs.mkdir(parents=True)
    with (blobs / "sha256-a").open("wb") as blob:
        blob.truncate(13_000_000_000)
    manifest = {"layers": [{"digest": "sha256:a", "size": 13_000_000_000}]}
    somebody = Somebody(says=False)
    with FakeServer(get={"/v2/library/gpt-oss/manifests/20b": manifest}) as registry:
        name = f"{registry.url}/library/{NAME}"
        model = replace(MODEL, name=name)
        with FakeOllama(model, pulls={name: [Pull(model)]}) as server:
            given = replace(options(tmp_path, server.url), consent=somebody)
            assert renewed(given, name)[-1] == Verifying(name)
            assert server.asked_for("/api/pull") == 1

    assert somebody.asked == []


def test_a_wrong_name_is_told_with_the_one_that_is_installed(tmp_path: Path) -> None:
    with closed_port() as port:
        name = f"http://127.0.0.1:{port}/library/gpt-os:20b"
        pulls = {name: [Pull(after=0, error=MISSING)]}
        with FakeOllama(
            replace(MODEL, name=f"http://127.0.0.1:{port}/library/gpt-oss:20b"),
            pulls=pulls,
        ) as server:
            given = replace(options(tmp_path, server.url), consent=Somebody())
            error = refused(given, name)

    assert f"Did you mean `http://127.0.0.1:{port}/library/gpt-oss:20b`" in error.hint
