"""Servers of models: where they are looked for, and how they are told apart."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

import real_llama
from codex_oss.engines import discover as looking
from codex_oss.engines.base import Found, Installed, Place
from codex_oss.engines.discover import discover, places
from codex_oss.errors import ConfigError
from codex_oss.net import Client
from config_home import loader
from fake_lmstudio import FakeLmStudio
from fake_ollama import FakeOllama, OllamaModel
from fake_server import FakeServer, Gate, Reply, Scripted, closed_port
from fake_vllm import FakeLlamaServer, FakeSglang, FakeVllm

LIMIT_S = 60
LOOK_S = 10


def look(*wanted: Place | FakeServer) -> list[Found]:
    asked = [p if isinstance(p, Place) else place(p) for p in wanted]

    async def run() -> list[Found]:
        client = Client({})
        try:
            async with asyncio.timeout(LIMIT_S):
                return await discover(asked, client, within_s=LOOK_S)
        finally:
            await client.close()

    return asyncio.run(run())


def place(server: FakeServer, **more: Any) -> Place:
    return Place(url=server.url, said_by="a test", **more)


def look_briefly(*asked: Place) -> list[Found]:
    """Look for as long as a program does at its start."""

    async def run() -> list[Found]:
        client = Client({})
        try:
            async with asyncio.timeout(LIMIT_S):
                return await discover(asked, client)
        finally:
            await client.close()

    return asyncio.run(run())


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let whoever took a connection have longer than any test."""
    monkeypatch.setattr(looking, "PATIENCE_S", 10 * LIMIT_S)


def listing(*names: str, owner: str, **more: Any) -> dict[str, Any]:
    entry = {"object": "model", "owned_by": owner, **more}
    return {"object": "list", "data": [entry | {"id": name} for name in names]}


def tags(*names: str) -> dict[str, Any]:
    return {"models": [{"name": name, "model": name} for name in names]}


# --- telling them apart --------------------------------------------------------------


def test_ollama_says_what_it_has_and_what_is_loaded_where() -> None:
    half = OllamaModel("qwen3:8b", vram=0.5)
    with FakeOllama(OllamaModel("gpt-oss:20b"), half) as server:
        server.load("qwen3:8b", 16384)
        found = look(server)

    told: dict[str, Any] = {
        "size": half.size,
        "context": 131072,
        "tools": True,
        "quantization": "Q4_K_M",
        "parameters": "8.2B",
    }
    assert found == [
        Found(
            server="ollama",
            url=server.url,
            version="0.33.0",
            models=(
                Installed(name="gpt-oss:20b", **told),
                Installed(name="qwen3:8b", loaded=16384, on_gpu=0.5, **told),
            ),
            said_by="a test",
        )
    ]


def test_they_are_all_found_at_once_and_told_apart() -> None:
    with (
        FakeOllama() as ollama,
        FakeLmStudio() as lmstudio,
        FakeLlamaServer(context=16384) as llama,
        FakeVllm(context=40960) as vllm,
        FakeSglang() as sglang,
    ):
        servers = (ollama, lmstudio, llama, vllm, sglang)
        found = look(*(place(server, expected="ollama") for server in servers))
        urls = [server.url for server in servers]

    kinds = ["ollama", "lmstudio", "llamacpp", "vllm", "sglang"]
    assert [(f.server, f.url) for f in found] == list(zip(kinds, urls, strict=True))
    assert [f.models[0].loaded for f in found[2:]] == [16384, 40960, 32768]
    assert all(f.note == "" for f in found)


def test_a_llama_server_that_still_reads_its_model_is_found() -> None:
    with FakeLlamaServer("m.gguf") as server:
        server.ready = False
        [found] = look(server)

    assert (found.server, found.note) == ("llamacpp", "it still reads its model")
    assert [(m.name, m.loaded) for m in found.models] == [("m.gguf", None)]


def test_an_ollama_without_models_is_one() -> None:
    get: dict[str, Scripted] = {
        "/v1/models": {"object": "list", "data": None},
        "/api/version": {"version": "0.33.0"},
        "/api/tags": {"models": None},
    }
    with FakeServer(get=get) as server:
        [found] = look(server)

    assert (found.server, found.version, found.models) == ("ollama", "0.33.0", ())


def test_an_ollama_says_which_models_call_tools_and_which_are_elsewhere() -> None:
    details = {"parameter_size": "20.9B", "quantization_level": "MXFP4"}
    able = {"capabilities": ["completion", "tools", "thinking"]}
    get: dict[str, Scripted] = {
        "/api/version": {"version": "0.33.0"},
        "/api/tags": {
            "models": [
                {"name": "gpt-oss:20b", "details": details, **able},
                {"name": "bge:m3", "capabilities": ["embedding"]},
                {"name": "nomic-embed-text:latest"},
                {"name": "big:cloud", "size": 384, "remote_host": "https://ollama.com"},
            ]
        },
    }
    with FakeServer(get=get) as server:
        [found] = look(server)

    assert found.models == (
        Installed(
            name="gpt-oss:20b", tools=True, parameters="20.9B", quantization="MXFP4"
        ),
        Installed(name="bge:m3", tools=False),
        Installed(name="nomic-embed-text:latest", tools=False),
        Installed(name="big:cloud", size=384, remote=True),
    )


def test_sglang_is_not_taken_for_an_ollama_though_it_answers_as_one() -> None:
    get: dict[str, Scripted] = {
        "/": Reply(body="Ollama is running"),
        "/api/tags": tags("qwen3-coder"),
        "/v1/models": listing("qwen3-coder", owner="sglang", max_model_len=65536),
        "/server_info": {"version": "0.5.23", "tp_size": 1},
    }
    with FakeServer(get=get) as server:
        found = look(place(server, expected="ollama"))

    model = Installed(name="qwen3-coder", context=65536, loaded=65536)
    assert found == [
        Found(
            server="sglang",
            url=server.url,
            version="0.5.23",
            models=(model,),
            said_by="a test",
        )
    ]


def test_llama_server_is_not_taken_for_an_ollama_though_it_lists_tags() -> None:
    meta = {"n_ctx_train": 131072, "n_params": 20_914_757_184, "size": 12_000_000_000}
    get: dict[str, Scripted] = {
        "/api/tags": tags("gpt-oss-20b.gguf"),
        "/v1/models": listing("gpt-oss-20b.gguf", owner="llamacpp", meta=meta),
        "/props": {
            "default_generation_settings": {"n_ctx": 16384},
            "chat_template_caps": {"supports_tools": True},
            "build_info": "b11549-abc",
        },
    }
    with FakeServer(get=get) as server:
        [found] = look(server)

    assert (found.server, found.version) == ("llamacpp", "b11549-abc")
    assert found.models == (
        Installed(
            name="gpt-oss-20b.gguf",
            size=12_000_000_000,
            context=131072,
            loaded=16384,
            tools=True,
            parameters="20.9B",
        ),
    )


def test_vllm_says_the_context_that_it_has_given_its_model() -> None:
    get: dict[str, Scripted] = {
        "/v1/models": listing("Qwen/Qwen3", owner="vllm", max_model_len=32768),
        "/version": {"version": "0.33.0"},
    }
    with FakeServer(get=get) as server:
        [found] = look(server)

    assert (found.server, found.version) == ("vllm", "0.33.0")
    assert found.models == (Installed(name="Qwen/Qwen3", context=32768, loaded=32768),)


UNKNOWN = {"error": "Unexpected endpoint or method. (GET /). Returning 200 anyway"}


def test_lm_studio_says_which_models_are_loaded_with_how_much() -> None:
    gpt = {
        "type": "llm",
        "key": "openai/gpt-oss-20b",
        "quantization": {"name": "MXFP4", "bits_per_weight": 4},
        "size_bytes": 12_100_000_000,
        "params_string": "20B",
        "loaded_instances": [{"id": "a", "config": {"context_length": 40960}}],
        "max_context_length": 131072,
        "capabilities": {"vision": False, "trained_for_tool_use": True},
    }
    embedding: dict[str, Any] = {"type": "embedding", "key": "nomic"}
    get: dict[str, Scripted] = {
        "/v1/models": listing("openai/gpt-oss-20b", owner="organization_owner"),
        "/api/v1/models": {"models": [gpt, embedding]},
        "/api/version": UNKNOWN,
        "/api/tags": UNKNOWN,
        "/api/ps": UNKNOWN,
    }
    with FakeServer(get=get) as server:
        first, second = look(server)[0], look(place(server, expected="lmstudio"))[0]

    assert first == second
    assert first.server == "lmstudio"
    assert first.models == (
        Installed(
            name="openai/gpt-oss-20b",
            size=12_100_000_000,
            context=131072,
            loaded=40960,
            tools=True,
            quantization="MXFP4",
            parameters="20B",
        ),
        Installed(name="nomic", tools=False),
    )


def test_an_lm_studio_before_0_4_is_asked_its_older_way() -> None:
    models = [
        {
            "id": "qwen3",
            "type": "llm",
            "state": "loaded",
            "quantization": "4bit",
            "max_context_length": 262144,
            "loaded_context_length": 8192,
        },
        {"id": "other", "state": "not-loaded", "loaded_context_length": 4096},
        {"id": "nomic", "type": "embeddings", "state": "not-loaded"},
    ]
    get: dict[str, Scripted] = {
        "/v1/models": listing("qwen3", owner="organization_owner"),
        "/api/v1/models": UNKNOWN,
        "/api/v0/models": {"object": "list", "data": models},
    }
    with FakeServer(get=get) as server:
        [found] = look(server)

    assert found.server == "lmstudio"
    assert found.models == (
        Installed(name="qwen3", context=262144, loaded=8192, quantization="4bit"),
        Installed(name="other"),
        Installed(name="nomic", tools=False),
    )


def test_what_lists_models_and_is_none_of_these_is_compatible() -> None:
    with FakeServer(get={"/v1/models": listing("m", owner="me")}) as server:
        [found] = look(server)

    assert (found.server, found.models) == ("openai", (Installed(name="m"),))


WEB = {
    "another kind of server": {"/": Reply(body="<html>")},
    "a page for every path": {"/v1/models": Reply(body="<html>")},
    "only tags": {"/api/tags": tags("m")},
    "only a version": {"/api/version": {"version": "1"}},
    "a server that hangs up": {"/v1/models": Reply(raw=b"")},
    "no HTTP": {"/v1/models": Reply(raw=b"220 mail ESMTP\r\n")},
}


@pytest.mark.parametrize("get", WEB.values(), ids=WEB)
def test_what_serves_no_models_is_not_found(get: Mapping[str, Reply]) -> None:
    with FakeServer(get=get) as server:
        assert look(server) == []


# --- keys ----------------------------------------------------------------------------

DENIED = Reply(status=401, body={"error": "Unauthorized"})


def test_the_providers_key_is_sent() -> None:
    def models(seen: Any) -> Reply:
        right = seen.headers.get("authorization") == "Bearer k"
        return Reply(body=listing("m", owner="vllm")) if right else DENIED

    with FakeServer(get={"/v1/models": models}) as server:
        found = look(place(server, key="k"), place(server))

    assert [(f.server, f.note) for f in found] == [("vllm", "")]


def test_a_server_behind_a_key_is_told_by_what_it_tells_everybody() -> None:
    vllm = {"/v1/models": DENIED, "/version": Reply(body={"version": "0.33.0"})}
    llama = {"/v1/models": DENIED, "/health": Reply(body={"status": "ok"})}
    with FakeServer(get=vllm) as one, FakeServer(get=llama) as other:
        found = look(place(one), place(other, expected="llamacpp"))

    assert [(f.server, f.note) for f in found] == [
        ("vllm", "it wants a key"),
        ("llamacpp", "it wants a key"),
    ]


def test_a_locked_server_counts_only_where_somebody_named_it() -> None:
    with FakeServer(get={"/v1/models": DENIED}) as server:
        assert look(place(server)) == []
        [found] = look(place(server, named=True))

    assert (found.server, found.note) == ("openai", "it wants a key")


# --- time ----------------------------------------------------------------------------


@contextlib.contextmanager
def swallowing() -> Generator[int, None, None]:
    """Give a port that takes no connection and refuses none, as a firewall does."""
    with socket.socket() as server, contextlib.ExitStack() as waiting:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # the queue of connections that nobody takes is full
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@pytest.mark.usefixtures("patient")
def test_where_nothing_answers_it_takes_a_moment() -> None:
    with closed_port() as closed, swallowing() as black_hole:
        asked = [
            Place(url=f"http://127.0.0.1:{port}", said_by=str(port))
            for port in (closed, black_hole)
        ]
        assert look_briefly(*asked) == []


@pytest.mark.usefixtures("patient")
def test_a_silent_server_is_not_waited_for_when_another_answers() -> None:
    with (
        FakeServer(get={"/v1/models": Reply(silent=True)}) as silent,
        FakeOllama() as ollama,
    ):
        found = look_briefly(place(silent), place(ollama))

    assert [f.url for f in found] == [ollama.url]


def test_a_server_that_never_answers_is_waited_for_once() -> None:
    with FakeServer(get={"/v1/models": Reply(silent=True)}) as silent:
        found = look_briefly(place(silent))

    assert found == []
    assert len(silent.requests) == 1


@pytest.mark.usefixtures("patient")
def test_a_slow_server_is_waited_for_when_no_other_answers() -> None:
    gate = Gate()
    body = b'{"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]}'

    async def run() -> list[Found]:
        client = Client({})
        asking = asyncio.ensure_future(discover([place(slow)], client, within_s=0.05))
        try:
            await asyncio.to_thread(gate.wait_reached)
            await asyncio.wait([asking], timeout=0.1)
            assert not asking.done()
            gate.open()
            return await asking
        finally:
            await client.close()

    with FakeServer(get={"/v1/models": Reply(chunks=[gate, body])}) as slow:
        assert [f.server for f in asyncio.run(run())] == ["vllm"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("steps", range(4))
def test_a_machine_that_is_too_busy_to_look_looks_again(steps: int) -> None:
    async def be_busy() -> None:
        """Keep the loop from its work for longer than the look lasts."""
        for _ in range(steps):
            await asyncio.sleep(0)
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            pass

    async def run() -> list[Found]:
        client = Client({})
        busy = asyncio.ensure_future(be_busy())
        try:
            return await discover([place(server)], client, within_s=0.05)
        finally:
            await busy
            await client.close()

    with FakeVllm() as server:
        assert [f.server for f in asyncio.run(run())] == ["vllm"]


def test_a_url_that_is_none_is_told() -> None:
    with pytest.raises(ConfigError, match="is not a URL"):
        look(Place(url="box", said_by="CODEX_OSS_BASE_URL"))


# --- where ---------------------------------------------------------------------------


def where(
    tmp_path: Path, text: str = "", env: dict[str, str] | None = None
) -> list[Place]:
    loaded = loader(tmp_path)(text, env=env)
    return places({"HOME": str(tmp_path)} | (env or {}), loaded)


USUAL = [
    ("http://localhost:11434", "port 11434", "ollama", False),
    ("http://localhost:1234", "port 1234", "lmstudio", False),
    ("http://localhost:8080", "port 8080", "llamacpp", False),
    ("http://localhost:8000", "port 8000", "vllm", False),
    ("http://localhost:30000", "port 30000", "sglang", False),
]


def told(found: list[Place]) -> list[tuple[str, str, str | None, bool]]:
    return [(p.url, p.said_by, p.expected, p.named) for p in found]


def test_without_a_word_the_usual_ports_are_looked_at(tmp_path: Path) -> None:
    assert told(where(tmp_path)) == USUAL


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("box:1", "http://box:1"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://[::1]:5/ollama/v1", "http://[::1]:5/ollama"),
    ],
)
def test_ollama_host_moves_ollama(tmp_path: Path, host: str, url: str) -> None:
    found = where(tmp_path, env={"OLLAMA_HOST": host})
    assert told(found) == [(url, "OLLAMA_HOST", "ollama", True), *USUAL[1:]]


@pytest.mark.parametrize(
    ("name", "value", "url"),
    [
        ("CODEX_OSS_BASE_URL", "http://box:7/v1/", "http://box:7"),
        ("CODEX_OSS_PORT", "7", "http://localhost:7"),
    ],
)
def test_codexs_variables_name_a_server_of_any_kind(
    tmp_path: Path, name: str, value: str, url: str
) -> None:
    found = where(tmp_path, env={name: value, "OLLAMA_HOST": "other"})
    assert told(found) == [(url, name, None, True), *USUAL[2:]]


def test_a_place_that_is_named_twice_is_asked_once(tmp_path: Path) -> None:
    found = where(tmp_path, '[model_providers.oss]\nbase_url="http://127.0.0.1:1234"')
    assert told(found) == [
        ("http://127.0.0.1:1234", "~/.codex/config.toml:2", None, True),
        USUAL[0],
        *USUAL[2:],
    ]


def test_a_provider_brings_its_key(tmp_path: Path) -> None:
    text = (
        '[model_providers.vllm]\nenv_key = "VLLM_KEY"\n'
        '[model_providers.sglang]\nexperimental_bearer_token = "t"\n'
    )
    found = where(tmp_path, text, env={"VLLM_KEY": " k "})
    assert [p.key for p in found] == ["", "", "", "k", "t"]


def test_lm_studio_is_looked_for_at_the_port_it_was_given(tmp_path: Path) -> None:
    folder = tmp_path / ".lmstudio" / ".internal"
    folder.mkdir(parents=True)
    for text, port in (('{"port": 4321}', 4321), ('{"port": 0}', 1234), ("{", 1234)):
        (folder / "http-server-config.json").write_text(text)
        assert told(where(tmp_path))[1] == (
            f"http://localhost:{port}",
            f"port {port}",
            "lmstudio",
            False,
        )


def test_a_real_llama_cpp_is_told_by_its_own_words() -> None:
    model = os.environ.get("CODEX_OSS_TEST_MODEL")
    if not model:
        pytest.skip("CODEX_OSS_TEST_MODEL names no GGUF file")
    with real_llama.serving(Path(model)) as url:
        [found] = look(Place(url=url, said_by="a test", expected="ollama"))

    assert (found.server, found.note) == ("llamacpp", "")
    [served] = found.models
    assert (served.loaded, served.context) == (4096, 8192)
    assert served.size is not None
    assert served.size > 90_000_000
