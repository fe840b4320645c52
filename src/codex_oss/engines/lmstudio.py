"""LM Studio as an engine: its server, with the model loaded as an agent needs it.

Left to itself it loads a model with a context of 4096 tokens, in which not even the
instructions fit. So the model is loaded before the first request, with a context that
is asked for, and taken out of memory in the end if it was loaded for us.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from codex_oss.engines import discover, room
from codex_oss.engines.attached import Attached, ready
from codex_oss.engines.base import (
    EngineEvent,
    Found,
    Loading,
    Looking,
    Options,
    Place,
    Question,
    Ready,
    Starting,
)
from codex_oss.engines.lms import Lms, program
from codex_oss.engines.lmstudio_api import Api, Job
from codex_oss.engines.lmstudio_use import Use
from codex_oss.engines.meter import Meter
from codex_oss.errors import DownloadError, EngineError, ModelError, NotFound
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.providers.ollama_facts import DEFAULT_CONTEXT, choose_context
from codex_oss.wire.servers import LmInstance, LmLibrary, LmModel

TICK_S = 1.0
"""How often people are told that a model is still being loaded."""
POLL_S = 0.25
"""Between two questions how far a download is."""
STALL_S = 600.0
"""How long a download may stand still: LM Studio resumes by itself."""
FOUND_S = 5.0
"""For a server that was just started to answer."""
DEFAULT_MODEL = "openai/gpt-oss-20b"
"""What is proposed where there is no model at all."""
NAME = "LM Studio"


class LmStudio:
    """The server that the configuration names, or was found."""

    reviver = None

    def __init__(self, options: Options, client: Client) -> None:
        self._options = options
        self._client = client
        found = options.found
        self._api = Api(client, found.url if found else options.url, options.key)
        self._here = urls.is_loopback(urls.parse(self._api.root).host)
        path = program(options.env) if self._here else None
        self._lms = Lms(path, options.env, options.logs) if path else None
        self._use = Use(options.logs.parent / "lmstudio", self._api.root)
        self._ours = False
        self._loaded_by_lms = ""
        self._stops = False

    async def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Bring up ``model``; None: what is loaded, else the first that calls tools."""
        if self._options.found is None:
            yield Starting(NAME, model or "")
            await self._start(model)
        await self._use.begin()
        try:
            library = await self._api.library()
            if library is None:
                work = self._bring_up_old(model)
            else:
                work = self._bring_up(model or _best(library, self._api.root), library)
            async with aclosing(work) as events:
                async for event in events:
                    yield event
        except ModelError as error:
            raise EngineError(
                f"{NAME} at {self._api.root}: {error}",
                hint=error.hint or "Its own log says more: lms log stream",
            ) from error

    async def close(self) -> None:
        """Unload what was loaded for us, and stop the server if we started it.

        Not while others of us go on.
        """
        try:
            loaded = self._use.last()
            if loaded is not None:
                await self._end(loaded)
        finally:
            self._use.end()

    async def _end(self, loaded: list[str]) -> None:
        by_lms, self._loaded_by_lms = self._loaded_by_lms, ""
        stops, self._stops = self._stops, False
        for instance in loaded:
            with contextlib.suppress(ModelError):
                await self._api.unload(instance)
        if self._lms is None:
            return
        with contextlib.suppress(EngineError):
            if by_lms:
                await self._lms.unload(by_lms)
        with contextlib.suppress(EngineError):
            if stops:
                await self._lms.stop_server()

    # --- the server --------------------------------------------------------------

    async def _start(self, model: str | None) -> None:
        """Have ``lms`` start the server, if somebody wants that."""
        if self._lms is None:
            # Says what to do, which is all that can be done.
            async for _ in Attached("lmstudio", self._options).ensure(model):
                raise AssertionError("nothing was found, so nothing is ready")
            return
        port = urls.parse(self._api.root).port
        await room.need(
            self._options.consent,
            Question(
                kind="start",
                what=f"{NAME}'s server",
                facts=(
                    ("program", str(self._lms.path)),
                    ("listens", f"127.0.0.1, port {port}"),
                    ("ends", "with this task"),
                ),
                command=f"lms server start --port {port}",
            ),
        )
        await self._lms.start_server(port)
        self._stops = True
        await self._recognised()

    # --- the model ---------------------------------------------------------------

    async def _bring_up(
        self, name: str, library: LmLibrary
    ) -> AsyncGenerator[EngineEvent]:
        known = _find(library, name)
        if known is None:
            async with aclosing(self._pull(name, library)) as events:
                async for event in events:
                    yield event
            known = _find(await self._api.library() or library, name)
        if known is None:
            raise EngineError(
                f"{NAME} has downloaded {name} and does not list it by that name",
                hint="`lms ls` shows what it is called.",
            )
        notes: list[str] = []
        instance = _largest(known)
        context = self._context(known, instance)
        if instance is None or instance.config.context_length != context:
            if instance is not None:
                before = instance.config.context_length
                notes.append(
                    f"{known.key} was loaded with {before} tokens of context; it was "
                    f"loaded anew with {context}."
                )
                await self._api.unload(instance.id)
            async with aclosing(self._load(known.key, context)) as events:
                async for event in events:
                    yield event
            instance = _largest(_find(await self._api.library() or library, name))
        given = instance.config.context_length if instance else None
        if given is not None and given < context:
            notes.append(
                f"{given} tokens of context were given to {known.key}; {context} were "
                "asked for."
            )
        able = known.capabilities
        yield Ready(
            base_url=f"{self._api.root}/v1",
            model=known.key,
            context_window=given,
            api_key=None,
            server="lmstudio",
            supports_tools=able.trained_for_tool_use if able else None,
            notes=tuple(notes),
            ours=self._ours,
        )

    def _context(self, known: LmModel, instance: LmInstance | None) -> int:
        """Return the context to have, in tokens: what is loaded if it is enough."""
        return choose_context(
            wanted=self._options.context_length,
            loaded=instance.config.context_length if instance else None,
            trained=known.max_context_length,
            default=DEFAULT_CONTEXT,
        )

    async def _load(self, model: str, context: int) -> AsyncGenerator[Loading]:
        loading = asyncio.ensure_future(self._api.load(model, context))
        seconds = 0.0
        try:
            while not loading.done():
                yield Loading(model, seconds)
                await asyncio.wait((loading,), timeout=TICK_S)
                seconds += TICK_S
            self._use.loaded((await loading).instance_id)
            self._ours = True
        except ModelError as error:
            raise EngineError(
                f"{NAME} cannot load {model} with {context} tokens of context: {error}",
                hint="Set `engine.context_length` to less, or take a smaller model.",
            ) from error
        finally:
            loading.cancel()

    async def _pull(self, name: str, library: LmLibrary) -> AsyncGenerator[EngineEvent]:
        """Have the server download a model, if somebody wants that."""
        await self._want(name, [each.key for each in library.models if _talks(each)])
        yield Looking(f"{name} in {NAME}'s catalogue")
        try:
            job = await self._api.download(name)
        except NotFound as error:
            raise DownloadError(
                f"{NAME}'s catalogue has no {name}",
                hint="Search it with `lms get`, or give the URL of a repository at "
                "huggingface.co.",
            ) from error
        async with aclosing(self._follow(name, job)) as events:
            async for event in events:
                yield event

    async def _want(self, name: str, there: list[str]) -> None:
        """Raise ``EngineError`` unless somebody wants a model to be downloaded."""
        command = f"lms get {name}"
        if self._options.offline or self._options.consent is None:
            raise EngineError(
                f"model `{name}` is not in {NAME} at {self._api.root}; there is "
                f"{', '.join(there) or 'none'}",
                hint=command,
            )
        wanted = room.Download(
            model=name,
            size=None,
            source=f"{NAME}'s catalogue, by its server at {self._api.root}",
            folder=None,
            command=command,
        )
        await room.ask_for(wanted, self._options.consent)

    async def _follow(self, name: str, job: Job) -> AsyncGenerator[EngineEvent]:
        """Yield ``Pulling`` until a download has ended."""
        meter = Meter(name, job.total_size_bytes)
        now = asyncio.get_running_loop().time
        reached, since = -1, now()
        while job.status in ("downloading", "paused"):
            if job.downloaded_bytes > reached:
                reached, since = job.downloaded_bytes, now()
            if now() - since > STALL_S:
                raise DownloadError(
                    f"{NAME} has downloaded nothing of {name} for "
                    f"{STALL_S / 60:.0f} minutes",
                    hint="Look into LM Studio; it goes on where it was.",
                )
            if event := meter.reach(job.downloaded_bytes, now()):
                yield event
            await asyncio.sleep(POLL_S)
            told = await self._api.progress(job.job_id)
            # Only the first answer has to name the job.
            job = msgspec.structs.replace(told, job_id=job.job_id)
        if job.status == "failed":
            raise DownloadError(
                f"{NAME} could not download {name}",
                hint="Is its disk full? LM Studio shows why. To try again: "
                f"lms get {name}",
            )

    # --- before 0.4 --------------------------------------------------------------

    async def _bring_up_old(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Take a server as it is, but for the context where ``lms`` can change it."""
        seen = await self._recognised()
        if model is not None and all(each.name != model for each in seen.models):
            await self._want(model, [each.name for each in seen.models])
            if self._lms is None:
                raise EngineError(
                    f"{NAME} at {self._api.root} is too old to be told to download",
                    hint=f"Where it runs: lms get {model}",
                )
            yield Looking(f"{model} in {NAME}'s catalogue (this may take long)")
            await self._lms.get(model)
            seen = await self._recognised()
        was = ready(seen, model)
        known = next((each for each in seen.models if each.name == was.model), None)
        wanted = choose_context(
            wanted=self._options.context_length,
            loaded=was.context_window,
            trained=known.context if known else None,
            default=DEFAULT_CONTEXT,
        )
        if self._lms is not None and known is not None and known.loaded != wanted:
            yield Loading(was.model)
            await self._lms.load(was.model, wanted)
            self._loaded_by_lms = was.model
            was = ready(await self._recognised(), was.model)
        yield was

    async def _recognised(self) -> Found:
        place = Place(
            url=self._api.root,
            said_by="named",
            expected="lmstudio",
            key=self._options.key,
        )
        found = await discover.identify(self._client, place, timeout_s=FOUND_S)
        if found is None:
            raise EngineError(
                f"no server of models answers at {place.url}",
                hint=f"Start {NAME}'s (`lms server start`), or look at what runs: "
                "`codex-oss engines`.",
            )
        return found


def _talks(model: LmModel) -> bool:
    return model.type != "embedding"


def _find(library: LmLibrary, name: str) -> LmModel | None:
    for model in library.models:
        if name == model.key or name in [each.id for each in model.loaded_instances]:
            return model
    return None


def _largest(model: LmModel | None) -> LmInstance | None:
    """Return the loaded instance with the largest context."""
    instances = model.loaded_instances if model else []
    return max(
        instances, key=lambda each: each.config.context_length or 0, default=None
    )


def _best(library: LmLibrary, root: str) -> str:
    """Return what to take where nobody names a model."""

    def worth(model: LmModel) -> tuple[bool, bool]:
        able = model.capabilities
        calls = able is not None and able.trained_for_tool_use is True
        return bool(model.loaded_instances), calls

    best = max(filter(_talks, library.models), key=worth, default=None)
    if best is None:
        raise EngineError(
            f"{NAME} at {root} has no model", hint=f"lms get {DEFAULT_MODEL}"
        )
    return best.key
