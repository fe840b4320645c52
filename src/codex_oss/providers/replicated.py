"""A model that several servers have: asked at one, at the next when that one fails.

Another server is asked only as long as nothing of an answer has been shown. What comes
after is the turn's to repeat, or the client's: only they know what has run.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from hashlib import blake2b
from typing import TypeVar

import msgspec

from codex_oss.errors import Busy, Loading, ModelError, ServerFault, StreamCut
from codex_oss.facts import Retried
from codex_oss.items import Message, Unknown
from codex_oss.ports import Model, Note, Outlet, unheard
from codex_oss.providers.replicas import Replica, Replicas
from codex_oss.providers.retry import LOADING_LIMIT_S, MAX_DELAY_S, Pause
from codex_oss.wire import responses

ASK_S = 3.0
"""For what the servers say of themselves; who is silent longer has no say."""

_T = TypeVar("_T")

_LIFE_SIGNS = frozenset(responses.LIFE_SIGNS)
_DIGEST_BYTES = 16


class ReplicatedModel:
    """A model behind several servers (``ports.Model``).

    ``models`` has the model at each URL; they give up where another server could be
    asked. ``limit`` is how often all are asked again when none has answered.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        replicas: Replicas,
        *,
        limit: int,
        pause: Pause,
    ) -> None:
        self._models = models
        self._replicas = replicas
        self._limit = limit
        self._pause = pause

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events of the first server that answers."""
        tries = self._tries(request, note)
        created = False
        while True:
            replica = tries.next()
            watch = _Watch(self._replicas, replica)
            try:
                async with aclosing(
                    self._models[replica.url].stream(request, note)
                ) as events:
                    async for event in events:
                        watch.see([event])
                        if not (created and isinstance(event, responses.Created)):
                            yield event
                        created |= isinstance(event, responses.Created)
            except ModelError as error:
                await tries.failed(watch, error)
            else:
                return
            finally:
                watch.over()

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Push the events of the first server that answers."""
        tries = self._tries(request, outlet.note)
        while True:
            replica = tries.next()
            watch = _Watch(self._replicas, replica)
            try:
                await self._models[replica.url].pour(request, _Tap(outlet, watch))
            except ModelError as error:
                await tries.failed(watch, error)
            else:
                return
            finally:
                watch.over()

    async def load(self) -> None:
        """Do nothing: whoever runs several servers has the model loaded there."""

    async def warm(self, request: responses.Request) -> None:
        """Let the server read the request that a conversation would go to."""
        replica = self._tries(request, unheard).next()
        await self._models[replica.url].warm(request)

    async def window(self) -> int | None:
        """Return the smallest window: a conversation may go on at any server."""
        known = await self._all(lambda model: model.window())
        return min((each for each in known if each), default=None)

    async def sees(self) -> bool | None:
        """Return whether the model can see images at every server that says so."""
        known = [
            each for each in await self._all(lambda m: m.sees()) if each is not None
        ]
        return all(known) if known else None

    async def close(self) -> None:
        """Close all connections, and end the checks."""
        await self._replicas.close()
        for model in self._models.values():
            await model.close()

    async def _all(self, ask: Callable[[Model], Awaitable[_T]]) -> list[_T | None]:
        async def bounded(model: Model) -> _T | None:
            try:
                async with asyncio.timeout(ASK_S):
                    return await ask(model)
            except (ModelError, TimeoutError):
                return None

        return await asyncio.gather(*map(bounded, self._models.values()))

    def _tries(self, request: responses.Request, note: Note) -> "_Tries":
        return _Tries(
            self._replicas,
            conversation(request),
            limit=self._limit,
            pause=self._pause,
            note=note,
        )


def conversation(request: responses.Request) -> str | None:
    """Return what is the same in all requests of a conversation; None: nothing is.

    That is the client's own key, else what was said before the model's first answer.
    """
    if request.prompt_cache_key:
        return request.prompt_cache_key
    digest = blake2b(digest_size=_DIGEST_BYTES)
    said = False
    for item in request.input:
        if not isinstance(item, Message) or item.role == "assistant":
            break
        digest.update(_text(item))
        said = said or item.role == "user"
    return digest.hexdigest() if said else None


def _text(item: Message) -> bytes:
    parts = (
        bytes(part.raw) if isinstance(part, Unknown) else msgspec.json.encode(part)
        for part in item.content
    )
    return b"\0".join((item.role.encode(), *parts))


# --- one server at a time ------------------------------------------------------------


class _Watch:
    """One request at one server. ``shown``: more than life signs came of it."""

    __slots__ = ("_replicas", "replica", "shown")

    def __init__(self, replicas: Replicas, replica: Replica) -> None:
        self._replicas = replicas
        self.replica = replica
        self.shown = False
        replicas.begin(replica)

    def see(self, events: list[responses.Event]) -> None:
        """Look at events before they are shown.

        Raises ``ServerFault`` for a failure of the server's before all others.
        """
        if self.shown or not events:
            return
        last = events[-1]
        error = last.response.error if isinstance(last, responses.Failed) else None
        if error is not None and error.code == "server_error":
            raise ServerFault(error.message or "the server failed")
        self.shown = not _LIFE_SIGNS.issuperset(map(type, events))
        if self.shown:
            self._replicas.answered(self.replica)

    def over(self) -> None:
        """Note the end, whatever it is."""
        self._replicas.end(self.replica)


class _Tap:
    """Passes events on and watches them (``ports.Outlet``)."""

    __slots__ = ("_put", "_watch", "note", "ready")

    def __init__(self, outlet: Outlet, watch: _Watch) -> None:
        self._put = outlet.put
        self._watch = watch
        self.note = outlet.note
        self.ready = outlet.ready

    def put(self, events: list[responses.Event]) -> bool:
        if not self._watch.shown:
            self._watch.see(events)
        return self._put(events)


class _Tries:
    """Which server is asked next, for one request."""

    def __init__(
        self,
        replicas: Replicas,
        conversation: str | None,
        *,
        limit: int,
        pause: Pause,
        note: Note,
    ) -> None:
        self._replicas = replicas
        self._conversation = conversation
        self._limit = limit
        self._pause = pause
        self._note = note
        self._failed: dict[Replica, ModelError] = {}
        self._round = 0
        self._loading_s = 0.0

    def next(self) -> Replica:
        """Return the best server that has not failed in this round."""
        return self._left()[0]

    def _left(self) -> list[Replica]:
        ranked = self._replicas.ranked(self._conversation)
        return [replica for replica in ranked if replica not in self._failed]

    async def failed(self, watch: _Watch, error: ModelError) -> None:
        """Raise the error, unless another server, or all of them later, may do."""
        self._replicas.failed(watch.replica, error)
        if watch.shown or not error.retryable:
            raise error
        self._failed[watch.replica] = error
        if self._left():
            self._note(Retried(reason=str(error)))
            return
        told = _of_all(self._failed)
        if not self._may_help(told):
            raise told from error
        self._note(Retried(reason=str(told), delay_s=told.delay_s or 0))
        waited = await self._pause.before(self._round, told)
        self._round += 1
        if isinstance(told, Loading):
            self._loading_s += waited
        self._failed.clear()

    def _may_help(self, error: ModelError) -> bool:
        if isinstance(error, Loading):
            return self._loading_s < LOADING_LIMIT_S
        if isinstance(error, StreamCut) or self._round >= self._limit:
            return False  # a cut is the turn's to repeat
        return error.delay_s is None or error.delay_s <= MAX_DELAY_S


def _of_all(failed: Mapping[Replica, ModelError]) -> ModelError:
    """Return one error for those of all servers: the one that is worth waiting for."""
    errors = list(failed.values())
    waits = [e for e in errors if isinstance(e, Busy)]
    kind = next((e for e in waits if isinstance(e, Loading)), None)
    chosen = kind or next(iter(waits), errors[-1])
    told = "; ".join(f"{replica.url}: {error}" for replica, error in failed.items())
    return type(chosen)(
        f"none of the {len(failed)} servers answers: {told}",
        hint=chosen.hint,
        delay_s=min((e.delay_s for e in waits if e.delay_s is not None), default=None),
    )
