"""All conversations of this process, and those of earlier ones that go on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from weakref import WeakValueDictionary

from codex_oss.errors import SessionError, UsageError
from codex_oss.mcp_server.calls import CodexCall, ReplyCall, shown, thread_of
from codex_oss.mcp_server.conversation import Client, Conversation, Opened, TakenTurn

MAX_OPEN = 32
"""Conversations that are kept ready; the one that was used longest ago is closed for
another, and continues from its file when it is asked for."""
MAX_TURNS = 128
"""Turns that run or wait at the same time."""


class Opener(Protocol):
    """Who makes sessions: ``wiring``."""

    async def open(self, call: CodexCall, client: Client, *, asks: bool) -> Opened:
        """Return a new session; ``asks``: its first client can ask a person."""
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
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._closing: set[asyncio.Task[None]] = set()
        self._turns: set[TakenTurn] = set()

    def begin(self, call: CodexCall, *, asks: bool) -> TakenTurn:
        """Begin a conversation and its first turn. Raises ``UsageError``."""

        async def opened() -> Conversation:
            client = Client()
            ready = await self._opener.open(call, client, asks=asks)
            return await self._keep(Conversation(ready, client))

        return self._take(opened, call.prompt, asks=asks)

    def reply(self, call: ReplyCall, *, asks: bool) -> TakenTurn:
        """Begin the next turn of a conversation. Raises ``UsageError``."""
        thread_id = thread_of(call)

        async def found() -> Conversation:
            # Only who wants the same conversation waits while it is opened.
            async with self._lock(thread_id):
                known = await self._known(thread_id)
                if known is not None:
                    del self._open[thread_id]
                    self._open[thread_id] = known  # the last that was used
                    known.users += 1
                    return known
                client = Client()
                ready = await self._opener.resume(thread_id, client, asks=asks)
                return await self._keep(Conversation(ready, client))

        return self._take(found, call.prompt, shown(thread_id), asks=asks)

    async def close(self) -> None:
        """End all turns and everything that was started for them."""
        turns = list(self._turns)
        for turn in turns:
            turn.end()
        for turn in turns:
            await turn.over()
        if self._closing:
            await asyncio.wait(self._closing)
        while self._open:
            await self._open.popitem()[1].opened.close()

    def _take(
        self,
        conversation: Callable[[], Awaitable[Conversation]],
        prompt: str,
        thread_id: str = "",
        *,
        asks: bool,
    ) -> TakenTurn:
        if len(self._turns) >= MAX_TURNS:
            raise UsageError(f"{MAX_TURNS} turns run already: wait for one to end.")
        turn = TakenTurn(conversation, prompt, thread_id, asks=asks)
        self._turns.add(turn)
        turn.when_over(self._turns.discard)
        return turn

    async def _known(self, thread_id: str) -> Conversation | None:
        """Return an open conversation; one that cannot go on is closed, for another."""
        known = self._open.get(thread_id)
        if known is None or known.users or await known.opened.usable():
            return known
        del self._open[thread_id]
        await known.opened.close()
        return None

    async def _keep(self, made: Conversation) -> Conversation:
        """Keep a conversation that is used from now on; close others for it."""
        try:
            while len(self._open) >= MAX_OPEN and (old := self._idle()) is not None:
                closing = asyncio.ensure_future(self._close(old))
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)
                await asyncio.shield(closing)
        except BaseException:
            await made.opened.close()
            raise
        made.users += 1
        self._open[made.thread_id] = made
        return made

    def _idle(self) -> Conversation | None:
        """Return the conversation without a turn that was used longest ago."""
        return next((each for each in self._open.values() if not each.users), None)

    async def _close(self, old: Conversation) -> None:
        # Who wants it back meanwhile must find its file whole.
        async with self._lock(old.thread_id):
            if not old.users and self._open.get(old.thread_id) is old:
                del self._open[old.thread_id]
                await old.opened.close()

    def _lock(self, thread_id: str) -> asyncio.Lock:
        return self._locks.setdefault(thread_id, asyncio.Lock())


def not_found(thread_id: str) -> SessionError:
    """Return the error for an id that nobody knows, in Codex's words."""
    return SessionError(f"Session not found for thread_id: {shown(thread_id)}")
