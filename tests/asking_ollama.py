"""Asking a fake Ollama, for tests."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import msgspec
import pytest

from asking import ASK, Pauses, events_of
from codex_oss.config.provider import Provider
from codex_oss.errors import (
    BadRequest,
    Busy,
    ContextOverflow,
    NotFound,
    ServerFault,
    StreamCut,
)
from codex_oss.facts import Fact
from codex_oss.items import (
    Item,
    Message,
    text_of,
)
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.providers import ProbeMemory, connect
from codex_oss.wire import responses
from fake_server import WAIT_S, FakeServer

T = TypeVar("T")


class Taken:
    """An outlet that keeps what it gets (``ports.Outlet``)."""

    def __init__(self) -> None:
        self.events: list[responses.Event] = []
        self.facts: list[Fact] = []

    def put(self, events: list[responses.Event]) -> bool:
        self.events += events
        return True

    async def ready(self) -> None:
        return

    def note(self, fact: Fact) -> None:
        self.facts.append(fact)


def use(
    server: FakeServer,
    act: Callable[[Model], Awaitable[T]],
    *,
    path: str = "/v1",
    wire: str = "ollama",
    env: Mapping[str, str] | None = None,
    num_ctx: int | None = None,
    **more: Any,
) -> T:
    """Connect the server's model ``m``, use it, close it; bounded."""
    provider = msgspec.convert(
        {"name": "Ollama", "base_url": server.url + path, "wire_api": wire, **more},
        Provider,
    )

    async def bounded() -> T:
        model = connect(
            "ollama",
            provider,
            "m",
            env=env or {},
            client=Client({}),
            memory=ProbeMemory(),
            version="1.2.3",
            clock=Pauses(),
            context_length=num_ctx,
        )
        try:
            async with asyncio.timeout(WAIT_S):
                return await act(model)
        finally:
            await model.close()

    return asyncio.run(bounded())


def ask(
    server: FakeServer, request: responses.Request = ASK, **more: Any
) -> list[responses.Event]:
    return use(server, lambda model: events_of(model, request), **more)


def items(events: list[responses.Event]) -> list[Item]:
    return [e.item for e in events if isinstance(e, responses.OutputItemDone)]


def said(events: list[responses.Event]) -> list[str]:
    return [text_of(i.content) for i in items(events) if isinstance(i, Message)]


def refuse(server: FakeServer, request: responses.Request = ASK) -> str:
    """Ask where an error must come; return what a person reads."""
    kinds = (BadRequest, Busy, ContextOverflow, NotFound, ServerFault, StreamCut)
    with pytest.raises(kinds) as caught:
        ask(server, request, request_max_retries=0)
    return f"{type(caught.value).__name__}: {caught.value.report()}"


def thinking(effort: str) -> responses.Request:
    return msgspec.structs.replace(
        ASK, reasoning=responses.ReasoningParams(effort=effort)
    )
