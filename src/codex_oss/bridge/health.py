"""Is the bridge well, and the server behind it? The answer to ``GET /__health``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec.structs import replace

from codex_oss import __version__
from codex_oss.config.masking import mask_url
from codex_oss.errors import ModelError
from codex_oss.net.server import Exchange

if TYPE_CHECKING:
    # Most bridges have one server behind them.
    from codex_oss.providers.replicas import Health as OfReplica

KNOWN_S = 5.0
"""How long the server is taken to be as it was found."""
WAIT_S = 2.0
"""A server that does not say its models by then counts as unreachable."""
MAX_MODELS = 200
"""Names of models in a report."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One of several servers of the same model."""

    url: str
    state: str
    """``up``, ``full`` (of our requests), ``busy`` (in its own words) or ``down``."""
    in_flight: int
    asked: int
    """Requests sent there so far."""
    said: str = ""
    """What it failed with, until it has answered again."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the answer says. ``degraded``: the bridge runs, its server does not.

    ``replicas``: the servers, where there are several of one model.
    """

    status: Literal["ok", "degraded"]
    version: str
    upstream: str
    upstream_reachable: bool
    models: list[str]
    uptime_s: float
    in_flight: int
    store: str
    replicas: list[Replica] = []


class Checker:
    """Asks the server for its models, at most every ``KNOWN_S`` seconds.

    ``ask`` returns their names or raises ``ModelError``. ``clock``: seconds that never
    go back. ``store`` is the kind of the store, such as ``memory``; ``replicas`` tells
    of each server, where there are several.
    """

    def __init__(
        self,
        ask: Callable[[], Awaitable[list[str]]],
        in_flight: Callable[[], int],
        *,
        upstream: str,
        store: str,
        replicas: "Callable[[], list[OfReplica]]" = list,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._in_flight = in_flight
        self._upstream = mask_url(upstream)
        self._store = store
        self._replicas = replicas
        self._clock = clock
        self._started = clock()
        self._asked = float("-inf")
        self._models: list[str] | None = None
        self._lock = asyncio.Lock()

    async def check(self) -> Health:
        """Return how things are; many askers at once ask the server once."""
        async with self._lock:
            if self._clock() - self._asked >= KNOWN_S:
                self._models = await self._find()
                self._asked = self._clock()
        found = self._models
        return Health(
            status="degraded" if found is None else "ok",
            version=__version__,
            upstream=self._upstream,
            upstream_reachable=found is not None,
            models=(found or [])[:MAX_MODELS],
            uptime_s=round(self._clock() - self._started, 3),
            in_flight=self._in_flight(),
            store=self._store,
            replicas=self._servers(),
        )

    def _servers(self) -> list[Replica]:
        told = msgspec.convert(self._replicas(), list[Replica], from_attributes=True)
        return [replace(each, url=mask_url(each.url)) for each in told]

    async def _find(self) -> list[str] | None:
        try:
            async with asyncio.timeout(WAIT_S):
                return await self._ask()
        except (ModelError, TimeoutError):
            return None


async def health(exchange: Exchange, checker: Checker) -> None:
    """Answer ``GET /__health``: 200 as long as the bridge itself can answer."""
    exchange.respond(200, msgspec.json.encode(await checker.check()))
