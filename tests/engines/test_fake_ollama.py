"""The fake Ollama, held against the official Python client, which understands it."""

import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from fake_ollama import (
    MISMATCH,
    MISSING,
    NEWER,
    NO_SPACE,
    FakeOllama,
    OllamaModel,
    Pull,
    Say,
)
from fake_registry import FakeRegistry
from fake_server import WAIT_S, Gate

ollama = pytest.importorskip("ollama", reason="Ollama's Python client is not installed")

HI = [{"role": "user", "content": "hi"}]
TOOL = {"type": "function", "function": {"name": "look"}}


@contextmanager
def talking(*models: OllamaModel, **how: Any) -> Generator[tuple[FakeOllama, Any]]:
    """Serve; give the server and a client of it."""
    with (
        FakeOllama(*models, **how) as server,
        ollama.Client(server.url, timeout=WAIT_S) as client,
    ):
        yield server, client


def pulled(client: Any) -> list[tuple[str, int | None]]:
    """Pull ``a:1b``; return the first word of each line, and what is there by then."""
    lines = client.pull("a:1b", stream=True)
    return [(line.status.partition(" ")[0], line.completed) for line in lines]


def refused(act: Any, *args: Any, **more: Any) -> tuple[int, str]:
    with pytest.raises(ollama.ResponseError) as caught:
        act(*args, **more)
    return caught.value.status_code, caught.value.error


# --- pulling -------------------------------------------------------------------------

ENDED = [("verifying", None), ("writing", None), ("success", None)]


def test_a_pull_tells_each_layer_and_ends_with_success() -> None:
    with talking() as (_, client):
        assert pulled(client) == [
            ("pulling", None),
            *[("pulling", n) for n in (None, 2000, 4000, 6000, 8000)],
            *[("pulling", n) for n in (None, 40, 80, 120, 160)],
            *[("pulling", n) for n in (None, 10, 20, 30, 40)],
            *ENDED,
        ]
        assert [m.model for m in client.list().models] == ["m:latest", "a:1b"]
        assert client.pull("a:1b").status == "success"


def test_a_layer_that_is_there_is_told_once() -> None:
    with talking() as (_, client):
        pulled(client)
        layers = [("pulling", n) for n in (None, 8000, 160, 40)]
        assert pulled(client) == layers + ENDED


def test_a_pull_that_was_cut_goes_on_where_it_was() -> None:
    pulls = {"a:1b": [Pull(after=2500, cut=True), Pull()]}
    with talking(pulls=pulls) as (server, client):
        with pytest.raises(Exception, match="peer closed connection"):
            pulled(client)
        assert list(server.models) == ["m:latest"]
        assert [n for _, n in pulled(client)[:3]] == [None, 2500, 4500]
        assert "a:1b" in server.models


@pytest.mark.parametrize(
    ("pull", "lines"),
    [
        (Pull(after=0, error=MISSING), 1),
        (Pull(after=0, error=NEWER), 1),
        (Pull(after=3000, error=NO_SPACE), 4),
        (Pull(error=MISMATCH), 17),
    ],
)
def test_an_error_comes_in_a_stream_that_began_well(pull: Pull, lines: int) -> None:
    told: list[Any] = []
    with talking(pulls={"a:1b": [pull]}) as (server, client):
        stream = client.pull("a:1b", stream=True)
        assert refused(told.extend, stream) == (-1, pull.error)
        assert len(told) == lines
        assert refused(client.pull, "a:1b") == (500, pull.error)
        assert "a:1b" not in server.models


def test_a_slow_pull_waits() -> None:
    gate = Gate()
    with talking(pulls={"a:1b": [Pull(after=4000, gate=gate)]}) as (server, client):
        lines = client.pull("a:1b", stream=True)
        while next(lines).completed != 4000:
            pass
        gate.wait_reached()
        assert "a:1b" not in server.models
        gate.open()
        assert [line.status for line in lines][-1] == "success"


def test_a_client_that_leaves_leaves_half_a_model() -> None:
    pulls = {"a:1b": [Pull(after=4000, hangs=True), Pull()]}
    with talking(pulls=pulls) as (server, client):
        lines = client.pull("a:1b", stream=True)
        while next(lines).completed != 4000:
            pass
        lines.close()
        assert server.requests[0].gone.wait(WAIT_S)
        assert [n for _, n in pulled(client)[:3]] == [None, 4000, 6000]


def test_a_pull_with_a_rate_tells_more_lines() -> None:
    with talking(pulls={"a:1b": [Pull(rate=40_000)]}) as (_, client):
        told = [completed for _, completed in pulled(client)]
    assert told[:6] == [None, None, 2400, 4800, 7200, 8000]


# --- what is installed ---------------------------------------------------------------


def test_a_model_is_shown_with_what_its_memory_follows_from() -> None:
    model = OllamaModel("q:8b", num_ctx=16384, requires="0.30.0", info={"x.y": 1})
    with talking(model) as (_, client):
        shown = client.show("q:8b")
        listed = client.list().models[0]
    assert shown.capabilities == ["completion", "tools", "thinking", "vision"]
    assert "num_ctx                        16384" in shown.parameters
    assert shown.modelinfo["general.architecture"] == "qwen3"
    its_own = {k: v for k, v in shown.modelinfo.items() if k.startswith("qwen3.")}
    assert its_own == {
        "qwen3.context_length": 131072,
        "qwen3.embedding_length": 4096,
        "qwen3.block_count": 36,
        "qwen3.attention.head_count": 32,
        "qwen3.attention.head_count_kv": 8,
        "qwen3.attention.key_length": 128,
        "qwen3.attention.value_length": 128,
        "qwen3.x.y": 1,
    }
    assert (listed.model, listed.size, len(listed.digest)) == ("q:8b", model.size, 64)
    assert listed.details.quantization_level == "Q4_K_M"


def test_a_variant_shares_the_weights_and_keeps_them_alive() -> None:
    with talking(OllamaModel("a:1b")) as (server, client):
        said = client.create("a-64k", from_="a:1b", parameters={"num_ctx": 65536})
        client.copy("a-64k", "b")
        client.delete("a:1b")
        client.chat("b", HI, stream=False)
        assert said.status == "success"
        assert list(server.models) == ["a-64k:latest", "b:latest"]
        assert server.loads == [("b:latest", 65536)]
        first = [model.blobs[0] for model in server.models.values()]
        assert first[0] == first[1]
        assert server.store.blobs[first[0][0]] == first[0][1]


def test_a_variant_of_what_is_not_there_pulls_it_first() -> None:
    with talking() as (server, client):
        lines = client.create("v", from_="a:1b", parameters={}, stream=True)
        words = [line.status.partition(" ")[0] for line in lines]
        assert list(server.models) == ["m:latest", "a:1b", "v:latest"]
    assert words[:2] == ["pulling", "pulling"]
    assert words[-5:] == ["using", "creating", "creating", "writing", "success"]


def test_what_is_not_there_is_not_found() -> None:
    with talking() as (_, client):
        missing = (404, "model 'x' not found")
        assert refused(client.show, "x") == missing
        assert refused(client.delete, "x") == missing
        assert refused(client.chat, "x", HI) == missing
        assert refused(client.copy, "x", "y") == (404, 'model "x" not found')


def test_a_head_is_enough_to_find_it() -> None:
    with FakeOllama() as server:
        asked = urllib.request.Request(server.url, method="HEAD")
        with urllib.request.urlopen(asked, timeout=WAIT_S) as reply:
            assert (reply.status, reply.read()) == (200, b"")


# --- in memory -----------------------------------------------------------------------


def test_a_model_is_loaded_and_unloaded_without_a_word() -> None:
    with talking(OllamaModel("m:latest", vram=0.25)) as (server, client):
        options = {"num_ctx": 8192}
        loaded = client.generate("m", options=options, keep_alive="30m")
        (running,) = client.ps().models
        assert (loaded.done_reason, server.kept) == ("load", {"m:latest": 1800})
        assert running.context_length == 8192
        assert running.size_vram * 4 == running.size
        assert running.expires_at.tzinfo is not None
        gone = client.chat("m", [], keep_alive=0)
        assert (gone.done_reason, client.ps().models) == ("unload", [])


def test_less_context_may_be_given_than_was_asked_for() -> None:
    with talking(grants=4096) as (_, client):
        client.chat("m", HI, options={"num_ctx": 65536})
        assert client.ps().models[0].context_length == 4096


# --- talking -------------------------------------------------------------------------

LOOKED = Say(("It ", "is."), ("hm", "m"), calls=(("look", {"at": "it"}),))


def test_a_chat_thinks_speaks_and_calls() -> None:
    with talking(answers=[LOOKED]) as (_, client):
        whole = client.chat("m", HI, tools=[TOOL])
        pieces = [
            (piece.message.thinking, piece.message.content)
            for piece in client.chat("m", HI, stream=True)
        ]
    (call,) = whole.message.tool_calls
    assert (whole.message.thinking, whole.message.content) == ("hmm", "It is.")
    assert (call.function.name, call.function.arguments) == ("look", {"at": "it"})
    assert (whole.done_reason, whole.eval_count) == ("stop", 5)
    assert pieces[:4] == [("hm", ""), ("m", ""), (None, "It "), (None, "is.")]


def test_a_prompt_is_answered() -> None:
    with talking(answers=[Say(("a", "b"))]) as (_, client):
        assert client.generate("m", "hi").response == "ab"
        pieces = [p.response for p in client.generate("m", "hi", stream=True)]
    assert pieces == ["a", "b", ""]


def test_what_a_model_cannot_is_refused_and_faults_are_told() -> None:
    plain = OllamaModel(capabilities=("completion",))
    broken = [Say("so", error="it broke"), Say(refuse=(503, "busy"))]
    with talking(plain, answers=broken) as (_, client):
        tools = refused(client.chat, "m", HI, tools=[TOOL])
        think = refused(client.chat, "m", HI, think=True)
        whole = refused(client.chat, "m", HI)
        busy = refused(client.chat, "m", HI)
    assert tools == (400, '"m:latest" does not support tools')
    assert think == (400, '"m:latest" does not support thinking')
    assert (whole, busy) == ((500, "it broke"), (503, "busy"))


# --- registries ----------------------------------------------------------------------


def test_a_model_comes_from_the_registry_that_its_name_names() -> None:
    model = OllamaModel("a:1b", layers=(9000, 160, 40), family="granite")
    refused_there = {"b:1b": (412, "\nnewer version of Ollama\n")}
    with (
        FakeRegistry(model, refused=refused_there) as registry,
        talking() as (_, client),
    ):
        host = registry.url.removeprefix("http://")
        root = f"{registry.url}/library"
        open_ = refused(client.pull, f"{root}/a:1b")
        missing = refused(client.pull, f"{root}/x:1b", insecure=True)
        newer = refused(client.pull, f"{root}/b:1b", insecure=True)
        client.pull(f"{root}/a:1b", insecure=True)
        shown = client.show(f"{host}/library/a:1b")
        assert client.list().models[1].model == f"{host}/library/a:1b"
    assert open_ == (500, "pull model manifest: insecure protocol http")
    assert missing == (500, MISSING)
    assert newer[1] == "pull model manifest: 412: \nnewer version of Ollama\n"
    assert shown.details.family == "granite"
