"""The ``openai`` package asks a bridge for responses that were kept, or still run."""

import importlib
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from bridges import Running, ours
from fake_server import (
    LLAMACPP,
    FakeServer,
    Gate,
    Reply,
    chat_end,
    chat_text,
    chat_turn,
    sse,
)

pytest.importorskip("openai", reason="the package `openai` is not installed")


def chat(*texts: str) -> Any:
    return chat_turn(*(chat_text(text) for text in texts))


@contextmanager
def client_of(bridge: Running, key: str = "mine") -> Generator[Any, None, None]:
    openai = importlib.import_module("openai")
    with openai.OpenAI(
        api_key=key, base_url=f"{bridge.url}/v1", max_retries=0, timeout=180
    ) as client:
        yield client


def gated(gate: Gate) -> Reply:
    """Say "Hello", wait, and say ", you." """
    return Reply(
        chunks=[
            sse([chat_text("Hello")]),
            gate,
            sse([chat_text(", you."), *chat_end("stop")]),
        ]
    )


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_a_conversation_goes_on_from_a_kept_response(store: str) -> None:
    openai = importlib.import_module("openai")
    with (
        FakeServer([chat("One."), chat("Two.")], get=LLAMACPP) as server,
        ours(server.url, "--store", store) as bridge,
        client_of(bridge) as client,
        client_of(bridge, "another") as stranger,
    ):
        first = client.responses.create(model="tiny", input="count")
        second = client.responses.create(
            model="tiny", input="go on", previous_response_id=first.id
        )
        assert [
            (m["role"], m["content"]) for m in server.requests[-1].json["messages"]
        ] == [("user", "count"), ("assistant", "One."), ("user", "go on")]
        assert second.previous_response_id == first.id
        assert client.responses.retrieve(first.id) == first
        items = client.responses.input_items.list(second.id).data
        assert [item.content[0].text for item in items] == ["go on"]
        with pytest.raises(openai.NotFoundError):
            stranger.responses.retrieve(first.id)
        client.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)
        with pytest.raises(openai.BadRequestError) as refused:
            client.responses.create(
                model="tiny", input="go on", previous_response_id=second.id
            )
        assert (refused.value.code, refused.value.param) == (
            "previous_response_not_found",
            "previous_response_id",
        )


def test_a_background_response_is_polled_and_its_stream_taken_up_again() -> None:
    gate = Gate()
    with (
        FakeServer([gated(gate)], get=LLAMACPP) as server,
        ours(server.url) as bridge,
        client_of(bridge) as client,
    ):
        events = client.responses.create(
            model="tiny", input="hi", background=True, stream=True
        )
        seen: list[Any] = []
        for event in events:
            seen.append(event)
            if event.type == "response.output_text.delta":
                break
        events.close()  # the client goes away
        response_id = seen[0].response.id
        assert client.responses.retrieve(response_id).status == "in_progress"
        gate.open()
        last = seen[-1].sequence_number
        rest = list(
            client.responses.retrieve(response_id, stream=True, starting_after=last)
        )
        numbers = [event.sequence_number for event in [*seen, *rest]]
        assert numbers == list(range(len(numbers)))
        whole = client.responses.retrieve(response_id)
        assert (whole.status, whole.output_text) == ("completed", "Hello, you.")
        assert rest[-1].response == whole


def test_a_background_response_that_is_cancelled_stops_the_server() -> None:
    gate = Gate()
    with (
        FakeServer([gated(gate)], get=LLAMACPP) as server,
        ours(server.url) as bridge,
        client_of(bridge) as client,
    ):
        queued = client.responses.create(model="tiny", input="hi", background=True)
        assert queued.status == "queued"
        gate.wait_reached()
        cancelled = client.responses.cancel(queued.id)
        assert cancelled.status == "cancelled"
        assert client.responses.retrieve(queued.id) == cancelled
        gate.open()
        assert server.requests[-1].gone.wait(180)
