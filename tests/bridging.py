"""A bridge inside of a test's loop, and a client of it. Every wait is bounded."""

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from codex_oss.bridge.settings import BridgeSettings
from codex_oss.config import load
from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.wire import responses
from codex_oss.wire.framing import SseDecoder
from codex_oss.wiring.bridge import Bridge, open_bridge
from fake_server import WAIT_S

T = TypeVar("T")
CODEX = {"originator": "codex_exec", "user-agent": "codex_exec/0.169.0 (test)"}
"""What the Codex CLI says of itself."""


class Answered(msgspec.Struct, frozen=True):
    """An answer of the bridge."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)

    @property
    def events(self) -> list[responses.Event]:
        """The events of the body, their names held against their data."""
        frames = SseDecoder().feed(self.body)
        decoded = [responses.decode_event(frame.data) for frame in frames]
        types = [msgspec.json.decode(frame.data)["type"] for frame in frames]
        assert types == [frame.event for frame in frames]
        return decoded


class Asking:
    """Asks a bridge."""

    def __init__(self, bridge: Bridge, client: Client, log: io.StringIO) -> None:
        self.url = f"http://127.0.0.1:{bridge.listener.port}"
        self.client = client
        self._log = log

    @property
    def log(self) -> str:
        """What the bridge said on stderr."""
        return self._log.getvalue()

    def break_log(self) -> None:
        """Let every line that the bridge says fail from now on."""
        self._log.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """Return the whole answer to a request."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        with await self.client.open(
            method,
            self.url + path,
            headers=tuple((headers or {}).items()),
            body=b"" if body is None else raw,
        ) as reply:
            return Answered(reply.status, reply.headers, await reply.read(1 << 24))

    async def respond(
        self, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Return the answer to ``POST /v1/responses``."""
        return await self.ask("POST", "/v1/responses", {"model": "m"} | body, headers)


@asynccontextmanager
async def bridged(
    upstream: str, tmp: Path, **changes: Any
) -> AsyncGenerator[Asking, None]:
    """Run a bridge in front of ``upstream`` (without ``/v1``)."""
    env = {"CODEX_HOME": str(tmp), "CODEX_OSS_HOME": str(tmp), "HOME": str(tmp)}
    loaded = load.load(
        tmp,
        env,
        overrides=[],
        profile=None,
        flags={},
        oss=False,
        local_provider=None,
        strict=False,
    )
    log = io.StringIO()
    bridge = await open_bridge(settings(upstream, **changes), loaded, env, log)
    client = Client({})
    serving = asyncio.create_task(bridge.listener.serve(bridge.app.handle))
    try:
        yield Asking(bridge, client, log)
    finally:
        await client.close()
        await bridge.close()
        await serving


def settings(upstream: str, **changes: Any) -> BridgeSettings:
    """Return settings of a bridge that changes as little as it can."""
    usual = BridgeSettings(
        listen="127.0.0.1",
        port=0,
        key="",
        provider_id="upstream",
        provider=Provider(name="up", base_url=f"{upstream}/v1", wire_api="chat"),
        wire="chat",
        model=None,
        context_length=None,
        diet="off",
        repair=True,
        text_calls=True,
        ask_again=True,
        store="memory",
        max_body_size=1 << 22,
        keep_alive_s=8,
    )
    return msgspec.structs.replace(usual, **changes)


def through(
    upstream: str,
    tmp: Path,
    use: Callable[[Asking], Awaitable[T]],
    **changes: Any,
) -> T:
    """Run a bridge, use it, end it; bounded."""

    async def bounded() -> T:
        async with asyncio.timeout(WAIT_S), bridged(upstream, tmp, **changes) as asking:
            return await use(asking)

    return asyncio.run(bounded())
