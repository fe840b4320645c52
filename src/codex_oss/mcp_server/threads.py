"""All conversations of this process, and those of earlier ones that go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from codex_oss.errors import SessionError
from codex_oss.mcp_server.calls import CodexCall, ReplyCall, thread_of
from codex_oss.mcp_server.conversation import Client, Conversation, Opened, TakenTurn

MAX_OPEN = 32
"""Conversations that are kept ready; the one that was used longest ago is closed for
another, and continues from its file when it is asked for."""


class Opener(Protocol):
    """Who makes sessions: ``wiring``."""

    async def open(self, call: CodexCall, client: Client, *, asks: bool) -> Opened:
        """Return a new session; ``asks``: its client can ask a person."""
        ...

    async def resume(self, thread_id: str, client: Client, *, asks: bool) -> Opened:
        """Return the session of an earlier process.

        Raises ``SessionError`` where there is none of this id.
        """
        ...


class Threads:
    """The conversations by id, and the turns that run."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._open: dict[str, Conversation] = {}
        self._resuming = asyncio.Lock()
        self._turns: set[TakenTurn] = set()

    def begin(self, call: CodexCall, *, asks: bool) -> TakenTurn:
        """Begin a conversation and its first turn."""

        async def opened() -> Conversation:
            client = Client()
            ready = await self._opener.open(call, client, asks=asks)
            return await self._keep(Conversation(ready, client, fresh=True))

        return self._take(opened, call.prompt)

    def reply(self, call: ReplyCall, *, asks: bool) -> TakenTurn:
        """Begin the next turn of a conversation. Raises ``UsageError``."""
        thread_id = thread_of(call)

        async def found() -> Conversation:
            async with self._resuming:
                known = self._open.pop(thread_id, None)
                if known is not None:
                    self._open[thread_id] = known  # the last that was used
                    return known
                client = Client()
                ready = await self._opener.resume(thread_id, client, asks=asks)
                return await self._keep(Conversation(ready, client, fresh=False))

        return self._take(found, call.prompt, thread_id)

    async def close(self) -> None:
        """End all turns and everything that was started for them."""
        turns = list(self._turns)
        for turn in turns:
            turn.end()
        for turn in turns:
            await turn.over()
        while self._open:
            await self._open.popitem()[1].opened.close()

    def _take(
        self,
        conversation: Callable[[], Awaitable[Conversation]],
        prompt: str,
        thread_id: str = "",
    ) -> TakenTurn:
        turn = TakenTurn(conversation, prompt, thread_id)
        self._turns.add(turn)
        turn.when_over(self._turns.discard)
        return turn

    async def _keep(self, made: Conversation) -> Conversation:
        self._open[made.thread_id] = made
        idle = [each for each in self._open.values() if not each.lock.locked()]
        for old in idle[: max(len(self._open) - MAX_OPEN, 0)]:
            if old is not made:
                del self._open[old.thread_id]
                await old.opened.close()
        return made


def not_found(thread_id: str) -> SessionError:
    """Return the error for an id that nobody knows, in Codex's words."""
    return SessionError(f"Session not found for thread_id: {thread_id}")
