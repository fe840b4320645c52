"""Models over the wire APIs that servers speak. A provider is data; this reads it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from codex_oss.config.provider import Provider
from codex_oss.net import Client
from codex_oss.ports import Clock, Model, Reviver
from codex_oss.providers.endpoint import Site, endpoint, site
from codex_oss.providers.memory import ProbeMemory
from codex_oss.providers.probe import Probe
from codex_oss.providers.retry import Pause, WallClock, noise
from codex_oss.translate.quirks import Mending

if TYPE_CHECKING:
    from codex_oss.providers.replicas import Replicas

__all__ = ["WIRE_APIS", "Brought", "ProbeMemory", "Wanted", "connect", "replicas_of"]


class Brought(msgspec.Struct, frozen=True, kw_only=True):
    """What was done for a model before it is asked."""

    ours: bool = False
    """It was loaded for us, and goes with us."""
    told: tuple[str, ...] = ()
    """What people know already of how it runs."""
    reviver: Reviver | None = None
    """Who starts its server again when that has ended; None: nobody."""


UNASKED = Brought()


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A model of a site, and what it needs from outside."""

    site: Site
    model: str
    client: Client
    memory: ProbeMemory
    pause: Pause
    env: Mapping[str, str]
    mending: Mending | None
    context_length: int | None
    brought: Brought

    probed: Probe | None

    def probe(self) -> Probe:
        """Return what asks the server about itself and the model."""
        return self.probed or Probe(self.site, self.model, self.client, self.memory)


def _responses(wanted: Wanted) -> Model:
    from codex_oss.providers.responses import ResponsesModel  # noqa: PLC0415  see below

    at = endpoint(wanted.site, "/responses", wanted.client, wanted.pause)
    return ResponsesModel(at, wanted.probe())


def _chat(wanted: Wanted) -> Model:
    from codex_oss.providers.chat import ChatModel  # noqa: PLC0415  see below

    at = endpoint(wanted.site, "/chat/completions", wanted.client, wanted.pause)
    return ChatModel(at, wanted.probe(), mending=wanted.mending)


def _ollama(wanted: Wanted) -> Model:
    from codex_oss.providers.ollama import open_ollama  # noqa: PLC0415  see below

    return open_ollama(
        wanted.site,
        wanted.client,
        wanted.pause,
        wanted.model,
        env=wanted.env,
        num_ctx=wanted.context_length,
        mending=wanted.mending,
        ours=wanted.brought.ours,
        told=wanted.brought.told,
    )


WIRE_APIS: dict[str, Callable[[Wanted], Model]] = {
    "responses": _responses,
    "chat": _chat,
    "ollama": _ollama,
}
"""``wire_api`` to the model that speaks it.

A model is imported when it is asked for: the translators of the one wire are 13 ms of
every start that speaks the other.
"""


def connect(  # noqa: PLR0913  all that a model needs from outside
    provider_id: str,
    provider: Provider,
    model: str,
    *,
    env: Mapping[str, str],
    client: Client,
    memory: ProbeMemory,
    version: str,
    clock: Clock | None = None,
    mending: Mending | None = None,
    context_length: int | None = None,
    probe: Probe | None = None,
    replicas: "Replicas | None" = None,
    brought: Brought = UNASKED,
) -> Model:
    """Return a model of a provider; nothing is asked until it is.

    ``version`` is codex-oss's own; ``mending`` says what is done about calls that are
    not as their tools want them; ``context_length`` is the context to ask for, in
    tokens, where the server lets one ask; ``probe`` has asked it already;
    ``replicas`` are the servers of a provider with several, if others ask them too;
    ``brought`` is what an engine did for the model before. Raises ``ConfigError`` when
    the provider lacks its ``base_url`` or its key.
    """
    clock = clock or WallClock()
    if replicas is None:
        replicas = replicas_of(provider_id, provider, env, client, version, clock)

    def at(site: Site, pause: Pause) -> Model:
        wanted = Wanted(
            site=site,
            model=model,
            client=client,
            memory=memory,
            pause=pause,
            env=env,
            mending=mending,
            context_length=context_length,
            brought=brought,
            probed=probe if replicas is None else None,
        )
        return WIRE_APIS[provider.wire_api](wanted)

    pause = Pause(clock, noise)
    if replicas is None:
        there = site(provider_id, provider, env, version)
        return at(replace(there, reviver=brought.reviver), pause)
    from codex_oss.providers.replicated import ReplicatedModel  # noqa: PLC0415  rare

    impatient = replace(pause, loading_s=0)
    return ReplicatedModel(
        {each.url: at(each.site, impatient) for each in replicas.all},
        replicas,
        limit=provider.request_max_retries,
        pause=pause,
    )


def replicas_of(
    provider_id: str,
    provider: Provider,
    env: Mapping[str, str],
    client: Client,
    version: str,
    clock: Clock | None = None,
) -> "Replicas | None":
    """Return the servers of a provider that has several, else None.

    Raises ``ConfigError`` as ``connect`` does.
    """
    urls = dict.fromkeys(url.strip().rstrip("/") for url in provider.base_urls)
    if len(urls) <= 1:
        return None
    from codex_oss.providers.replicas import Replicas  # noqa: PLC0415  rare

    # Each gives up at once: another one is asked meanwhile.
    alone = replace(provider, request_max_retries=0)
    sites = [
        site(provider_id, replace(alone, base_url=url), env, version) for url in urls
    ]
    return Replicas(sites, client, clock or WallClock())
