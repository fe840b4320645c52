"""MCP servers in a test: started, used by a function, and ended."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from codex_oss.config.schema import McpServer
from codex_oss.mcp.restarts import Patience
from codex_oss.mcp.server import Server
from codex_oss.mcp.servers import Servers
from codex_oss.policy import AnswerServer, Reply

TIMEOUT_S = 180
PATIENT = Patience(restarts=2, within_s=600, backoff_s=0.01)
"""What is borne with servers in these tests: little, but it is long remembered."""


async def nobody(asked: AnswerServer) -> Reply:
    return Reply("decline")


class Session:
    """Servers that are running, and what was told of them."""

    def __init__(self, patience: Patience = PATIENT, /, **settings: McpServer) -> None:
        self.told: list[str] = []
        self.changes: asyncio.Queue[None] = asyncio.Queue()
        self.servers = Servers(
            settings,
            cwd=Path("/"),
            env=dict(os.environ),
            tell=self.told.append,
            patience=patience,
        )
        self.servers.on_change = lambda: self.changes.put_nowait(None)

    def __getitem__(self, name: str) -> Server:
        return next(each for each in self.servers.all if each.name == name)

    def run(
        self, work: Callable[[], Awaitable[None]], grace_s: float = TIMEOUT_S
    ) -> list[str]:
        async def whole() -> list[str]:
            async with asyncio.timeout(TIMEOUT_S):
                self.servers.begin()
                try:
                    warnings = await self.servers.ready(grace_s)
                    await work()
                finally:
                    await self.servers.close()
            return warnings

        return asyncio.run(whole())
