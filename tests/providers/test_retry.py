"""Asking again before an answer has begun."""

import asyncio

import pytest

from asking import Pauses, events_of, responses_provider, use_model
from codex_oss.errors import (
    BadRequest,
    Busy,
    Loading,
    ModelError,
    NotFound,
    ServerFault,
    StreamCut,
    Unreachable,
)
from codex_oss.providers.retry import LOADING_LIMIT_S, Pause, retrying
from codex_oss.wire import responses
from fake_server import FakeServer, Reply, Scripted, closed_port, message, turn

TURN = turn(message("hi"))
FAULT = Reply(status=500, body=b"boom")


def slept(script: list[Scripted], **provider: int) -> tuple[int, list[float]]:
    """Ask a scripted server; return how many requests and which pauses it took."""
    clock = Pauses()
    with FakeServer(script) as server:
        provided = responses_provider(server.url, **provider)
        try:
            events = use_model(provided, events_of, clock=clock)
            assert isinstance(events[-1], responses.Completed)
        finally:
            requests.append(len(server.requests))
    return len(server.requests), clock.slept


requests: list[int] = []


def test_a_fault_is_asked_again_with_growing_pauses() -> None:
    count, pauses = slept([FAULT, FAULT, FAULT, FAULT, TURN])
    assert count == 5
    assert pauses == [pytest.approx(0.2 * 2**n, rel=0.1) for n in range(4)]


def test_the_servers_own_wait_is_honoured() -> None:
    busy = Reply(status=429, headers={"retry-after": "3"}, body=b"")
    assert slept([busy, TURN]) == (2, [3.0])


@pytest.mark.parametrize(
    ("reply", "kind", "asked"),
    [
        (FAULT, ServerFault, 5),
        (Reply(status=429, body=b""), Busy, 5),
        (Reply(status=400, body=b""), BadRequest, 1),
        (Reply(status=404, body=b""), NotFound, 1),
        (Reply(raw=b""), StreamCut, 1),
        (Reply(status=429, headers={"retry-after": "3600"}, body=b""), Busy, 1),
    ],
    ids=["500", "429", "400", "404", "hangs up", "429 for an hour"],
)
def test_what_may_help_is_tried_as_often_as_configured(
    reply: Reply, kind: type[ModelError], asked: int
) -> None:
    with pytest.raises(kind):
        slept([reply])
    assert requests.pop() == asked


def test_no_retries_are_no_retries() -> None:
    with pytest.raises(ServerFault):
        slept([FAULT, TURN], request_max_retries=0)
    assert requests.pop() == 1


def test_a_refused_connection_on_this_machine_is_tried_twice_only() -> None:
    clock = Pauses()
    with closed_port() as port, pytest.raises(Unreachable):
        use_model(
            responses_provider(f"http://localhost:{port}"), events_of, clock=clock
        )
    assert clock.slept == [pytest.approx(0.2, rel=0.1)]


def test_a_refused_connection_elsewhere_is_tried_as_often_as_configured() -> None:
    clock, tries = Pauses(), 0

    async def ask() -> None:
        nonlocal tries
        tries += 1
        raise Unreachable("refused") from ConnectionRefusedError()

    pause = Pause(clock, lambda: 0.5)
    with pytest.raises(Unreachable):
        asyncio.run(retrying(ask, limit=4, nearby=False, pause=pause))
    assert (tries, clock.slept) == (5, [0.2, 0.4, 0.8, 1.6])


@pytest.mark.parametrize(("noise", "pause"), [(0.0, 0.18), (0.5, 0.2), (1.0, 0.22)])
def test_the_pause_varies_by_a_tenth(noise: float, pause: float) -> None:
    clock = Pauses()
    asyncio.run(Pause(clock, lambda: noise).before(0, ServerFault("x")))
    assert clock.slept == [pytest.approx(pause)]


def test_a_server_that_loads_its_model_is_waited_for_and_that_costs_no_retry() -> None:
    clock, tries = Pauses(), 0

    async def ask() -> str:
        nonlocal tries
        tries += 1
        if tries < 100:
            raise Loading("loading", delay_s=2)
        return "ready"

    told: list[str] = []
    got = asyncio.run(
        retrying(
            ask,
            limit=0,
            nearby=True,
            pause=Pause(clock, lambda: 0.5),
            failed=lambda error: told.append(str(error)),
        )
    )
    assert (got, clock.slept, told) == ("ready", [2.0] * 99, ["loading"] * 99)


def test_a_server_that_loads_for_ten_minutes_is_given_up() -> None:
    clock = Pauses()

    async def ask() -> None:
        raise Loading("loading", delay_s=2)

    pause = Pause(clock, lambda: 0.5)
    with pytest.raises(Loading):
        asyncio.run(retrying(ask, limit=4, nearby=True, pause=pause))
    assert sum(clock.slept) == LOADING_LIMIT_S
