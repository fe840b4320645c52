"""A running bridge, asked how it is."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from codex_oss.bridge.health import Replica
from codex_oss.errors import ModelError
from codex_oss.net import Client
from codex_oss.wire.json_text import NOT_JSON

PATH = "/__health"
INSPECTOR = "/__inspect"
"""The page for people."""
ASK_S = 5.0
"""For an answer; the bridge itself may wait 2 s for the server behind it."""
MAX_BYTES = 64 * 1024

T = TypeVar("T")
Use: TypeAlias = Callable[[Client], Awaitable[T]]
"""Something to do with a client."""

METRICS = "/metrics"
"""Asks for the key, where there is one; ``PATH`` does not."""
LOCKED = 401
_OK = 200
_LOCK = b"the bridge asks for a key"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a bridge says of itself; ``locked``: no more than that it runs."""

    version: str = ""
    upstream: str = ""
    upstream_reachable: bool = False
    models: list[str] = []
    uptime_s: float = 0
    in_flight: int = 0
    replicas: list[Replica] = []
    locked: bool = False


class _Health(msgspec.Struct, frozen=True, kw_only=True):
    """The fields by which an answer is known to be a bridge's."""

    version: str
    upstream: str
    upstream_reachable: bool
    models: list[str]
    uptime_s: float
    in_flight: int
    replicas: list[Replica] = []


async def ask(url: str, client: Client, key: str = "") -> Report | None:
    """Return what the bridge at ``url`` (no path) says; None: there is none."""
    try:
        status, body = await fetch(url + PATH, client, key)
        if status == LOCKED and _LOCK in body:
            return Report(locked=True)
        if status != _OK:
            return None
        found = msgspec.json.decode(body, type=_Health)
    except (ModelError, *NOT_JSON):
        return None
    return msgspec.convert(found, Report, from_attributes=True)


async def ask_all(urls: list[str], client: Client, key: str) -> list[Report | None]:
    """Return what each of some bridges says."""
    return [await ask(url, client, key) for url in urls]


async def fetch(url: str, client: Client, key: str = "") -> tuple[int, bytes]:
    """Return status and body of a small answer; raises ``ModelError`` without one."""
    headers = [("authorization", f"Bearer {key}")] if key else []
    reply = await client.open(
        "GET",
        url,
        headers=headers,
        idle_s=ASK_S,
        first_byte_s=ASK_S,
        connect_s=ASK_S,
    )
    return reply.status, await reply.read(MAX_BYTES)


async def once(env: Mapping[str, str], use: Use[T]) -> T:
    """Return what ``use`` makes of a client that is closed then."""
    client = Client(env)
    try:
        return await use(client)
    finally:
        await client.close()
