"""Ollama as an engine, on a server that somebody else runs."""

import asyncio
import os
import shlex
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from codex_oss.engines import room
from codex_oss.engines.base import (
    Loading,
    Ready,
)
from codex_oss.engines.ollama import Ollama, engine
from codex_oss.net import Client
from fake_ollama import FakeOllama, OllamaModel
from fake_ollama_program import Behaviour, install
from fake_server import FakeServer, Gate, Reply, Seen, closed_port
from with_ollama import (
    LIMIT_S,
    MODEL,
    NAME,
    Somebody,
    asked,
    ensure,
    options,
    ready,
    refused,
    unknown,
)

# --- a model that is there -----------------------------------------------------------


@pytest.mark.parametrize("name", [None, NAME, "GPT-OSS:20b"])
def test_an_installed_model_is_loaded_with_room_for_work(
    tmp_path: Path, name: str | None
) -> None:
    with FakeOllama(MODEL) as server:
        events = ensure(options(tmp_path, server.url), name, close=False)

    assert events == [
        Loading(NAME),
        ready(server.url),
    ]
    assert server.loads == [(NAME, 32768)]
    assert server.kept == {NAME: 1800.0}


def test_the_person_s_context_and_keep_alive_are_asked_for(tmp_path: Path) -> None:
    wanted = replace(options(tmp_path, OLLAMA_KEEP_ALIVE="2h"), context_length=65536)
    with FakeOllama(MODEL) as server:
        events = ensure(replace(wanted, url=server.url), NAME, close=False)

    assert events[-1] == replace(ready(server.url, window=65536), ours=False)
    assert "keep_alive" not in server.chats[0]


def test_what_was_asked_for_and_not_given_is_told(tmp_path: Path) -> None:
    with FakeOllama(replace(MODEL, vram=0.75), grants=8192, version="0.12.5") as server:
        last = ensure(options(tmp_path, server.url), NAME)[-1]

    assert isinstance(last, Ready)
    assert (last.context_window, last.on_gpu) == (8192, 0.75)
    assert last.notes == (
        f"Ollama gives {NAME} 8192 tokens of context; 32768 were asked for.",
        "8192 tokens of context are few for a coding agent: 32768 or more are better.",
        (
            f"75% of {NAME} is in graphics memory, the rest runs on the CPU, slowly. "
            "A smaller context or model may fit whole."
        ),
        (
            "Ollama 0.12.5 drops the oldest messages of a prompt that does not fit, "
            "and says nothing. Update it."
        ),
    )


def test_a_model_that_is_loaded_with_enough_is_neither_loaded_nor_unloaded(
    tmp_path: Path,
) -> None:
    with FakeOllama(MODEL) as server:
        server.load(NAME, 16384)
        events = ensure(options(tmp_path, server.url), NAME)

    assert events[-1] == ready(server.url, window=16384, ours=False)
    assert server.loads == [(NAME, 16384)]
    assert server.loaded == {NAME: 16384}


def test_what_was_loaded_for_us_is_unloaded_with_us(tmp_path: Path) -> None:
    with FakeOllama(MODEL) as server:
        ensure(options(tmp_path, server.url), NAME)

        assert server.loads == [(NAME, 32768)]
        assert server.loaded == {}


def test_a_model_that_is_never_to_go_is_not_given_a_time(tmp_path: Path) -> None:
    with FakeOllama(MODEL) as server:
        asked(server.url, lambda api: api.load(NAME, num_ctx=4096, keep_alive="-1s"))
        ensure(options(tmp_path, server.url), NAME)

    assert server.loads == [(NAME, 4096), (NAME, 32768)]
    assert server.kept[NAME] < 0


def test_a_person_s_own_time_outlasts_the_task(tmp_path: Path) -> None:
    with FakeOllama(MODEL) as server:
        ensure(options(tmp_path, server.url, OLLAMA_KEEP_ALIVE="2h"), NAME)

    assert server.loaded == {NAME: 32768}


@pytest.mark.parametrize("unloads", [True, False])
def test_a_load_that_nobody_waits_for_any_more_is_undone(
    tmp_path: Path, *, unloads: bool
) -> None:
    gate, bodies = Gate(), list[dict[str, Any]]()

    def chat(seen: Seen) -> Reply:
        bodies.append(seen.json)
        if "options" in seen.json:
            gate.pass_through()
        return Reply(body={"done": True})

    async def leave(root: str) -> None:
        client = Client({})
        engine = Ollama(replace(options(tmp_path, root), unloads=unloads), client)
        try:
            async with asyncio.timeout(LIMIT_S):
                async with aclosing(engine.ensure(NAME)) as events:
                    async for event in events:
                        assert event == Loading(NAME)
                        await asyncio.to_thread(gate.wait_reached)
                        break
            gate.open()
        finally:
            await engine.close()
            await client.close()

    with FakeOllama(MODEL) as server:
        server.post["/api/chat"] = chat
        asyncio.run(leave(server.url))

    assert bodies[1] == {
        "model": NAME,
        "messages": [],
        "keep_alive": 0,
        "stream": False,
    }


def test_what_was_loaded_is_left_to_whoever_asks_it(tmp_path: Path) -> None:
    with FakeOllama(MODEL) as server:
        ensure(replace(options(tmp_path, server.url), unloads=False), NAME)

        assert server.loaded == {NAME: 32768}


def test_a_model_of_a_cloud_is_not_loaded(tmp_path: Path) -> None:
    cloud = OllamaModel("big:cloud", remote_host="https://ollama.com", trained=262144)
    with FakeOllama(cloud) as server:
        events = ensure(options(tmp_path, server.url), "big:cloud")

    last = ready(server.url, "big:cloud", 262144, asked=0, ours=False)
    assert events == [replace(last, on_gpu=None)]
    assert server.loads == []


def test_a_model_that_is_too_new_for_the_server_says_so(tmp_path: Path) -> None:
    with FakeOllama(replace(MODEL, requires="0.34.1")) as server:
        error = refused(options(tmp_path, server.url))

    assert str(error) == (
        f"{NAME} needs Ollama 0.34.1 or newer; that at {server.url} is older"
    )


def test_a_failed_load_is_told_in_ollama_s_words(tmp_path: Path) -> None:
    said = "model requires more system memory (20 GiB) than is available (8 GiB)"
    with FakeOllama(MODEL) as server:
        server.post["/api/chat"] = Reply(status=500, body={"error": said})
        error = refused(options(tmp_path, server.url))

    assert said in str(error)
    assert "smaller context" in error.hint


# --- no server -----------------------------------------------------------------------


def test_without_a_server_and_a_program_both_ways_out_are_named(tmp_path: Path) -> None:
    with closed_port() as port:
        given = options(tmp_path, f"http://127.0.0.1:{port}", PATH="/nonexistent")
        error = refused(given)

    assert str(error).startswith("No running Ollama server detected at http://127")
    assert "`ollama serve`" in error.hint
    assert "-m smollm2-135m" in error.hint


def test_a_server_behind_a_proxy_gets_the_provider_s_key(tmp_path: Path) -> None:
    with FakeOllama(MODEL) as server:
        ensure(replace(options(tmp_path, server.url), key="sesame"), NAME)

    keys = {seen.headers.get("authorization") for seen in server.requests}
    assert keys == {"Bearer sesame"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_wants_a_key_says_where_to_put_it(
    tmp_path: Path, status: int
) -> None:
    refusal = Reply(status=status, body={"error": "unauthorized"})
    with FakeServer(get={"/api/version": refusal}) as server:
        error = refused(options(tmp_path, server.url))

    assert f"refuses ({status}): unauthorized" in str(error)
    assert "`env_key`" in error.hint


def test_no_second_server_is_started_beside_one_that_hangs(tmp_path: Path) -> None:
    install(tmp_path / "bin")
    with FakeServer(get={"/api/version": Reply(raw=b"")}) as server:
        given = options(tmp_path, server.url)
        error = refused(replace(given, consent=Somebody()))

    assert str(error).startswith("No running Ollama server detected at http://127")
    assert not given.logs.exists()


def test_a_server_that_is_too_old_is_not_used(tmp_path: Path) -> None:
    with FakeOllama(MODEL, version="0.5.13") as server:
        error = refused(options(tmp_path, server.url))

    assert "Ollama 0.5.13" in str(error)
    assert "0.9.0 or newer" in str(error)


def test_a_development_build_is_new_enough(tmp_path: Path) -> None:
    with FakeOllama(MODEL, version="0.0.0") as server:
        assert isinstance(ensure(options(tmp_path, server.url), NAME)[-1], Ready)


@pytest.mark.parametrize(
    "host", ["{host}:{port}", "http://{host}:{port}/", "'{host}:{port}'", ":{port}"]
)
def test_ollama_host_names_the_server_where_no_url_does(
    tmp_path: Path, host: str
) -> None:
    with FakeOllama(MODEL) as server:
        said = host.format(host="127.0.0.1", port=server.port)
        events = ensure(options(tmp_path, OLLAMA_HOST=said), NAME)

    assert events[-1] == ready(server.url)


# --- no Ollama at all ----------------------------------------------------------------


def with_installer(tmp_path: Path, installs: str) -> None:
    """Put stand-ins on PATH for what the installer calls; ``curl`` prints it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, script in (("curl", f"echo {shlex.quote(installs)}"), ("zstd", "exit 9")):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has room and root, and no service comes up by itself."""
    monkeypatch.setattr(engine, "SETTLE_S", 0.0)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(room, "free", unknown)


@pytest.mark.usefixtures("bare")
def test_where_there_is_no_ollama_one_is_installed_started_and_asked(
    tmp_path: Path,
) -> None:
    made = install(tmp_path / "made", Behaviour(models=(MODEL,)))
    with_installer(tmp_path, f"ln -s {made} {tmp_path}/bin/ollama")
    somebody = Somebody()
    with closed_port() as port:
        given = options(tmp_path, f"http://127.0.0.1:{port}")
        events = ensure(replace(given, consent=somebody), NAME)

    assert isinstance(events[-1], Ready)
    assert [each.kind for each in somebody.asked] == ["install", "start"]
    assert somebody.asked[0].command == "curl -fsSL https://ollama.com/install.sh | sh"


@pytest.mark.usefixtures("bare")
def test_who_does_not_want_ollama_installed_is_told_of_the_embedded_engine(
    tmp_path: Path,
) -> None:
    with_installer(tmp_path, f"touch {tmp_path}/ran")
    with closed_port() as port:
        given = options(tmp_path, f"http://127.0.0.1:{port}")
        error = refused(replace(given, consent=Somebody(says=False)))

    assert str(error).startswith("No running Ollama server detected at http://127")
    assert str(error).endswith("Ollama was not installed: the answer was no")
    assert "-m hf:OWNER/REPO" in error.hint
    assert not (tmp_path / "ran").exists()
