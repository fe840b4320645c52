"""Asking a model of a provider once, for tests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from codex_oss.config.provider import Provider
from codex_oss.items import user
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers import ProbeMemory, connect
from codex_oss.wire import responses

T = TypeVar("T")

LIMIT_S = 180
"""Even a real model that has one of many busy cores is done by then."""
TOOL = responses.FunctionTool(
    name="add",
    description="Adds.",
    parameters={"type": "object", "properties": {"a": {"type": "integer"}}},
)
ASK = responses.Request(model="m", input=[user("hello")], stream=True)
ASK_WITH_TOOL = responses.Request(
    model="m", input=[user("hello")], tools=[TOOL], stream=True
)


class Pauses:
    """A clock whose sleeps take no time and are written down (``ports.Clock``)."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> float:
        return 1_700_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


def use_model(
    provider: Provider,
    use: Callable[[Model], Awaitable[T]],
    *,
    env: Mapping[str, str] | None = None,
    memory: ProbeMemory | None = None,
    clock: Pauses | None = None,
) -> T:
    """Connect provider ``fake`` with model ``m``, use it, close it; bounded."""

    async def bounded() -> T:
        model = connect(
            "fake",
            provider,
            "m",
            env=env or {},
            client=Client({}),
            memory=memory or ProbeMemory(),
            version="1.2.3",
            clock=clock or Pauses(),
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                return await use(model)
        finally:
            await model.close()

    return asyncio.run(bounded())


async def events_of(
    model: Model, request: responses.Request = ASK
) -> list[responses.Event]:
    """Return all events of one answer."""
    return [event async for event in model.stream(request)]


def chat_provider(url: str, **more: Any) -> Provider:
    """Return a provider of the chat wire at a fake server."""
    return Provider(name="Fake", base_url=f"{url}/v1", wire_api="chat", **more)


def responses_provider(url: str, **more: Any) -> Provider:
    """Return a provider of the responses wire at a fake server."""
    return Provider(name="Fake", base_url=f"{url}/v1", **more)
