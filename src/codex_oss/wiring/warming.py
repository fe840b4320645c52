"""The model of the next MCP conversation warmed, before anybody calls.

A client that lists the tools may call one soon; its own model thinks before it does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from codex_oss.errors import CodexOssError

if TYPE_CHECKING:
    from codex_oss.wiring.session import Opened

SETTLED_S = 0.2
"""After the tools are listed: what the client asks for at once comes first."""


class Warming:
    """Warms once, until it is told to end."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def begin(self, opened: "Callable[[], Awaitable[Opened | None]]") -> None:
        """Begin in the background, unless it has begun or was told to end.

        ``opened`` returns the session to warm, None where there is nothing to do, or
        raises ``CodexOssError``.
        """
        if self._task is None and not self._over:
            self._task = asyncio.ensure_future(_warm(opened))

    async def end(self) -> None:
        """Return when nothing of it is left: a conversation wants the model."""
        self._over = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))


async def _warm(opened: "Callable[[], Awaitable[Opened | None]]") -> None:
    """Do it; what goes wrong is told by the call that follows."""
    await asyncio.sleep(SETTLED_S)
    try:
        session = await opened()
    except CodexOssError:
        return
    if session is None:
        return
    try:
        session.session.warm()
        await session.session.warmed()
    finally:
        await session.close()
