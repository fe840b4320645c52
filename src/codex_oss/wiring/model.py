"""The model that a configuration names, its engine started if it needs one."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

import msgspec
from msgspec.structs import replace

from codex_oss import __version__, providers
from codex_oss.config.builtin import LOCAL
from codex_oss.config.load import Loaded
from codex_oss.config.provider import Provider
from codex_oss.errors import ConfigError
from codex_oss.net import Client
from codex_oss.ports import Model
from codex_oss.wiring.ending import Endings
from codex_oss.wiring.world import state_home

if TYPE_CHECKING:
    from codex_oss.engines.base import Consent
    from codex_oss.wiring.permissions import Job
    from codex_oss.wiring.pool import Share
    from codex_oss.wiring.survey import Answering


QUEUE_MS = 3_600_000
"""Silence of an engine that several share: it answers one after the other, and who
waits hears nothing. One that ends cuts the connection, however long that may be."""


class Served(msgspec.Struct, frozen=True):
    """A provider whose engine is to be found or started, and the model wanted."""

    provider_id: str
    provider: Provider
    model: str | None
    consent: "Consent | None" = None
    """Who is asked before something is started or pulled."""
    unloads: bool = True
    """Whether the engine's end unloads the model; else whoever asks it does."""
    pool: "Share | None" = None
    """The engines that several share; None: it gets one of its own."""


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked, and what people should know of its server."""

    model: Model
    name: str
    rows: list[tuple[str, str]]
    notes: tuple[str, ...] = ()
    """What is not as people may think, a sentence or two each."""


class Engaged(msgspec.Struct, frozen=True, kw_only=True):
    """An engine that answers, and the provider to reach it by."""

    provider_id: str
    provider: Provider
    answering: "Answering"


async def open_model(
    job: "Job", client: Client, err: TextIO, end: Endings
) -> Connected:
    """Return the model; what is started for it is added to ``end``.

    Raises ``ConfigError`` or ``EngineError``.
    """
    loaded, env = job.loaded, job.env
    provider_id, provider = loaded.provider_id, loaded.provider
    name, answering = loaded.config.model, None
    rows = [("provider", provider_id)]
    nowhere = provider.base_url is None and not provider.base_urls
    if nowhere or (provider_id in LOCAL and not provider.base_urls):
        served = Served(
            provider_id, provider, name, job.consent, unloads=False, pool=job.engines
        )
        engaged = await start_engine(served, loaded, env, client, err, end)
        provider_id, provider = engaged.provider_id, engaged.provider
        answering = engaged.answering
        name = answering.ready.model
        rows.append(("server", served_by(answering)))
    if name is None:
        raise ConfigError(
            f"no model is set for provider `{loaded.provider_id}`",
            hint="Name one with -m, or set `model` in config.toml.",
        )
    brought, context = providers.Brought(), loaded.config.engine.context_length
    if answering is not None:
        ready = answering.ready
        brought = providers.Brought(
            ours=ready.ours, told=ready.notes, reviver=answering.reviver
        )
        context = context or ready.context_asked
    model = providers.connect(
        provider_id,
        provider,
        name,
        env=env,
        client=client,
        memory=providers.ProbeMemory(state_home(env) / "probes.json"),
        version=__version__,
        context_length=context,
        brought=brought,
    )
    rows += _context(await model.window(), answering)
    return Connected(model=model, name=name, rows=rows, notes=brought.told)


async def start_engine(
    served: Served,
    loaded: Loaded,
    env: Mapping[str, str],
    client: Client,
    err: TextIO,
    end: Endings,
) -> Engaged:
    """Return what answers, and the provider at its URL.

    A server that was found at the place of another provider brings that provider's
    key, headers and limits. Raises ``ConfigError`` for a provider of a person's own
    that has no URL: no engine is behind it.
    """
    if served.provider_id not in LOCAL:
        raise ConfigError(
            f"`model_providers.{served.provider_id}.base_url` is not set",
            hint="Write the URL of its server there, such as http://localhost:8080/v1.",
        )
    # Only who has no server of their own pays for the engines' imports.
    from codex_oss.wiring.engines import Engines  # noqa: PLC0415
    from codex_oss.wiring.survey import Wanted  # noqa: PLC0415

    wanted = Wanted(served.provider_id, served.model)
    engines = Engines(loaded, env, client, unloads=served.unloads, pool=served.pool)
    answering = await engines.bring_up(wanted, err, end, served.consent)
    ready, provider_id, provider = answering.ready, served.provider_id, served.provider
    owner = engines.owner(answering.survey.choice.url, provider_id)
    if owner != provider_id:
        provider_id, provider = owner, loaded.config.model_providers[owner]
    provider = replace(provider, base_url=ready.base_url)
    if ready.api_key is not None:
        provider = replace(provider, experimental_bearer_token=ready.api_key)
    shared = served.pool is not None and answering.survey.choice.url is None
    by_hand = f"model_providers.{provider_id}.stream_idle_timeout_ms" in loaded.origins
    if shared and not by_hand:
        patience = max(provider.stream_idle_timeout_ms, QUEUE_MS)
        provider = replace(provider, stream_idle_timeout_ms=patience)
    if f"model_providers.{provider_id}.wire_api" not in loaded.origins:
        native = ready.server == "ollama"
        provider = replace(provider, wire_api="ollama" if native else "chat")
    return Engaged(provider_id=provider_id, provider=provider, answering=answering)


def served_by(answering: "Answering") -> str:
    """Return the server as people know it, and where."""
    from codex_oss.engines.choose import title  # noqa: PLC0415  engines know it

    taken = answering.survey.taken
    if taken is None:
        return "llama.cpp, embedded"
    if taken.url:
        return title(taken)
    root = answering.ready.base_url.removesuffix("/v1")
    return f"Ollama at {root}, started for this ({taken.said_by})"


def _context(
    window: int | None, answering: "Answering | None"
) -> list[tuple[str, str]]:
    """Return how much context the model really has, and where it is, as rows."""
    ready = answering.ready if answering else None
    installed = answering.survey.installed if answering else None
    given = (ready.context_window if ready else None) or window
    if given is None:
        return []
    told = f"{given} tokens"
    if installed and installed.context and installed.context > given:
        told += f" of {installed.context}"
    rows = [("context", told)]
    if ready and ready.on_gpu is not None:
        rows.append(("graphics", _graphics(ready.on_gpu)))
    return rows


def _graphics(share: float) -> str:
    """Return in words how much of a model is in graphics memory."""
    if share >= 1:
        return "all of the model"
    rest = "the CPU does the rest" if share > 0 else "the CPU does it all"
    return f"{share:.0%} of the model; {rest}"
