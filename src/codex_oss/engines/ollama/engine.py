"""Ollama as an engine: a server that runs, else one of our own; its model made ready.

A server that we did not start is never stopped. Without consent nothing is started,
unless the model is there already, and nothing is pulled. The model is loaded with the
context that the chat will ask for, so that it is loaded once.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from pathlib import Path

from codex_oss import process
from codex_oss.config.builtin import ollama_url
from codex_oss.engines import at_hand, choose, room
from codex_oss.engines.base import EngineEvent, Loading, Options, Ready, Starting
from codex_oss.engines.ollama import faults, names, orphans
from codex_oss.engines.ollama.api import Api, require_version
from codex_oss.engines.ollama.private import Private, state
from codex_oss.engines.revival import Revival
from codex_oss.errors import EngineError, ModelError, NotFound, StreamCut
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.providers.ollama_facts import (
    Granted,
    choose_context,
    default_context,
    notes_on,
)
from codex_oss.providers.ollama_stay import Before, stay
from codex_oss.wire.ollama.library import Shown
from codex_oss.wire.ollama.version import older, parts

DEFAULT_MODEL = choose.PULL_DEFAULT
TICK_S = 1.0
"""How often people are told that a model is still being loaded."""
UNLOAD_S = 5.0
SETTLE_TRIES, SETTLE_S = 12, 0.25
"""How often, and how long apart, a service that was just installed is asked."""


class Ollama:
    """The server that the configuration names, or one of our own."""

    def __init__(self, options: Options, client: Client) -> None:
        self._options = options
        self._client = client
        url = options.url or ollama_url(options.env.get("OLLAMA_HOST", ""))
        self._api = Api(client, url, key=options.key)
        self._private: Private | None = None
        self._loaded = ""
        self._need = 0
        """Bytes of memory that the model takes, where that matters to others."""
        self.reviver: Revival | None = None

    async def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Bring up ``model``; the last event is ``Ready``."""
        name = model or DEFAULT_MODEL
        async with aclosing(self._with_server(name, self._bring_up(name))) as events:
            async for event in events:
                yield event

    async def pull(self, model: str) -> AsyncGenerator[EngineEvent]:
        """Download ``model``, or what is newer of it; raises as ``ensure`` does."""
        async with aclosing(self._with_server(model, self._renew(model))) as events:
            async for event in events:
                yield event

    async def close(self) -> None:
        """Unload the model if we loaded it; end the server if we started it."""
        reviver, self.reviver = self.reviver, None
        if reviver is not None:
            await reviver.close()
        private, self._private = self._private, None
        loaded, self._loaded = self._loaded, ""
        if private is not None:
            await private.stop()
        elif loaded:
            with contextlib.suppress(ModelError, EngineError):
                await self._api.unload(loaded, timeout_s=UNLOAD_S)

    # --- the server --------------------------------------------------------------

    async def _with_server(
        self, name: str, work: AsyncGenerator[EngineEvent]
    ) -> AsyncGenerator[EngineEvent]:
        """Have a server, then do ``work`` with it."""
        async with aclosing(work):
            await asyncio.to_thread(orphans.end_all, state(self._options))
            if not await self._runs():
                yield Starting("Ollama", name)
                await self._start(name)
            try:
                async for event in work:
                    yield event
            except ModelError as error:
                raise EngineError(str(error), hint=error.hint) from error
            except EngineError as error:
                if error.hint == faults.LOG:
                    raise self._with_log(error) from error
                raise

    def _with_log(self, error: EngineError) -> EngineError:
        """Add the log of a server of our own: it is not where Ollama's usually is."""
        log = self._private.log if self._private else None
        if log is None:
            return error
        hint = f"{error.hint.removesuffix(faults.LOG)} Its log: {log}".strip()
        return type(error)(str(error), hint=hint)

    async def _runs(self) -> bool:
        """Tell whether the server runs; raises where it must and does not.

        Where there is no Ollama at all, one is installed, if somebody wants that.
        """
        try:
            require_version(await self._api.version(), self._api.root)
        except StreamCut as error:  # it is there, and hangs
            raise self._silent(error) from error
        except ModelError as error:
            here = urls.is_loopback(urls.parse(self._api.root).host)
            if here and self._program() is not None:
                return False
            if here and self._options.consent is not None and not self._options.offline:
                await self._install(error)
                return await self._comes_up()
            raise self._silent(error) from error
        return True

    def _silent(self, error: ModelError) -> EngineError:
        return EngineError(
            f"No running Ollama server detected at {self._api.root}: {error}",
            hint="Start it with `ollama serve`, or run the embedded engine: "
            "`-m smollm2-135m` or `-m hf:OWNER/REPO`.",
        )

    async def _install(self, error: ModelError) -> None:
        """Install Ollama if that is consented to; raises what it is about else."""
        # Its sizes, texts and `process` are for those who lack an Ollama.
        from codex_oss.engines.install import install  # noqa: PLC0415

        try:
            await install(self._options.env, self._options.consent)
        except EngineError as refused:
            raise EngineError(
                f"{self._silent(error)}. {refused}",
                hint=f"{refused.hint}\nOr run the embedded engine: "
                "`-m smollm2-135m` or `-m hf:OWNER/REPO`.",
            ) from refused

    async def _comes_up(self) -> bool:
        """Tell whether what was just installed serves by itself, as a service does."""
        for _ in range(SETTLE_TRIES):
            with contextlib.suppress(ModelError):
                require_version(await self._api.version(), self._api.root)
                return True
            await asyncio.sleep(SETTLE_S)
        return False

    def _program(self) -> Path | None:
        found = self._options.found
        if found is not None and not found.url:
            return Path(found.said_by)
        return at_hand.ollama_program(self._options.env)

    async def _start(self, name: str) -> None:
        """Start a server of our own, on the store that has the model."""
        program = self._program()
        assert program is not None, "_runs has found one"
        store = at_hand.own_store(self._options.models)
        there = _has(store, name)
        theirs = at_hand.ollama_store(self._options.env)
        if not there and _has(theirs, name):
            store, there = theirs, True
        self._private = private = Private(program, store, self._options)
        if not there:
            await room.need(self._options.consent, private.question())
        options = self._options
        context = options.context_length or default_context(options.env)
        root = await private.start(self._client, default_context=context)
        self.reviver = Revival(
            "Ollama",
            private.child,
            partial(self._again, private),
            log=lambda: private.log,
        )
        self._api = Api(self._client, root)
        require_version(await self._api.version(), root)

    async def _again(self, private: Private) -> process.Child:
        """Start the server of our own once more; the next request loads the model."""
        if self._options.make_room is not None and self._need:
            await self._options.make_room(self._need)
        return await private.again(self._client)

    # --- the model ---------------------------------------------------------------

    async def _bring_up(self, name: str) -> AsyncGenerator[EngineEvent]:
        installed = [tag.name for tag in await self._api.tags()]
        there = next((tag for tag in installed if names.same(name, tag)), None)
        if there is None:
            async with aclosing(self._pull(name, installed)) as events:
                async for event in events:
                    yield event
            there = names.listed(name)
        if there != names.tagged(name):
            name = there  # it was written otherwise
        shown, version = await self._show(name), await self._api.version()
        if shown.requires and older(version, parts(shown.requires) or ()):
            raise faults.too_old_for(name, self._api.root, shown.requires)
        wanted = None if shown.remote else await self._context(name, shown)
        if wanted is not None:
            await self._make_room(name, wanted)
            async with aclosing(self._load(name, wanted)) as events:
                async for event in events:
                    yield event
        ready = await self._ready(name, shown, version, wanted)
        if not self._options.unloads:
            self._loaded = ""  # from now on it is theirs who ask it
        yield ready

    async def _ready(
        self, name: str, shown: Shown, version: str, wanted: int | None
    ) -> Ready:
        """Return what the server really gives to the model."""
        loaded = await self._api.loaded(name) if wanted is not None else None
        granted, share = None, None
        if loaded is not None and loaded.context_length:
            granted = Granted(
                asked=wanted,
                given=loaded.context_length,
                size=loaded.size,
                size_vram=loaded.size_vram,
            )
        if loaded is not None and loaded.size:
            share = min(1.0, loaded.size_vram / loaded.size)
        return Ready(
            base_url=f"{self._api.root}/v1",
            model=name,
            context_window=granted.given if granted else wanted or shown.trained,
            context_asked=wanted,
            api_key=None,
            server="ollama",
            on_gpu=share,
            supports_tools=shown.can("tools"),
            notes=tuple(notes_on(name, granted, version)),
            ours=self._private is None and bool(self._loaded),
        )

    async def _show(self, name: str) -> Shown:
        try:
            return await self._api.show(name)
        except NotFound as error:
            raise EngineError(
                f"Ollama at {self._api.root} lists {name} and cannot show it: {error}",
                hint=f"Its files may be damaged: `ollama pull {name}`.",
            ) from error

    async def _renew(self, name: str) -> AsyncGenerator[EngineEvent]:
        installed = [tag.name for tag in await self._api.tags()]
        async with aclosing(self._pull(name, installed)) as events:
            async for event in events:
                yield event

    async def _pull(
        self, name: str, installed: list[str]
    ) -> AsyncGenerator[EngineEvent]:
        """Download the model, if somebody wants that."""
        options = self._options
        if options.offline or options.consent is None:
            raise EngineError(
                f"model `{name}` is not installed in Ollama at {self._api.root}",
                hint=f"codex-oss models pull {name}",
            )
        # What it will be is known from data that only this needs: 3 ms.
        from codex_oss.engines.ollama.fetch import fetch  # noqa: PLC0415

        fetched = fetch(
            self._api,
            name,
            options.consent,
            store=self._store(),
            shared=self._private is not None,
            installed=installed,
        )
        async with aclosing(fetched) as events:
            async for event in events:
                yield event

    def _store(self) -> Path | None:
        """Return where the server keeps its models; None: it does not say."""
        if self._private is not None:
            return self._private.store
        theirs = at_hand.ollama_store(self._options.env)
        here = urls.is_loopback(urls.parse(self._api.root).host)
        return theirs if here and theirs.is_dir() else None

    async def _context(self, name: str, shown: Shown) -> int:
        """Return the context that the chat will ask for, in tokens."""
        loaded = await self._api.loaded(name)
        return choose_context(
            wanted=self._options.context_length,
            loaded=loaded.context_length if loaded else None,
            trained=shown.trained,
            default=max(default_context(self._options.env), shown.own_context),
        )

    async def _make_room(self, name: str, wanted: int) -> None:
        """Have other engines make room for a model, where there are any."""
        make_room, reviver = self._options.make_room, self.reviver
        if make_room is None or reviver is None:
            return
        from codex_oss.engines.fit import Weights  # noqa: PLC0415  few have others

        tags = await self._api.tags()
        sizes = [tag.size or 0 for tag in tags if names.same(name, tag.name)]
        reviver.weights = max(sizes, default=0)
        self._need = Weights(size=reviver.weights).need(wanted)
        await make_room(self._need)

    async def _load(self, name: str, wanted: int) -> AsyncGenerator[Loading]:
        """Have the model loaded as the chat will want it, unless it is."""
        before = await self._api.loaded(name)
        if before is not None and before.context_length == wanted:
            return
        known = before and Before(before.context_length, before.expires_at)
        staying = stay(known, wanted, self._options.env)
        self._loaded = name if before is None and staying.ours else ""
        loading = asyncio.ensure_future(
            self._api.load(name, num_ctx=wanted, keep_alive=staying.keep_alive)
        )
        seconds = 0.0
        try:
            while not loading.done():
                yield Loading(name, seconds)
                await asyncio.wait((loading,), timeout=TICK_S)
                seconds += TICK_S
            await loading
        except EngineError as error:
            raise self._with_log(error) from error
        finally:
            loading.cancel()


def _has(store: Path, name: str) -> bool:
    return any(names.same(model.name, name) for model in at_hand.installed(store))
