"""Engines that several conversations of one process share.

Each conversation has its own connections and its own model; the process with the
weights in it is started once, and ended when nobody uses it any more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from codex_oss.errors import Busy, ModelError, ServerFault
from codex_oss.net import Client
from codex_oss.ports import unheard
from codex_oss.wiring.ending import Endings, end_all

if TYPE_CHECKING:
    from codex_oss.engines.base import Options
    from codex_oss.engines.choose import Choice
    from codex_oss.engines.hardware import Host
    from codex_oss.engines.revival import Revival
    from codex_oss.wiring.survey import Answering

Begin = Callable[[Endings], Coroutine[Any, Any, "Answering"]]
"""Starts an engine; its end is added to what is given."""
ALIVE_S = 5.0
"""How long an engine may take to say that it lives; one that is at work may take
longer, and counts as alive."""


class Key(msgspec.Struct, frozen=True):
    """What makes an engine what it is: who asks for the same gets the same."""

    engine: str
    model: str | None
    url: str
    context_length: int | None
    threads: int | None
    models: str


def key_of(choice: "Choice", options: "Options") -> Key:
    """Return what an engine is known by."""
    return Key(
        engine=choice.engine,
        model=choice.model,
        url=options.url,
        context_length=options.context_length,
        threads=options.threads,
        models=str(options.models),
    )


class Pool:
    """The engines that run, by their keys. Whoever makes one must close it."""

    def __init__(
        self,
        env: Mapping[str, str],
        host: "Callable[[], Awaitable[Host]] | None" = None,
    ) -> None:
        """Take the environment, and what looks at the machine if not ``hardware``."""
        self._env = env
        self._host = host
        self._making_room = asyncio.Lock()
        self.client = Client(env)
        """The engines' own: it outlives those of the conversations."""
        self._running: dict[Key, _Engine] = {}
        self._all: set[_Engine] = set()

    def share(self) -> "Share":
        """Return one user's share."""
        return Share(self)

    async def take(
        self, key: Key, begin: "Begin", end: Endings
    ) -> "tuple[_Engine, Answering]":
        """Return an engine and that it answers; see ``Share.take``."""
        engine = await self._living(key)
        if engine is None:
            engine = self._running[key] = _Engine(begin)
            self._all.add(engine)
        engine.users += 1

        async def let_go() -> None:
            engine.users -= 1
            if not engine.users:
                self._forget(key, engine)
                await self._end(engine)

        end.append(let_go)
        return engine, await engine.ready()

    async def make_room(self, need: int) -> None:
        """End engines until a model of ``need`` bytes fits, or all others are at work.

        Those go first that were not used for the longest time. They come back when
        they are asked again.
        """
        async with self._making_room:
            while not await self._has_room(need):
                there = [revival for e in self._all if (revival := e.revival)]
                idle = {r: at for r in there if (at := r.idle_since()) is not None}
                if not idle:
                    return
                await min(idle, key=idle.__getitem__).rest()

    async def _has_room(self, need: int) -> bool:
        # Only who starts an engine comes here, and it has them already.
        from codex_oss.engines import fit, hardware  # noqa: PLC0415

        host = await (self._host() if self._host else hardware.look(self._env))
        running = (e.revival for e in self._all)
        held = sum(r.weights for r in running if r is not None and r.runs)
        return fit.has_room(need, host, held=held)

    async def close(self) -> None:
        """End all engines, whoever uses them."""
        self._running.clear()
        for engine in list(self._all):
            await self._end(engine)
        await self.client.close()

    async def _living(self, key: Key) -> "_Engine | None":
        """Return the engine of a key; one that is dead is handed to nobody."""
        while (engine := self._running.get(key)) is not None:
            living = await engine.lives(self.client)
            if not living:
                self._forget(key, engine)
            elif self._running.get(key) is engine:  # nobody has ended it meanwhile
                return engine
        return None

    def _forget(self, key: Key, engine: "_Engine") -> None:
        if self._running.get(key) is engine:
            del self._running[key]

    async def _end(self, engine: "_Engine") -> None:
        # Whoever leaves it last may be in a hurry; it is ended whole all the same.
        engine.ending = engine.ending or asyncio.ensure_future(engine.end())
        await asyncio.shield(engine.ending)
        self._all.discard(engine)


class Share:
    """What one conversation has of the pool: an engine, if it needs one."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._engine: _Engine | None = None

    @property
    def client(self) -> Client:
        """The client that engines are started with."""
        return self._pool.client

    async def make_room(self, need: int) -> None:
        """See ``Pool.make_room``."""
        await self._pool.make_room(need)

    async def take(self, key: Key, begin: "Begin", end: Endings) -> "Answering":
        """Return an engine that answers; its letting go is added to ``end``.

        ``begin`` starts one and adds its end to what it is given. Raises what it
        raises, for all who wait for it.
        """
        self._engine, answering = await self._pool.take(key, begin, end)
        return answering

    async def lives(self) -> bool:
        """Tell whether its engine lives; without one there is nothing to die."""
        return self._engine is None or await self._engine.lives(self.client)


class _Engine:
    """One engine, from its start, which no user's leaving breaks off but the last."""

    def __init__(self, begin: "Begin") -> None:
        self.users = 0
        self.ending: asyncio.Task[None] | None = None
        self._end: Endings = []
        self._starting = asyncio.ensure_future(begin(self._end))

    async def ready(self) -> "Answering":
        """Return what answers when it does, started again if it has ended."""
        answering = await asyncio.shield(self._starting)
        if answering.reviver is not None:
            over = await answering.reviver.ready(b"", unheard)
            over(False)
        return answering

    @property
    def revival(self) -> "Revival | None":
        """What starts it again; None also while it is being started."""
        started = self._starting
        if not started.done() or started.cancelled() or started.exception():
            return None
        return started.result().reviver

    async def lives(self, client: Client) -> bool:
        """Tell whether it starts, or answers; one without an answer yet may be busy.

        One that has ended lives as long as it may be started again.
        """
        if not self._starting.done():
            return True
        if self._starting.cancelled() or self._starting.exception() is not None:
            return False
        ready, reviver = self._starting.result().ready, self._starting.result().reviver
        if reviver is not None:
            return reviver.able()
        headers = [("authorization", f"Bearer {ready.api_key}")]
        try:
            async with asyncio.timeout(ALIVE_S):
                await client.get_json(
                    f"{ready.base_url}/models",
                    headers=headers if ready.api_key else (),
                    timeout_s=2 * ALIVE_S,
                )
        except (TimeoutError, Busy, ServerFault):
            return True
        except ModelError:
            return False
        return True

    async def end(self) -> None:
        """Break its start off, or end it."""
        self._starting.cancel()
        await asyncio.wait((self._starting,))
        if not self._starting.cancelled():
            self._starting.exception()  # its users have been told
        await end_all(self._end)
