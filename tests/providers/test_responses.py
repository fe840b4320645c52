"""Models over the Responses API."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asking import ASK, Pauses, events_of, responses_provider, use_model
from asking_ollama import Taken
from codex_oss.config.provider import Provider
from codex_oss.errors import (
    BadRequest,
    Busy,
    ConfigError,
    ContextOverflow,
    ModelError,
    NotFound,
    QuotaExceeded,
    ServerFault,
    StreamCut,
)
from codex_oss.facts import Retried, Sent
from codex_oss.ports import Model
from codex_oss.wire import responses
from fake_server import (
    WAIT_S,
    FakeServer,
    Reply,
    call,
    completed,
    created,
    done,
    failed,
    incomplete,
    message,
    sse,
    text_delta,
    turn,
)

CAPTURES = Path(__file__).parent.parent / "captures" / "codex-0.169.0"
TURN = turn(message("hi"), call("add", {"a": 1}), cached=3)
EXPECTED = [responses.decode_event(responses.encode(event)) for event in TURN]


CHUNKED = FakeServer()


@pytest.fixture(autouse=True, scope="module")
def serving() -> Iterator[None]:
    with CHUNKED:
        yield


def ask(server: FakeServer, **provider: Any) -> list[responses.Event]:
    return use_model(responses_provider(server.url, **provider), events_of)


def test_the_request_goes_out_as_it_is_and_the_events_come_back() -> None:
    with FakeServer([TURN]) as server:
        assert ask(server) == EXPECTED
    [seen] = server.requests
    assert (seen.path, seen.body) == ("/v1/responses", responses.encode(ASK))
    assert seen.headers == {
        "host": f"127.0.0.1:{server.port}",
        "accept-encoding": "identity",
        "content-length": str(len(seen.body)),
        "accept": "text/event-stream",
        "content-type": "application/json",
        "user-agent": "codex-oss/1.2.3",
    }


@settings(max_examples=30, deadline=None)  # each is a request
@given(cuts=st.lists(st.integers(0, len(sse(TURN))), max_size=5))
def test_the_events_are_the_same_however_the_stream_is_cut(cuts: list[int]) -> None:
    data = sse(TURN)
    edges = [0, *sorted(cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    CHUNKED.script = [Reply(chunks=pieces)]
    assert ask(CHUNKED) == EXPECTED


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (completed(), responses.Completed),
        (failed("server_error", "boom"), responses.Failed),
        (incomplete("max_output_tokens"), responses.IncompleteResponse),
    ],
)
def test_the_answer_ends_with_its_last_event_though_the_connection_stays(
    end: dict[str, Any], kind: type[responses.Event]
) -> None:
    stream = sse([created(), end, done(message("too late"))])
    with FakeServer([Reply(chunks=[stream], silent=True)]) as server:
        events = ask(server)
    assert [type(event) for event in events][1:] == [kind]


@pytest.mark.parametrize("cut", [False, True])
def test_a_stream_that_ends_without_its_last_event_is_a_cut(cut: bool) -> None:  # noqa: FBT001
    script = [Reply(events=[created(), done(message("partial"))], cut=cut)]
    with FakeServer(script) as server, pytest.raises(StreamCut) as caught:
        ask(server)
    if not cut:
        assert str(caught.value) == "stream closed before response.completed"
    assert len(server.requests) == 1  # the turn asks again, not we


def test_what_came_before_a_cut_is_delivered() -> None:
    async def use(model: Model) -> list[responses.Event]:
        stream = model.stream(ASK)
        got = [await anext(stream), await anext(stream)]
        with pytest.raises(StreamCut):
            await anext(stream)
        return got

    events = [created(), done(message("partial"))]
    with FakeServer([events]) as server:
        got = use_model(responses_provider(server.url), use)
    assert got == [responses.decode_event(responses.encode(e)) for e in events]


def test_an_error_event_says_why_the_stream_was_cut() -> None:
    error = {"type": "error", "code": "x", "message": "the GPU fell off"}
    with (
        FakeServer([[created(), error]]) as server,
        pytest.raises(StreamCut, match=r"response\.completed: the GPU fell off$"),
    ):
        ask(server)


def test_a_last_event_that_cannot_be_read_is_a_cut() -> None:
    end: dict[str, Any] = {"type": "response.completed", "response": {}}
    with FakeServer([[end]]) as server, pytest.raises(StreamCut, match="id"):
        ask(server)


def test_silence_is_a_cut() -> None:
    script = [Reply(chunks=[sse([created(), text_delta("so")])], silent=True)]
    with (
        FakeServer(script) as server,
        pytest.raises(StreamCut, match=r"^idle timeout waiting for SSE$"),
    ):
        ask(server, stream_idle_timeout_ms=50)


def test_done_and_comments_are_no_events() -> None:
    stream = b": ping\n\n" + sse([created(), "[DONE]"]) + b":\n\n" + sse([completed()])
    with FakeServer([Reply(chunks=[stream])]) as server:
        assert ask(server) == [
            responses.decode_event(responses.encode(event))
            for event in (created(), completed())
        ]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("completed", responses.Completed),
        ("failed", responses.Failed),
        ("incomplete", responses.IncompleteResponse),
    ],
)
def test_an_answer_that_is_not_streamed_becomes_events(
    status: str, kind: type[responses.Event]
) -> None:
    body = {"id": "r", "status": status, "output": [message("hi")]}
    with FakeServer([Reply(body=body)]) as server:
        events = ask(server)
    assert [type(event) for event in events] == [
        responses.Created,
        responses.OutputItemDone,
        kind,
    ]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(headers={"content-type": "text/html"}, body=b"<html>"), NotFound),
        (Reply(body={"what": "else"}), ServerFault),
        (Reply(body={"error": {"message": "no"}}), BadRequest),
    ],
    ids=["page", "other JSON", "error"],
)
def test_a_200_that_is_no_answer_is_told_for_what_it_is(
    reply: Reply, kind: type[ModelError]
) -> None:
    with FakeServer([reply]) as server, pytest.raises(kind):
        ask(server)


def test_closing_the_stream_hangs_up() -> None:
    async def use(model: Model) -> bool:
        stream = model.stream(ASK)
        assert isinstance(await anext(stream), responses.Created)
        await stream.aclose()
        return await asyncio.to_thread(server.requests[0].gone.wait, WAIT_S)

    with FakeServer([Reply(chunks=[sse([created()])], silent=True)]) as server:
        assert use_model(responses_provider(server.url), use)


# --- pouring -----------------------------------------------------------------------


def pour(server: FakeServer) -> Taken:
    taken = Taken()
    use_model(responses_provider(server.url), lambda model: model.pour(ASK, taken))
    return taken


def retries(taken: Taken) -> list[str]:
    return [fact.reason for fact in taken.facts if isinstance(fact, Retried)]


def error_event(message: str, code: str = "x") -> dict[str, Any]:
    return {"type": "error", "code": code, "message": message}


OVERFLOW = "the request exceeds the available context size (4096 tokens)"


def test_pouring_gives_the_events_of_streaming() -> None:
    with FakeServer([TURN]) as server:
        taken = pour(server)
    assert taken.events == EXPECTED
    assert taken.facts == [
        Sent(url=f"{server.url}/v1/responses", body=responses.encode(ASK))
    ]


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        ([created()], "stream closed before response.completed"),
        (
            [created(), error_event("the GPU fell off")],
            "stream closed before response.completed: the GPU fell off",
        ),
        ([created(), failed("server_error", "boom")], "boom"),
    ],
)
def test_an_answer_that_breaks_before_anything_is_shown_is_asked_for_once_more(
    first: list[Any], reason: str
) -> None:
    with FakeServer([first, TURN]) as server:
        taken = pour(server)
    assert len(server.requests) == 2
    assert retries(taken) == [reason]
    assert [event for event in taken.events if event != EXPECTED[0]] == EXPECTED[1:]


def test_an_answer_that_breaks_again_or_was_shown_is_a_cut() -> None:
    broken = [created(), error_event("the GPU fell off")]
    for script, asked in (
        ([broken, broken], 2),
        ([[created(), done(message("partial")), error_event("the GPU fell off")]], 1),
    ):
        with (
            FakeServer(script) as server,
            pytest.raises(StreamCut, match=r"completed: the GPU fell off$"),
        ):
            pour(server)
        assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (error_event(OVERFLOW), ContextOverflow),
        (
            {"type": "error", "error": {"message": "no", "code": "insufficient_quota"}},
            QuotaExceeded,
        ),
        ({"error": {"message": OVERFLOW, "code": 400}}, ContextOverflow),
        (error_event("slow down", "rate_limit_exceeded"), Busy),
    ],
)
def test_an_error_in_the_stream_is_told_for_what_it_is(
    event: dict[str, Any], kind: type[ModelError]
) -> None:
    with FakeServer([[created(), event]] * 2) as server:
        with pytest.raises(kind):
            pour(server)
        with pytest.raises(kind):
            ask(server)
    assert len(server.requests) == 2


def test_a_failure_has_the_code_that_its_words_have() -> None:
    with FakeServer([[created(), failed("server_error", OVERFLOW)]]) as server:
        taken = pour(server)
    last = taken.events[-1]
    assert isinstance(last, responses.Failed)
    assert last.response.error == responses.ResponseError(
        "context_length_exceeded", OVERFLOW
    )


def test_an_error_without_a_word_is_a_cut() -> None:
    event = {"type": "error", "error": 7}
    with FakeServer([[event], [event]]) as server, pytest.raises(StreamCut):
        pour(server)


def test_what_comes_behind_the_last_event_is_not_poured() -> None:
    stream = sse([created(), completed(), done(message("too late"))])
    with FakeServer([Reply(chunks=[stream], silent=True)]) as server:
        taken = pour(server)
    assert [type(event) for event in taken.events] == [
        responses.Created,
        responses.Completed,
    ]


# --- the captured answers of a real session -----------------------------------------


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.json")), ids=lambda p: p.name)
def test_a_captured_answer_is_read_to_its_end(path: Path) -> None:
    async def use(model: Model) -> str:
        try:
            return type((await events_of(model))[-1]).__name__
        except ModelError as error:
            return f"{type(error).__name__}: {error}"

    expected = {
        "20_": 'BadRequest: {"error": {"message": "bad request", "type": '
        '"invalid_request_error"}}',
        "21_": "Failed",
        "22_": "Failed",
        "23_": "IncompleteResponse",
        "24_": "StreamCut: stream closed before response.completed",
    }
    with FakeServer.replay(path) as server:
        ended = use_model(responses_provider(server.url), use)
    assert ended == expected.get(path.name[:3], "Completed")


# --- the provider --------------------------------------------------------------------


def test_a_provider_adds_query_headers_and_key() -> None:
    async def use(model: Model) -> None:
        await events_of(model)

    with FakeServer([TURN]) as server:
        provider = responses_provider(
            server.url,
            env_key="FAKE_KEY",
            query_params={"api-version": "2026 a"},
            http_headers={"X-One": "1", "User-Agent": "mine"},
            env_http_headers={"X-Two": "TWO", "X-Three": "THREE"},
        )
        use_model(provider, use, env={"FAKE_KEY": " sk-1\n", "TWO": "2"})
    [seen] = server.requests
    assert seen.path == "/v1/responses?api-version=2026+a"
    wanted = ("authorization", "user-agent", "x-one", "x-two", "x-three")
    assert [seen.headers.get(name) for name in wanted] == [
        "Bearer sk-1",
        "mine",
        "1",
        "2",
        None,
    ]


@pytest.mark.parametrize(
    ("more", "env", "key"),
    [
        ({"env_key": "A"}, {"A": "1"}, "Bearer 1"),
        ({"experimental_bearer_token": "2"}, {}, "Bearer 2"),
        ({"requires_openai_auth": True}, {"CODEX_API_KEY": "3"}, "Bearer 3"),
        (
            {"env_key": "A", "requires_openai_auth": True},
            {"CODEX_API_KEY": "4"},
            "Bearer 4",
        ),
        ({}, {"OPENAI_API_KEY": "5", "CODEX_API_KEY": "5"}, None),
    ],
)
def test_the_key_comes_from_where_the_provider_says(
    more: dict[str, Any], env: dict[str, str], key: str | None
) -> None:
    with FakeServer([TURN]) as server:
        use_model(responses_provider(server.url, **more), events_of, env=env)
    assert server.requests[0].headers.get("authorization") == key


def test_a_missing_key_names_its_variable_and_the_instructions() -> None:
    provider = responses_provider(
        "http://localhost:1", env_key="FOO_KEY", env_key_instructions="Ask Bob."
    )
    with pytest.raises(ConfigError) as caught:
        use_model(provider, events_of)
    assert str(caught.value) == "Missing environment variable: `FOO_KEY`. Ask Bob."


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (None, r"model_providers\.fake\.base_url is not set"),
        ("localhost:8080/v1", "is not a URL of a server"),
        ("http://user:secret@host/v1", "the URL of host contains a user name"),
    ],
)
def test_a_wrong_base_url_is_told_before_anything_is_asked(
    url: str | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        use_model(Provider(name="Fake", base_url=url), events_of)
    assert "secret" not in caught.value.report()


def test_a_key_is_in_no_message() -> None:
    script = [Reply(status=401, body={"error": {"message": "bad key"}})]

    with FakeServer(script) as server, pytest.raises(ModelError) as caught:
        use_model(
            responses_provider(server.url, env_key="FAKE_KEY"),
            events_of,
            env={"FAKE_KEY": "sk-secret"},
            clock=Pauses(),
        )
    assert caught.value.report() == (
        "fake refused the key (401): bad key\n"
        "Check the key in the environment variable FAKE_KEY."
    )
