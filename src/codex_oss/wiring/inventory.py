"""The models that are on this machine, those it could have, and how they fit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from codex_oss.config.load import Loaded
from codex_oss.engines import catalog, fit, hardware, library
from codex_oss.engines import shape as shapes
from codex_oss.engines.base import EngineName, Found, Installed
from codex_oss.engines.catalog import Entry, Recommended
from codex_oss.engines.fit import Fit, Weights
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.engines.ollama import Api, names
from codex_oss.engines.shape import BYTES, Kind, Shape
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.wire.ollama.library import Shown
from codex_oss.wiring.engines import Engines, models_home

MAX_ASKED = 64
"""Models of Ollama that are asked about; the others are judged by their size."""
AT_ONCE = 8
KV_CACHE_TYPE = "OLLAMA_KV_CACHE_TYPE"
Look = Callable[[Mapping[str, str]], Awaitable[Host]]
"""What looks at the machine."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is here: what is known of it, and how it fits."""

    engine: EngineName
    installed: Installed
    url: str = ""
    """Root of the server that has it; empty: none runs."""
    here: bool = True
    """It runs on this machine, or would."""
    path: Path | None = None
    """Its file, where the embedded engine has it."""
    fit: Fit | None = None
    """None: its size is not known, or it runs on another machine."""
    licence: str = ""
    problem: str = ""
    """Why it cannot be used."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalogue, and how it fits."""

    entry: Entry
    fit: Fit


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What this machine has for models, which it has, and which it could have."""

    host: Host
    found: list[Found]
    installed: list[Model]
    offers: list[Offer]
    default: Recommended | None

    def find(self, name: str) -> list[Model]:
        """Return the installed models of a name, on all servers that have it."""
        return [model for model in self.installed if _is(model, name)]


async def survey(
    loaded: Loaded, env: Mapping[str, str], look: Look = hardware.look
) -> Listing:
    """Return all models that are here, and those that could be had."""
    home, kind = models_home(loaded.config, env), _kind(env)
    client = Client(env)
    try:
        host, found = await asyncio.gather(
            look(env), Engines(loaded, env, client).discover()
        )
        room = as_if_unloaded(host, found)
        installed = [_of_file(file, room) for file in library.all_of_them(home)]
        for server in found:
            installed += await _of_server(server, room, client, kind)
    finally:
        await client.close()
    offers = [
        Offer(entry=entry, fit=fit.judge(entry.weights, room))
        for entry in catalog.load().models
    ]
    return Listing(
        host=host,
        found=found,
        installed=installed,
        offers=offers,
        default=catalog.default(room),
    )


def as_if_unloaded(host: Host, found: list[Found]) -> Host:
    """Return a machine on which no model is loaded: one makes room for another."""
    if host.memory is None or host.free is None:
        return host
    here = [model for server in found if _is_here(server) for model in server.models]
    loaded = [model for model in here if model.loaded]
    on_gpu, free, cards = 0.0, float(host.free), list[Card]()
    for model in loaded:
        share = float(bool(host.cards)) * (1 if model.on_gpu is None else model.on_gpu)
        on_gpu += (model.size or 0) * share
        free += (model.size or 0) * (1 - share)
    for card in host.cards:
        more = min(int(on_gpu), card.memory - card.free)
        cards.append(msgspec.structs.replace(card, free=card.free + more))
        on_gpu -= more
    free = min(free, host.memory)
    return msgspec.structs.replace(host, free=int(free), cards=tuple(cards))


def _is_here(found: Found) -> bool:
    return not found.url or urls.is_loopback(urls.parse(found.url).host)


async def _of_server(
    found: Found, host: Host, client: Client, kind: Kind
) -> list[Model]:
    """Return a server's models; those of Ollama are asked about."""
    here = _is_here(found)
    told = await _shown(found, client)
    kind = kind if found.server == "ollama" else "f16"
    return [
        Model(
            engine=found.server,
            url=found.url,
            here=here,
            installed=_with_details(model, shown),
            fit=_fit(model, shown, host, kind) if here else None,
            licence=_first_line(shown.license) if shown else "",
        )
        for model, shown in zip(found.models, told, strict=True)
    ]


async def _shown(found: Found, client: Client) -> list[Shown | None]:
    """Return what Ollama says of each of its models; None: nothing."""
    if found.server != "ollama" or not found.url:
        return [None] * len(found.models)
    api, gate = Api(client, found.url), asyncio.Semaphore(AT_ONCE)

    async def ask(number: int, model: Installed) -> Shown | None:
        if model.remote or number >= MAX_ASKED:
            return None
        async with gate:
            try:
                return await api.show(model.name)
            except (ModelError, EngineError):
                return None

    asked = (ask(n, model) for n, model in enumerate(found.models))
    return list(await asyncio.gather(*asked))


def _kind(env: Mapping[str, str]) -> Kind:
    """Return how Ollama stores its cache, as far as our environment tells."""
    said = env.get(KV_CACHE_TYPE, "").strip()
    kinds: list[Kind] = [kind for kind in BYTES if kind == said]
    return kinds[0] if kinds else "f16"


def _is(model: Model, name: str) -> bool:
    own = model.installed.name
    if model.engine == "ollama":
        return names.same(own, name)
    return name in (own, str(model.path or own))


def _of_file(file: library.File, host: Host) -> Model:
    header = file.header
    if header is None:
        installed = Installed(name=file.name)
        return Model(
            engine="embedded", installed=installed, path=file.path, problem=file.problem
        )
    weights = Weights(
        size=header.size, shape=header.shape, context=header.context_length or None
    )
    return Model(
        engine="embedded",
        path=file.path,
        installed=Installed(
            name=file.name, size=header.size, context=header.context_length or None
        ),
        fit=fit.judge(weights, host),
    )


def _with_details(model: Installed, shown: Shown | None) -> Installed:
    """Return a model with what its list left out."""
    if shown is None:
        return model
    details = shown.details
    return msgspec.structs.replace(
        model,
        context=model.context or shown.trained,
        tools=shown.can("tools") if model.tools is None else model.tools,
        quantization=model.quantization
        or (details.quantization_level if details else ""),
        parameters=model.parameters or (details.parameter_size if details else ""),
    )


def _fit(model: Installed, shown: Shown | None, host: Host, kind: Kind) -> Fit | None:
    if model.remote or not model.size:
        return None
    context = model.context or (shown.trained if shown else None)
    shape = _shape(model.name, shown)
    weights = Weights(size=model.size, shape=shape, context=context, kind=kind)
    return fit.judge(weights, host)


def _shape(name: str, shown: Shown | None) -> Shape:
    """Return a model's shape: as its file says, or where that is vague, as we know."""
    info = (shown.model_info if shown else None) or {}
    said, entry = shapes.read(info), catalog.find(name)
    if said.known and not shapes.is_vague(info):
        return said
    if entry is not None:
        return entry.weights.shape
    return Shape(active=said.active, vocabulary=said.vocabulary)


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
