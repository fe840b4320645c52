"""Responses in a Redis server, for several bridges that answer the same clients.

How much is kept is the server's to decide (``maxmemory``); each entry ends by itself.
"""

import asyncio
from collections.abc import Awaitable
from importlib import import_module
from typing import Any, Protocol, TypeVar

import msgspec

from codex_oss.bridge.store.base import Bounds, Kept
from codex_oss.config.masking import mask_url
from codex_oss.errors import ConfigError, StoreError

PREFIX = "codex-oss:response:"
ANSWER_S = 5.0
"""How long the server may take for one answer, and for a connection."""
CONNECTIONS = 16

T = TypeVar("T")


class RedisStore:
    """Keeps responses in the server at ``url``, which may hold a password.

    Raises ``ConfigError`` when the package is missing or the URL is none. The server
    is first asked when something is to be kept or read.
    """

    def __init__(self, url: str, bounds: Bounds) -> None:
        self._name = mask_url(url)
        self._bounds = bounds
        try:
            redis = import_module("redis.asyncio")
            self._error: type[Exception] = redis.RedisError
        except ImportError as error:
            raise ConfigError(
                f"`bridge.store` is {self._name}, but the package `redis` is missing",
                hint="Install it with `pip install 'codex-oss[redis]'`.",
            ) from error
        self._redis = self._connect(redis, url)

    async def put(self, kept: Kept) -> None:
        """Keep a response until it is too old."""
        kept = msgspec.structs.replace(kept, items=())
        data, age_s = msgspec.msgpack.encode(kept), self._bounds.age_s
        await self._do("write", self._redis.set(PREFIX + kept.id, data, ex=age_s))

    async def get(self, response_id: str) -> Kept | None:
        """Return a response."""
        data = await self._do("read", self._redis.get(PREFIX + response_id))
        if data is None:
            return None
        try:
            return msgspec.msgpack.decode(data, type=Kept)
        except msgspec.DecodeError as error:
            raise StoreError(
                f"cannot read `{PREFIX}{response_id}` in {self._name}: {error}",
                hint="It was written by something else than this version of "
                "codex-oss: delete the key, or use another database.",
            ) from error

    async def holder(self, owner: str, item_id: str) -> str | None:  # noqa: ARG002
        """Return None: it would take a question to the server for each item kept."""
        return None

    async def delete(self, response_id: str) -> bool:
        """Forget a response."""
        deleted = await self._do("write", self._redis.delete(PREFIX + response_id))
        return deleted > 0

    async def close(self) -> None:
        """Close all connections."""
        await self._do("leave", self._redis.aclose())

    def _connect(self, redis: Any, url: str) -> "_Redis":
        try:
            pool = redis.BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=ANSWER_S,
                socket_timeout=ANSWER_S,
                socket_connect_timeout=ANSWER_S,
            )
        except ValueError as error:
            raise ConfigError(
                f"`bridge.store` is no URL of Redis: {self._name}: {error}",
                hint="Write redis://HOST:PORT/DB.",
            ) from error
        return redis.Redis.from_pool(pool)

    async def _do(self, what: str, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(ANSWER_S):
                return await answer
        except (self._error, OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {ANSWER_S:g} s"
            raise StoreError(
                f"cannot {what} the kept responses in {self._name}: {reason}",
                hint="Start the Redis server, or choose another `bridge.store`.",
            ) from error


class _Redis(Protocol):
    """What is used of ``redis.asyncio.Redis``; the package is optional."""

    async def set(self, name: str, value: bytes, *, ex: int) -> object: ...

    async def get(self, name: str) -> bytes | None: ...

    async def delete(self, name: str) -> int: ...

    async def aclose(self) -> None: ...
