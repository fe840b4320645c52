"""The bridge's own health and that of the server behind it."""

import asyncio

from msgspec.structs import replace

from codex_oss import __version__
from codex_oss.bridge.health import KNOWN_S, Checker, Health
from codex_oss.errors import Unreachable


class Server:
    """A server that has models, or is away; counts who asks."""

    def __init__(self, models: list[str] | None) -> None:
        self.models = models
        self.asked = 0

    async def ask(self) -> list[str]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.models is None:
            raise Unreachable("nobody there")
        return self.models


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 10.0

    def __call__(self) -> float:
        return self.seconds


def _checker(server: Server, clock: Ticks) -> Checker:
    upstream = "http://me:pw@127.0.0.1:11434?key=1"
    return Checker(
        server.ask, lambda: 3, upstream=upstream, store="memory", clock=clock
    )


WELL = Health(
    status="ok",
    version=__version__,
    upstream="http://me:********@127.0.0.1:11434?key=********",
    upstream_reachable=True,
    models=["qwen"],
    uptime_s=0,
    in_flight=3,
    store="memory",
)


def test_many_askers_ask_the_server_once() -> None:
    async def main() -> list[Health]:
        checker = _checker(server, Ticks())
        return await asyncio.gather(*(checker.check() for _ in range(5)))

    server = Server(["qwen"])
    assert asyncio.run(main()) == [WELL] * 5
    assert server.asked == 1


def test_what_was_found_counts_for_a_while() -> None:
    async def main() -> list[Health]:
        clock = Ticks()
        checker = _checker(server, clock)
        found = [await checker.check()]
        server.models = None
        clock.seconds += KNOWN_S - 1
        found.append(await checker.check())
        clock.seconds += 1
        return [*found, await checker.check()]

    server = Server(["qwen"])
    away = replace(
        WELL, status="degraded", upstream_reachable=False, models=[], uptime_s=KNOWN_S
    )
    assert asyncio.run(main()) == [WELL, replace(WELL, uptime_s=KNOWN_S - 1), away]
    assert server.asked == 2
