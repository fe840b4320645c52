"""Which of several servers is asked: ranks, load, failures, checks."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from codex_oss.config.provider import Provider
from codex_oss.errors import BadRequest, Busy, ServerFault, StreamCut, Unreachable
from codex_oss.net import Client
from codex_oss.providers.endpoint import site
from codex_oss.providers.replicas import FAULTS, FEW, Health, Replica, Replicas
from fake_server import WAIT_S, FakeServer, Reply
from fakes import FakeClock

KEYS = [f"conversation {number}" for number in range(2000)]


class StandingClock(FakeClock):
    """A clock on which nobody who sleeps wakes up."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    def pass_by(self, seconds: float) -> None:
        self._now += seconds


def use(
    check: Callable[[Replicas, StandingClock], Awaitable[None]], count: int = 3
) -> None:
    """Let a test have servers that it says everything of itself."""

    async def bounded() -> None:
        clock = StandingClock()
        replicas = Replicas(sites(names(count)), Client({}), clock)
        async with asyncio.timeout(WAIT_S):
            await check(replicas, clock)
        await replicas.close()

    asyncio.run(bounded())


def names(count: int) -> list[str]:
    return [f"http://10.0.0.{number}:8000/v1" for number in range(1, count + 1)]


def sites(urls: list[str]):
    return [site("x", Provider(name="X", base_url=url), {}, "1") for url in urls]


def first(replicas: Replicas, key: str | None) -> Replica:
    return replicas.ranked(key)[0]


def test_conversations_are_spread_evenly_and_stay() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        homes = {key: first(replicas, key) for key in KEYS}
        shares = Counter(home.url for home in homes.values()).values()
        assert len(shares) == 4
        assert min(shares) > 0.8 * len(KEYS) / 4
        assert {key: first(replicas, key) for key in KEYS} == homes

    use(check, 4)


def test_a_server_more_moves_only_the_conversations_that_go_to_it() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        fewer = Replicas(sites(names(3)), Client({}), FakeClock())
        for key in KEYS:
            now, before = first(replicas, key).url, first(fewer, key).url
            assert now in (before, names(4)[3])

    use(check, 4)


def test_requests_of_no_conversation_go_round() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        for _turn in range(12):
            replica = first(replicas, None)
            replicas.begin(replica)
            replicas.end(replica)
        assert [each.asked for each in replicas.all] == [4, 4, 4]

    use(check)


def test_requests_of_no_conversation_go_where_least_runs() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        replicas.begin(replicas.all[0])
        replicas.begin(replicas.all[2])
        assert first(replicas, None) is replicas.all[1]

    use(check)


def test_a_server_that_cannot_be_reached_is_asked_last() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        ranked = replicas.ranked("a")
        replicas.failed(ranked[0], Unreachable("nobody there"))
        assert replicas.ranked("a") == [*ranked[1:], ranked[0]]
        assert replicas.health()[replicas.all.index(ranked[0])] == Health(
            url=ranked[0].url, state="down", in_flight=0, asked=0, said="nobody there"
        )

    use(check)


def test_a_server_that_answers_is_well_again() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        ranked = replicas.ranked("a")
        replicas.failed(ranked[0], StreamCut("gone"))
        replicas.answered(ranked[0])
        assert replicas.ranked("a") == ranked
        assert [each.said for each in replicas.health()] == ["", "", ""]

    use(check)


def test_a_busy_server_is_passed_over_for_as_long_as_it_says() -> None:
    async def check(replicas: Replicas, clock: StandingClock) -> None:
        ranked = replicas.ranked("a")
        replicas.failed(ranked[0], Busy("queue full", delay_s=5))
        assert first(replicas, "a") is ranked[1]
        clock.pass_by(4.9)
        assert first(replicas, "a") is ranked[1]
        clock.pass_by(0.2)
        assert first(replicas, "a") is ranked[0]

    use(check)


def test_a_full_server_is_passed_over_until_less_runs_there() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        home, second, _third = replicas.ranked("a")
        for _turn in range(FEW):
            assert first(replicas, "a") is home
            replicas.begin(home)
        assert first(replicas, "a") is second
        assert replicas.state(home) == "full"
        replicas.end(home)
        assert first(replicas, "a") is home

    use(check)


def test_servers_that_are_all_at_work_are_not_full() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        home = first(replicas, "a")
        for replica in replicas.all:
            for _turn in range(20):
                replicas.begin(replica)
        assert first(replicas, "a") is home
        assert {each.state for each in replicas.health()} == {"up"}

    use(check)


def test_one_fault_is_not_held_against_a_server_a_habit_is() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        home = first(replicas, "a")
        for _time in range(FAULTS - 1):
            replicas.failed(home, ServerFault("out of memory"))
            assert first(replicas, "a") is home
        replicas.failed(home, ServerFault("out of memory"))
        assert first(replicas, "a") is not home

    use(check)


def test_a_request_that_is_wrong_says_nothing_of_its_server() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        home = first(replicas, "a")
        for _time in range(FAULTS):
            replicas.failed(home, BadRequest("no such field"))
        assert replicas.health()[replicas.all.index(home)].said == ""
        assert first(replicas, "a") is home

    use(check)


@pytest.mark.parametrize("status", [200, 401])
def test_checks_find_that_a_server_answers_again(status: int) -> None:
    answers = [Reply(status=503), Reply(status=502), Reply(status=status, body={})]

    async def check(url: str) -> list[float]:
        clock = FakeClock()
        client = Client({})
        replicas = Replicas(sites([f"{url}/v1"]), client, clock)
        (only,) = replicas.all
        replicas.failed(only, Unreachable("nobody there"))
        async with asyncio.timeout(WAIT_S):
            await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
        assert not only.down
        await client.close()
        return clock.slept

    with FakeServer(get={"/v1/models": lambda _: answers.pop(0)}) as server:
        slept = asyncio.run(check(server.url))
    assert slept == [1, 2, 4]


def test_checks_end_with_their_servers() -> None:
    async def check(replicas: Replicas, _: StandingClock) -> None:
        replicas.failed(replicas.all[0], Unreachable("nobody there"))
        await replicas.close()
        assert len(asyncio.all_tasks()) == 1

    use(check)
