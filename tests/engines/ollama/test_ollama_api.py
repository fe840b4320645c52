"""The client of Ollama's API: questions, changes, and what a refusal says."""

import pytest

from codex_oss.engines.ollama.api import Api, older, require_version
from codex_oss.errors import EngineError, ModelError, NotFound
from codex_oss.wire.ollama.library import Shown
from codex_oss.wire.servers import Loaded
from fake_ollama import FakeOllama, OllamaModel
from fake_server import FakeServer, Reply, closed_port
from with_ollama import asked

MODEL = OllamaModel("qwen3:8b", trained=40960, num_ctx=16384, vram=0.5)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_a_url_is_taken_with_and_without_v1(end: str) -> None:
    with FakeOllama(MODEL) as server:
        assert asked(server.url + end, Api.version) == "0.33.0"


@pytest.mark.parametrize(
    "reply", [Reply(status=404), Reply(body="[]"), Reply(body="<html>"), Reply(raw=b"")]
)
def test_another_server_does_not_answer_as_ollama(reply: Reply) -> None:
    with FakeServer(get={"/api/version": reply}) as server:
        assert not asked(server.url, Api.answers)


def test_a_port_where_nothing_listens_does_not_answer() -> None:
    with closed_port() as port:
        url = f"http://127.0.0.1:{port}"
        assert not asked(url, Api.answers)
        with pytest.raises(ModelError):
            asked(url, Api.tags)


def test_the_installed_models_are_listed_with_digest_and_size() -> None:
    with FakeOllama(MODEL) as server:
        (tag,) = asked(server.url, Api.tags)

    assert (tag.name, tag.size, tag.digest) == ("qwen3:8b", MODEL.size, MODEL.digest)
    assert tag.capabilities == list(MODEL.capabilities)


def test_a_server_without_models_lists_none() -> None:
    with FakeServer(get={"/api/tags": {"models": None}}) as server:
        assert asked(server.url, Api.tags) == []


def test_a_model_shows_its_context_and_what_it_can() -> None:
    with FakeOllama(MODEL) as server:
        shown = asked(server.url, lambda api: api.show("qwen3:8b"))

    assert (shown.architecture, shown.trained, shown.own_context) == (
        "qwen3",
        40960,
        16384,
    )
    assert shown.number("attention.head_count_kv") == 8
    assert [shown.can(what) for what in ("tools", "thinking", "insert")] == [
        *(True, True, False)
    ]
    assert not shown.remote


def test_an_old_server_does_not_say_what_a_model_can() -> None:
    assert Shown().can("tools") is None
    assert (Shown().trained, Shown().own_context) == (None, 0)


def test_a_loaded_model_tells_its_real_context_and_share_of_the_gpu() -> None:
    with FakeOllama(MODEL, grants=8192) as server:

        async def load(api: Api) -> Loaded | None:
            assert await api.loaded("QWEN3:8b") is None
            await api.load("qwen3:8b", num_ctx=32768, keep_alive="30m")
            return await api.loaded("QWEN3:8b")

        loaded = asked(server.url, load)

    assert loaded is not None
    assert (loaded.context_length, loaded.size_vram / loaded.size) == (8192, 0.5)
    assert loaded.expires_at
    assert server.loads == [("qwen3:8b", 8192)]


def test_an_unloaded_model_frees_its_memory() -> None:
    with FakeOllama(MODEL) as server:

        async def work(api: Api) -> None:
            await api.load("qwen3:8b", num_ctx=None, keep_alive=None)
            assert server.loaded == {"qwen3:8b": 16384}
            await api.unload("qwen3:8b")

        asked(server.url, work)

    assert server.loaded == {}


def test_a_variant_fixes_the_context_and_shares_the_weights() -> None:
    with FakeOllama(MODEL) as server:

        async def work(api: Api) -> Shown:
            await api.create("qwen3-64k", "qwen3:8b", {"num_ctx": 65536})
            return await api.show("qwen3-64k")

        assert asked(server.url, work).own_context == 65536
        variant = server.models["qwen3-64k:latest"]

    assert variant.blobs[0] == MODEL.blobs[0]


def test_a_copy_is_a_second_name_and_a_deleted_model_is_gone() -> None:
    with FakeOllama(MODEL) as server:

        async def work(api: Api) -> list[str]:
            await api.copy("qwen3:8b", "mine")
            await api.delete("qwen3:8b")
            return [tag.name for tag in await api.tags()]

        assert asked(server.url, work) == ["mine:latest"]


@pytest.mark.parametrize("change", ["show", "delete", "load", "copy"])
def test_a_model_that_is_not_there_is_not_found(change: str) -> None:
    async def work(api: Api) -> None:
        match change:
            case "show":
                await api.show("gone")
            case "delete":
                await api.delete("gone")
            case "copy":
                await api.copy("gone", "other")
            case _:
                await api.load("gone", num_ctx=1, keep_alive=None)

    with (
        FakeOllama(MODEL) as server,
        pytest.raises(NotFound, match=r"gone.* not found"),
    ):
        asked(server.url, work)


def test_a_model_that_does_not_fit_the_memory_says_what_to_do() -> None:
    said = "model requires more system memory (20 GiB) than is available (8 GiB)"
    with (
        FakeServer(
            post={"/api/chat": Reply(status=500, body={"error": said})}
        ) as server,
        pytest.raises(EngineError) as caught,
    ):
        asked(server.url, lambda api: api.load("m", num_ctx=9, keep_alive=None))

    assert str(caught.value) == (
        f"loading m failed: There is not enough memory for it ({said})"
    )
    assert "smaller context" in caught.value.hint


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("0.8.9", True),
        ("v0.8.0", True),
        ("0.9.0-rc1", False),
        ("0.33.0", False),
        ("1.0", False),
        ("0.0.0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_a_version_is_old_only_when_it_says_so(version: str, *, old: bool) -> None:
    assert older(version, (0, 9, 0)) is old


def test_a_server_that_is_too_old_is_told_with_the_version_needed() -> None:
    with pytest.raises(EngineError) as caught:
        require_version("0.5.13", "http://box:11434")

    assert caught.value.report() == (
        "Ollama 0.5.13 at http://box:11434 is too old: codex-oss needs 0.9.0 or newer\n"
        "Update Ollama: https://ollama.com/download"
    )
