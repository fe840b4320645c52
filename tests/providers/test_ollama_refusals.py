"""What Ollama refuses and how its answers break, and what a person reads."""

import pytest

from asking import ASK
from asking_ollama import Taken, ask, refuse, said, use
from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers.ollama_facts import (
    OllamaFacts,
)
from codex_oss.wire import responses
from fake_ollama import BUSY, FakeOllama, Say
from fake_ollama import OllamaModel as Installed
from fake_server import Reply


def test_a_model_that_is_not_there_can_be_pulled() -> None:
    with FakeOllama(Installed("other:1b")) as server:
        told = refuse(server)
        assert told == (
            f"NotFound: Ollama at {server.url} has no model 'm'\nollama pull m"
        )


@pytest.mark.parametrize(
    ("status", "words", "told"),
    [
        (
            500,
            "error parsing tool call: raw='{\"a\":', err=unexpected end of JSON input",
            (
                "ServerFault: ollama failed (500): error parsing tool call: "
                "raw='{\"a\":', err=unexpected end of JSON input\n"
                "The model wrote a call that Ollama cannot read: ask again."
            ),
        ),
        (503, BUSY, "Busy: "),
        (
            500,
            "this model requires a newer version of Ollama",
            (
                "ServerFault: ollama failed (500): this model requires a newer version "
                "of Ollama\nUpdate Ollama, then try again."
            ),
        ),
        (
            500,
            "model requires more system memory (9.1 GiB) than is available (4 GiB)",
            (
                "ServerFault: ollama failed (500): model requires more system memory "
                "(9.1 GiB) than is available (4 GiB)\n"
                "Take a smaller model or a smaller context."
            ),
        ),
        (404, "404 page not found", "NotFound: "),
        (
            400,
            (
                '{"error":{"code":400,"message":"Multimodal data provided, but model '
                'does not support multimodal requests.","type":"invalid_request"}}'
            ),
            (
                "BadRequest: Multimodal data provided, but model does not support "
                "multimodal requests."
            ),
        ),
    ],
)
def test_a_refusal_says_what_to_do(status: int, words: str, told: str) -> None:
    with FakeOllama(answers=[Say(refuse=(status, words))]) as server:
        assert refuse(server).startswith(told)


def test_an_error_inside_the_stream_fails_the_response() -> None:
    failing = Say("Well", error="error parsing tool call: raw='x', err=bad")
    with FakeOllama(answers=[failing]) as server:
        end = ask(server)[-1]

    assert isinstance(end, responses.Failed)
    assert end.response.error == responses.ResponseError(
        "server_error", "error parsing tool call: raw='x', err=bad"
    )


def test_an_error_before_anything_is_shown_is_asked_again() -> None:
    failing = Say(error="error parsing tool call: raw='x', err=bad")
    outlet = Taken()
    with FakeOllama(answers=[failing, Say("Better.")]) as server:
        use(server, lambda model: model.pour(ASK, outlet))

    assert said(outlet.events) == ["Better."]


def test_a_stream_without_its_last_line_is_cut() -> None:
    with FakeOllama(answers=[Say("Well", cut=True)]) as server:
        assert refuse(server).startswith("StreamCut: ")


def test_a_server_that_is_not_there_yet_is_asked_again_about_itself() -> None:
    async def twice(model: Model) -> tuple[int | None, int | None]:
        server.get["/api/ps"] = Reply(status=500, body={"error": "starting"})
        first = await model.window()
        server.get["/api/ps"] = ps
        return first, await model.window()

    with FakeOllama() as server:
        ps = server.get["/api/ps"]
        assert use(server, twice) == (None, 32768)


def test_facts_say_what_to_send_before_the_server_is_reached() -> None:
    from codex_oss.providers.endpoint import site  # noqa: PLC0415  for this test only

    provider = Provider(name="x", base_url="http://127.0.0.1:9/v1", wire_api="ollama")
    facts = OllamaFacts(
        site("x", provider, {}, "1"),
        "m",
        Client({}),
        num_ctx=None,
        env={"OLLAMA_CONTEXT_LENGTH": "65536"},
    )

    assert (facts.num_ctx, facts.thinks, facts.notes()) == (65536, None, [])
