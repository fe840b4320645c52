"""All MCP servers of a session, started at the same time."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.place import Place
from codex_oss.mcp.restarts import PATIENCE, Patience
from codex_oss.mcp.server import Server

GRACE_S = 10.0
"""How long the first request waits for servers that it can do without."""


class Servers:
    """The enabled servers by name. ``begin`` starts them, ``close`` must be called.

    ``on_change`` may be set: it is called when what they offer has changed.
    """

    def __init__(
        self,
        settings: Mapping[str, McpServer],
        *,
        cwd: Path,
        env: Mapping[str, str],
        tell: Callable[[str], None],
        login_port: int = 0,
        patience: Patience = PATIENCE,
    ) -> None:
        self.on_change: Callable[[], None] = _nothing
        place = Place(
            cwd=cwd,
            env=env,
            tell=tell,
            changed=self._changed,
            login_port=login_port,
            patience=patience,
        )
        self.all = [
            Server(name, each, place)
            for name, each in sorted(settings.items())
            if each.enabled
        ]

    def begin(self) -> None:
        """Start all in the background."""
        for server in self.all:
            server.begin()

    async def ready(self, grace_s: float = GRACE_S) -> list[str]:
        """Wait for the servers; return what is to be said of those that cannot be used.

        Raises ``McpError``, in Codex's words, when a required one does not start.
        """
        await asyncio.gather(*(s.settle() for s in self.all if s.settings.required))
        failed = [s for s in self.all if s.settings.required and s.why]
        if failed:
            told = "; ".join(f"{server.name}: {server.why}" for server in failed)
            raise McpError(
                f"required MCP servers failed to initialize: {told}",
                hint=failed[0].hint
                or f"`codex-oss mcp test {failed[0].name}` tries it alone; "
                "`required = false` goes on without it.",
            )
        waits = [asyncio.ensure_future(server.settle()) for server in self.all]
        if waits:
            await asyncio.wait(waits, timeout=grace_s)
        for wait in waits:
            wait.cancel()
        return [remark for server in self.all if (remark := _remark(server))]

    def _changed(self) -> None:
        self.on_change()

    async def close(self) -> None:
        """End all."""
        await asyncio.gather(*(server.close() for server in self.all))


def _remark(server: Server) -> str:
    if not server.settled:
        server.late = True
        return (
            f"MCP server {server.name} still starts: its tools are offered when it has."
        )
    if server.why:
        told = f"MCP server {server.name} is left out: {server.why}"
        return f"{told}. {server.hint}" if server.hint else told
    return ""


def _nothing() -> None:
    """Nobody hears."""
