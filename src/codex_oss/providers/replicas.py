"""Several servers with the same model: which of them are well, which is asked first.

A conversation goes where it has been before, since its beginning is cached there.
Servers are ranked for it by a hash of conversation and URL (rendezvous hashing): no
table is kept, another process ranks them alike, and a server that comes or goes moves
its own conversations only. Requests of no conversation go where least is running.

A server that fails is asked last until a check (``GET /models``) finds it well; checks
are made in the background, with growing delays.
"""

import asyncio
import math
from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

import msgspec

from codex_oss.errors import Busy, ModelError, ServerFault
from codex_oss.net import Client
from codex_oss.ports import Clock
from codex_oss.providers.endpoint import Site

CHECK_S = 3.0
"""For the answer to a check; it is given without the model."""
FIRST_CHECK_S = 1.0
"""From a failure to the first check; each further one waits twice as long."""
LAST_CHECK_S = 30.0
"""The longest wait between two checks."""
FAULTS = 3
"""Answers of 5xx in a row after which a server counts as down, though it answers."""
BUSY_S = 2.0
"""How long a server is left alone that is busy and does not say how long."""
MAX_BUSY_S = 60.0
"""How long at most, whatever it says."""
FEW = 8
"""So many requests may run at a server before it can be full."""
SHARE = 2.0
"""A server with this times its share of the running requests is full: the others are
idle enough to be worth reading a prompt anew (``bench/replicas.py``)."""

State = Literal["up", "full", "busy", "down"]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is. ``busy``: it said so; ``full``: too much of ours runs there."""

    url: str
    state: State
    in_flight: int
    asked: int
    """Requests sent there so far."""
    said: str = ""
    """What it failed with, until it has answered again."""


class Replica:
    """One of the servers, and what is known of it."""

    __slots__ = (
        "asked",
        "busy_until",
        "down",
        "failures",
        "in_flight",
        "said",
        "site",
        "turn",
        "url",
    )

    def __init__(self, site: Site) -> None:
        self.site = site
        self.url = site.base_url
        self.in_flight = 0
        self.asked = 0
        self.turn = 0
        """The number of the request that was last sent there."""
        self.down = False
        self.busy_until = -math.inf
        self.failures = 0
        """In a row."""
        self.said = ""


class Replicas:
    """The servers of one provider, for all its models. Of one event loop."""

    def __init__(self, sites: Sequence[Site], client: Client, clock: Clock) -> None:
        self.all = tuple(Replica(site) for site in sites)
        self._client = client
        self._clock = clock
        self._requests = 0
        self._checks: dict[Replica, asyncio.Task[None]] = {}

    # --- which is asked -----------------------------------------------------------

    def ranked(self, conversation: str | None) -> list[Replica]:
        """Return the servers in the order in which to ask them.

        Those that are well come first. None: a request of no conversation.
        """
        if conversation is None:
            ranked = sorted(self.all, key=lambda each: (each.in_flight, each.turn))
        else:
            ranked = sorted(self.all, key=lambda each: _weight(conversation, each.url))
        order = {each: _ORDER[self.state(each)] for each in self.all}
        return sorted(ranked, key=order.__getitem__)

    def best(self) -> Replica:
        """Return the first server that is well, for what any can answer."""
        return min(self.all, key=lambda each: _ORDER[self.state(each)])

    def state(self, replica: Replica) -> State:
        """Return how a server is now."""
        if replica.down:
            return "down"
        if self._clock.now() < replica.busy_until:
            return "busy"
        return "full" if replica.in_flight >= self._room() else "up"

    def _room(self) -> int:
        """Return how many requests may run at one server."""
        able = [each for each in self.all if not each.down]
        running = sum(each.in_flight for each in able)
        return max(FEW, math.ceil(SHARE * (running + 1) / max(len(able), 1)))

    # --- what happens there -------------------------------------------------------

    def begin(self, replica: Replica) -> None:
        """Note that a request is sent to a server; ``end`` follows."""
        self._requests += 1
        replica.in_flight += 1
        replica.asked += 1
        replica.turn = self._requests

    def end(self, replica: Replica) -> None:
        """Note that a request to a server is over, whatever came of it."""
        replica.in_flight -= 1

    def answered(self, replica: Replica) -> None:
        """Note that a server has begun to answer as it should."""
        replica.failures, replica.said, replica.down = 0, "", False

    def failed(self, replica: Replica, error: ModelError) -> None:
        """Note what a server failed with. Errors that are not its fault are ignored."""
        if not error.retryable:
            return
        replica.said = str(error)
        if isinstance(error, Busy):
            wait = BUSY_S if error.delay_s is None else min(error.delay_s, MAX_BUSY_S)
            replica.busy_until = self._clock.now() + wait
            return
        replica.failures += 1
        # It may be the request that a server fails at: only a habit is held against it.
        if not isinstance(error, ServerFault) or replica.failures >= FAULTS:
            replica.down = True
            self._watch(replica)

    # --- until it is well again ---------------------------------------------------

    def _watch(self, replica: Replica) -> None:
        running = self._checks.get(replica)
        if running is None or running.done():
            task = asyncio.get_running_loop().create_task(self._until_well(replica))
            self._checks[replica] = task

    async def _until_well(self, replica: Replica) -> None:
        while replica.down:
            delay = FIRST_CHECK_S * 2 ** min(replica.failures - 1, _DOUBLINGS)
            await self._clock.sleep(min(delay, LAST_CHECK_S))
            try:
                await self._client.get_json(
                    replica.site.url("/models"),
                    headers=replica.site.headers,
                    timeout_s=CHECK_S,
                )
            except ModelError as error:
                # One that refuses is there, and tells who asks what is wrong.
                if error.retryable:
                    replica.failures += 1
                    replica.said = str(error)
                    continue
            replica.down = False

    # --- for people ---------------------------------------------------------------

    def health(self) -> list[Health]:
        """Return how all are, in the order in which they were named."""
        return [
            Health(
                url=each.url,
                state=self.state(each),
                in_flight=each.in_flight,
                asked=each.asked,
                said=each.said,
            )
            for each in self.all
        ]

    async def close(self) -> None:
        """End the checks."""
        checks = [task for task in self._checks.values() if not task.done()]
        for task in checks:
            task.cancel()
        await asyncio.gather(*checks, return_exceptions=True)


_ORDER: dict[State, int] = {"up": 0, "full": 1, "busy": 2, "down": 3}
_DOUBLINGS = 8
_WEIGHT_BYTES = 8


def _weight(conversation: str, url: str) -> bytes:
    key = f"{conversation}\0{url}".encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=_WEIGHT_BYTES).digest()
