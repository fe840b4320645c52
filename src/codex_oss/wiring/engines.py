"""The engine that a configuration leads to: looked for, chosen, brought up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from msgspec.structs import replace

from codex_oss.config.builtin import LOCAL, OSS
from codex_oss.config.load import Loaded
from codex_oss.config.schema import Config
from codex_oss.engines import ENGINES, at_hand, choose, discover, hardware, room
from codex_oss.engines.base import (
    Consent,
    Found,
    Installed,
    Machine,
    Options,
    Place,
    Question,
    Ready,
)
from codex_oss.engines.choose import Choice
from codex_oss.errors import ConfigError, EngineError
from codex_oss.exec_mode.progress import Progress
from codex_oss.exec_mode.visible import visible
from codex_oss.net import Client
from codex_oss.wiring.ending import Endings
from codex_oss.wiring.pool import Share, key_of
from codex_oss.wiring.survey import Answering, Survey, Wanted
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    from codex_oss.engines.catalog import Recommended


class Engines:
    """Finds and starts engines for one configuration."""

    def __init__(
        self,
        loaded: Loaded,
        env: Mapping[str, str],
        client: Client,
        *,
        unloads: bool = True,
        pool: Share | None = None,
        host: Callable[[Mapping[str, str]], Awaitable[hardware.Host]] = hardware.look,
    ) -> None:
        """Take what the configuration says; ``host`` looks at the machine.

        ``unloads``: the end of an engine unloads the model that it has loaded.
        ``pool`` has the engines that are shared, where any are.
        """
        self._loaded = loaded
        self._env = env
        self._client = client
        self._unloads = unloads
        self._pool = pool
        self._host = host

    def places(self) -> list[Place]:
        """Return all places where servers may be."""
        return discover.places(self._env, self._loaded)

    def owner(self, url: str | None, provider_id: str) -> str:
        """Return the local provider whose place a URL is; it may be another one's."""
        for name in (provider_id, *LOCAL) if provider_id in LOCAL else ():
            place = self._place(name)
            if place is not None and place.url == url:
                return name
        return provider_id

    async def discover(self, *, here: bool = False) -> list[Found]:
        """Return all that can be found, whatever is wanted.

        ``here``: no other machine is asked.
        """
        places = [p for p in self.places() if not here or discover.is_here(p)]
        found = await discover.discover(places, self._client)
        return self._with_ollama(found)

    async def look(self, wanted: Wanted) -> Survey:
        """Look only where it matters for what is wanted.

        Raises ``errors.EngineError`` when nothing that runs can serve the model.
        """
        local = _local(wanted)
        place = self._place(local)
        if choose.needs_no_look(wanted.model, local):
            found = []
        elif place is not None:
            asked = discover.identify(self._client, place, timeout_s=discover.ASK_S)
            found = [f for f in (await asked,) if f is not None]
        elif local == OSS:
            found = await self.discover()
        else:
            found = []
        return await self.take(wanted, found)

    async def take(self, wanted: Wanted, found: list[Found]) -> Survey:
        """Return what is taken of what was found; raises as ``look`` does."""
        local = _local(wanted)
        place = self._place(local)
        if place is not None and not choose.needs_no_look(wanted.model, local):
            found = [f for f in found if f.url == place.url]
            if not found and local == OSS:
                return _unknown(place, wanted.model)
            found = _of_kind(found, place, local)
            if local == "ollama":
                found = self._with_ollama(found)
            local = found[0].server if found else local
        choice = await self._choose(wanted.model, local, found)
        return Survey(found=found, choice=choice)

    async def bring_up(
        self, wanted: Wanted, err: TextIO, end: Endings, consent: Consent | None = None
    ) -> Answering:
        """Return an engine whose model answers; its end is added to ``end``.

        Progress goes to ``err``. Raises ``errors.EngineError``.
        """
        await asyncio.to_thread(_end_orphans, state_home(self._env) / "ollama")
        seen = await self.look(wanted)
        if seen.choice.toy and wanted.model is None:
            better = await self._pulled(wanted, seen, err, end, consent)
            if better is not None:
                return better
            err.write(f"{visible(seen.choice.why)}\n")
        return await self._start(seen, err, end, consent)

    async def _pulled(
        self,
        wanted: Wanted,
        seen: Survey,
        err: TextIO,
        end: Endings,
        consent: Consent | None,
    ) -> Answering | None:
        """Offer the best model for this machine; None: nobody wants it.

        By Ollama, where there is one, else for the embedded engine.
        """
        if consent is None or _local(wanted) != OSS:
            return None
        best = await self._worth_pulling()
        server = next((f for f in seen.found if f.server == "ollama"), None)
        if best is None or (server is None and best.entry.gguf is None):
            return None
        heard = _Heard(consent)
        try:
            if server is not None:
                choice = _by_ollama(server, best)
                return await self._start(replace(seen, choice=choice), err, end, heard)
            # Asked with the catalogue's words: who says no needs no network for that.
            await room.ask_for(self._download(best), heard)
            choice = _by_ourselves(best)
            return await self._start(replace(seen, choice=choice), err, end, None)
        except EngineError as error:
            if heard.agreed:
                raise
            err.write(f"{visible(str(error))}\n")
            return None

    def _download(self, best: "Recommended") -> room.Download:
        name = best.entry.gguf or best.model
        return room.Download(
            model=name,
            size=best.entry.gguf_bytes or best.entry.size,
            source="huggingface.co",
            folder=models_home(self._loaded.config, self._env),
            memory=best.fit.usual.need,
            command=f"codex-oss models pull {name}",
        )

    async def _start(
        self, seen: Survey, err: TextIO, end: Endings, consent: Consent | None
    ) -> Answering:
        options, pool = self._options(seen, consent), self._pool
        if pool is None or seen.choice.url is not None:
            return await _begin(seen, options, self._client, err, end)

        async def begin(end: Endings) -> Answering:
            # Its users come and go: it is nobody's but the pool's.
            theirs = replace(options, unloads=True, make_room=pool.make_room)
            return await _begin(seen, theirs, pool.client, err, end)

        return await pool.take(key_of(seen.choice, options), begin, end)

    def _place(self, local: str) -> Place | None:
        return discover.place_of(local, self._env, self._loaded)

    def _with_ollama(self, found: list[Found]) -> list[Found]:
        """Add an Ollama that is installed and stands still."""
        if any(server.server == "ollama" for server in found):
            return found
        ours = at_hand.own_store(models_home(self._loaded.config, self._env))
        still = at_hand.ollama(self._env, ours)
        return [*found, still] if still else found

    async def _choose(
        self, model: str | None, local: str, found: list[Found]
    ) -> Choice:
        machine, there = Machine(), list[str]()
        if model is None:
            machine = await self._machine(found)
            models = models_home(self._loaded.config, self._env)
            there = at_hand.embedded(models, room=machine.memory)
        choice = choose.choose(
            model, found, machine, local_provider=local, at_hand=there
        )
        if model is None and choice.engine == "ollama" and choice.to_pull:
            best = await self._worth_pulling()
            return replace(choice, model=best.model if best else choice.model)
        return choice

    async def _machine(self, found: list[Found]) -> Machine:
        """Return what matters of this machine; cards are asked only where they do."""
        memory = hardware.all_memory()
        sizes = [model.size or 0 for server in found for model in server.models]
        if not choose.too_large(max(sizes, default=0), memory):
            return Machine(memory=memory)
        cards = (await self._host(self._env)).graphics
        return Machine(memory=memory, graphics=cards)

    async def _worth_pulling(self) -> "Recommended | None":
        """Return the best model for this machine; None: none fits."""
        from codex_oss.engines import catalog  # noqa: PLC0415  only who lacks a model

        return catalog.default(await self._host(self._env))

    def _options(self, seen: Survey, consent: Consent | None) -> Options:
        config, choice = self._loaded.config, seen.choice
        place = self._place(choice.engine if choice.engine in LOCAL else OSS)
        return Options(
            models=models_home(config, self._env),
            logs=state_home(self._env) / "logs",
            env=self._env,
            context_length=config.engine.context_length,
            threads=config.engine.threads,
            url=choice.url or (place.url if place else ""),
            key=place.key if place else "",
            found=seen.taken,
            consent=consent,
            unloads=self._unloads,
        )


async def _begin(
    seen: Survey, options: Options, client: Client, err: TextIO, end: Endings
) -> Answering:
    choice = seen.choice
    engine = ENGINES[choice.engine](options, client)
    end.append(engine.close)
    with Progress(err, isatty=err.isatty()) as progress:
        async for event in engine.ensure(choice.model):
            progress.feed(event)
            if isinstance(event, Ready):
                return Answering(survey=seen, ready=event, reviver=engine.reviver)
    raise EngineError(f"{choice.engine} ended without being ready")


def _end_orphans(folder: Path) -> None:
    """End servers of ours whose starter was killed, whatever is wanted now."""
    if any(folder.glob("*.json")):
        from codex_oss.engines.ollama import orphans  # noqa: PLC0415  hardly ever

        orphans.end_all(folder)


def _by_ollama(server: Found, best: "Recommended") -> Choice:
    why = f"{choose.title(server)} can pull {best.model}"
    return Choice(engine="ollama", model=best.model, url=server.url or None, why=why)


def _by_ourselves(best: "Recommended") -> Choice:
    why = f"the embedded engine can download {best.entry.gguf}"
    return Choice(engine="embedded", model=best.entry.gguf, why=why)


class _Heard:
    """Passes questions on, and remembers whether one was answered with yes."""

    def __init__(self, consent: Consent) -> None:
        self._consent = consent
        self.agreed = False

    async def ask(self, question: Question) -> bool:
        """Return whether it may be done."""
        said = await self._consent.ask(question)
        self.agreed = self.agreed or said
        return said


def _local(wanted: Wanted) -> str:
    """Return the local provider; one of the user's own leaves the choice to us."""
    return wanted.provider_id if wanted.provider_id in LOCAL else OSS


def _of_kind(found: list[Found], place: Place, local: str) -> list[Found]:
    """Refuse what only stands at another server's usual port."""
    other = next((f for f in found if f.server != local), None)
    if other is None or place.named:
        return found
    if local == "llamacpp":
        return []  # the embedded engine takes its place
    raise EngineError(
        f"{choose.title(other)} answers where {choose.called(local)} was looked for",
        hint=f"Set model_providers.{local}.base_url, or take what is there: "
        "`codex-oss engines` shows it.",
    )


def _unknown(place: Place, model: str | None) -> Survey:
    """Take a server that says nothing of itself at its word: it was named."""
    if model is None:
        raise EngineError(
            f"no server that lists models answers at {place.url} ({place.said_by})",
            hint="Start it, correct the address, or name a model with -m.",
        )
    found = Found(
        server="openai",
        url=place.url,
        models=(Installed(name=model),),
        said_by=place.said_by,
    )
    why = f"{place.said_by} names {place.url}"
    choice = Choice(engine="openai", model=model, url=place.url, why=why)
    return Survey(found=[found], choice=choice)


def models_home(config: Config, env: Mapping[str, str]) -> Path:
    """Return the folder of downloaded models."""
    named = config.engine.models_dir
    if named is None:
        return state_home(env) / "models"
    try:
        return Path(named).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"`engine.models_dir`: {error}") from error
