"""Pulling: one progress, every way to end, cancelled and gone on with."""

import asyncio
from contextlib import aclosing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from codex_oss.engines.base import EngineEvent, Pulling, Verifying
from codex_oss.engines.ollama.api import Api
from codex_oss.engines.ollama.pulling import Layers
from codex_oss.errors import DownloadError, EngineError
from codex_oss.net import Client
from codex_oss.wire.ollama.library import PullLine
from fake_ollama import (
    MISMATCH,
    MISSING,
    NEWER,
    NO_SPACE,
    RETRIES,
    FakeOllama,
    OllamaModel,
    Pull,
)
from fake_server import FakeServer, Reply
from with_ollama import LIMIT_S, asked, told

MODEL = OllamaModel("gpt-oss:20b", layers=(8000, 160, 40))
KNOWN = ("gpt-oss:20b", "qwen3:8b")


def pulled(server: FakeServer, total: int | None = None) -> list[EngineEvent]:
    return asked(
        server.url,
        lambda api: told(api.pull("gpt-oss:20b", total=total, known=KNOWN)),
    )


def failed(*pulls: Pull, body: Reply | None = None) -> EngineError:
    with FakeOllama(pulls={"gpt-oss:20b": pulls}) as server:
        if body is not None:
            server.post["/api/pull"] = body
        with pytest.raises(EngineError) as caught:
            pulled(server)
        assert "gpt-oss:20b" not in server.models
    return caught.value


def line(digest: str, total: int, completed: int) -> PullLine:
    return PullLine(digest=digest, total=total, completed=completed)


# --- progress ------------------------------------------------------------------------


def test_a_pull_is_one_progress_from_nothing_to_all() -> None:
    with FakeOllama(pulls={"gpt-oss:20b": [Pull(MODEL)]}) as server:
        events = pulled(server, total=8200)

    sizes = [event.done for event in events if isinstance(event, Pulling)]
    assert events[0] == Pulling("gpt-oss:20b", 0, 8200, 0.0)
    assert sizes == sorted(sizes)
    assert events[-2:] == [
        Pulling("gpt-oss:20b", 8200, 8200, 0.0),
        Verifying("gpt-oss:20b"),
    ]
    assert server.models["gpt-oss:20b"] == MODEL


def test_without_the_registry_s_word_the_total_grows_with_the_layers() -> None:
    layers = Layers("m", None)

    assert layers.feed(line("a", 900, 0), 0.0) == Pulling("m", 0, 900, 0.0)
    assert layers.feed(line("b", 100, 0), 1.0) == Pulling("m", 0, 1000, 0.0)


def test_speed_counts_only_what_comes_now() -> None:
    layers = Layers("m", 3000)
    layers.feed(line("cached", 1000, 1000), 0.0)
    layers.feed(line("resumed", 2000, 500), 0.1)

    assert layers.feed(line("resumed", 2000, 1500), 1.0) == Pulling(
        "m", 2500, 3000, 1000.0
    )


def test_progress_is_told_a_few_times_a_second_and_at_the_end() -> None:
    layers = Layers("m", 10_000)
    told = [layers.feed(line("a", 10_000, n * 10), n * 0.001) for n in range(1001)]

    events = [event for event in told if event is not None]
    assert 4 <= len(events) <= 9
    assert events[-1] == replace(events[-1], done=10_000)


@given(
    sizes=st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    had=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    knows=st.booleans(),
)
def test_progress_never_goes_back_and_ends_at_the_whole(
    sizes: list[int], had: list[float], *, knows: bool
) -> None:
    layers, now, last = Layers("m", sum(sizes) if knows else None), 0.0, None
    for index, (size, share) in enumerate(zip(sizes, had, strict=False)):
        first = int(size * share)
        for done in (first, (first + size) // 2, size):
            now += 0.1
            event = layers.feed(line(str(index), size, done), now)
            assert event is None or isinstance(event, Pulling)
            if event is not None:
                assert last is None or event.done >= last.done
                assert event.total is not None
                assert event.done <= event.total
                last = event

    assert last == replace(last or Pulling("m", 0, 0, 0.0), done=sum(sizes))
    assert layers.total == sum(sizes)


def test_lines_of_no_known_kind_are_passed_over() -> None:
    layers = Layers("m", None)

    assert layers.feed(PullLine(status="removing unused layers"), 0.0) is None
    assert not layers.success
    assert layers.feed(PullLine(status="success"), 0.0) is None
    assert layers.success


# --- the ends ------------------------------------------------------------------------


def test_a_stream_without_success_is_a_failure_and_the_next_pull_goes_on() -> None:
    pulls = [Pull(MODEL, after=4000, cut=True), Pull(MODEL)]
    with FakeOllama(pulls={"gpt-oss:20b": pulls}) as server:
        with pytest.raises(DownloadError) as caught:
            pulled(server, total=8200)
        again = pulled(server, total=8200)

    assert str(caught.value).startswith(
        "Ollama stopped downloading gpt-oss:20b before the end (0 of 0 MB): "
    )
    assert "goes on from there" in caught.value.hint
    assert again[0] == Pulling("gpt-oss:20b", 4000, 8200, 0.0)
    assert "gpt-oss:20b" in server.models


def test_an_end_in_good_order_without_success_is_a_failure_too() -> None:
    body = Reply(chunks=[b'{"status":"pulling manifest"}\n'])

    assert str(failed(body=body)) == (
        "Ollama stopped downloading gpt-oss:20b before the end (0 MB): "
        "the connection was closed"
    )


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (NO_SPACE, "The disk of Ollama's models is full", "Free some space"),
        (MISMATCH, "A part arrived damaged", "pull again"),
        (RETRIES, "cannot reach the registry, or lost it", "goes on from there"),
        ("x509: certificate signed by unknown authority", "certificate", "SSL_CERT"),
        ("dial tcp: lookup r: no such host", "cannot reach the registry", "network"),
        ("pull model manifest: 401: unauthorized", "does not give it", "signin"),
        ("something new", "failed: something new", "`journalctl -u ollama`"),
    ],
)
def test_an_error_after_status_200_says_what_to_do(
    said: str, message: str, hint: str
) -> None:
    error = failed(Pull(MODEL, after=4000, error=said))

    assert isinstance(error, DownloadError)
    assert message in str(error)
    assert " ".join(said.split()) in str(error)
    assert hint in error.hint


def test_a_refusal_before_the_stream_is_read_as_well() -> None:
    body = Reply(status=500, body={"error": NO_SPACE})

    assert "The disk of Ollama's models is full" in str(failed(body=body))


def test_a_model_that_needs_a_newer_ollama_says_so() -> None:
    error = failed(Pull(after=0, error=NEWER))

    assert str(error).startswith("gpt-oss:20b needs a newer Ollama than that at http")
    assert error.hint == "Update Ollama: https://ollama.com/download"


def test_a_wrong_name_is_told_with_names_that_are_near() -> None:
    with (
        FakeOllama(pulls={"gpt-oss:21b": [Pull(after=0, error=MISSING)]}) as server,
        pytest.raises(DownloadError) as caught,
    ):
        asked(server.url, lambda api: told(api.pull("gpt-oss:21b", known=KNOWN)))

    assert str(caught.value) == "There is no model `gpt-oss:21b` to download"
    assert caught.value.hint.startswith("Did you mean `gpt-oss:20b`? ")


def test_a_server_that_goes_away_leaves_a_failure() -> None:
    assert "before the end" in str(failed(body=Reply(raw=b"")))


# --- cancelled -----------------------------------------------------------------------


def test_leaving_a_pull_closes_the_connection_and_keeps_what_came() -> None:
    async def leave(url: str) -> None:
        client = Client({})
        try:
            async with asyncio.timeout(LIMIT_S):
                async with aclosing(Api(client, url).pull("gpt-oss:20b")) as events:
                    async for event in events:
                        if isinstance(event, Pulling) and event.done:
                            return
        finally:
            await client.close()

    pulls = [Pull(MODEL, after=4000, hangs=True), Pull(MODEL)]
    with FakeOllama(pulls={"gpt-oss:20b": pulls}) as server:
        asyncio.run(leave(server.url))
        assert server.requests[-1].gone.wait(LIMIT_S)
        first = pulled(server)[0]

    assert first == Pulling("gpt-oss:20b", 4000, 8000, 0.0)


def test_a_registry_without_tls_is_asked_only_when_the_name_says_so() -> None:
    name = "http://127.0.0.1:9/library/m:1b"
    done = Reply(chunks=[b'{"status":"success"}\n'])
    with FakeServer(post={"/api/pull": done}) as server:
        asked(server.url, lambda api: told(api.pull(name)))
        asked(server.url, lambda api: told(api.pull("m:1b")))

    assert [seen.json for seen in server.requests] == [
        {"model": name, "stream": True, "insecure": True},
        {"model": "m:1b", "stream": True},
    ]
