"""What there is to serve models here, and what is taken of it."""

import asyncio
from collections.abc import Mapping

import msgspec

from codex_oss.config.load import Loaded
from codex_oss.engines import at_hand, discover
from codex_oss.engines.base import Found, Server
from codex_oss.engines.choose import Choice
from codex_oss.errors import EngineError
from codex_oss.net import Client
from codex_oss.wiring.engines import Engines, models_home
from codex_oss.wiring.survey import Wanted

EMBEDDED_PACKAGE = "xllamacpp"


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """A place where no server of models answers."""

    url: str
    said_by: str
    expected: Server | None
    """Which server would be there; None: any."""
    named: bool
    """A person named it; else it is a server's usual port."""
    asked: bool = True
    """Whether it was asked; else it is on another machine."""


class Embedded(msgspec.Struct, frozen=True, kw_only=True):
    """The embedded engine: its version, empty where it is not installed."""

    version: str
    models: list[str]
    """Downloaded ones, by the names that ``-m`` takes."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One of several servers of a provider; ``found`` None: it does not answer."""

    url: str
    found: Found | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found; ``choice`` is None where nothing can be taken."""

    found: list[Found]
    """Servers that answer; one without ``url`` is an Ollama that stands still."""
    silent: list[Silent]
    embedded: Embedded
    choice: Choice | None = None
    problem: str = ""
    hint: str = ""
    replicas: list[Replica] = []
    """The servers of the provider in effect, where it names several."""


async def report(
    loaded: Loaded, env: Mapping[str, str], *, here: bool = False
) -> Report:
    """Return what there is, and what the configuration would take.

    ``here``: no other machine is asked; those places are among the silent ones.
    """
    client = Client(env)
    try:
        engines = Engines(loaded, env, client)
        found = await engines.discover(here=here)
        wanted = Wanted(loaded.provider_id, loaded.config.model)
        choice, problem, hint = None, "", ""
        try:
            choice = (await engines.take(wanted, found)).choice
        except EngineError as error:
            problem, hint = str(error), error.hint
        replicas = [] if here else await _replicas(loaded, env, client)
    finally:
        await client.close()
    answering = {server.url for server in found}
    return Report(
        found=found,
        silent=[
            Silent(
                url=place.url,
                said_by=place.said_by,
                expected=place.expected,
                named=place.named,
                asked=not here or discover.is_here(place),
            )
            for place in engines.places()
            if place.url not in answering
        ],
        embedded=Embedded(
            version=_version(), models=at_hand.embedded(models_home(loaded.config, env))
        ),
        choice=choice,
        problem=problem,
        hint=hint,
        replicas=replicas,
    )


async def _replicas(
    loaded: Loaded, env: Mapping[str, str], client: Client
) -> list[Replica]:
    places = discover.replicas_of(env, loaded)
    asked = (discover.identify(client, p, timeout_s=discover.ASK_S) for p in places)
    found = await asyncio.gather(*asked)
    return [
        Replica(url=place.url, found=each)
        for place, each in zip(places, found, strict=True)
    ]


def _version() -> str:
    from importlib import metadata  # noqa: PLC0415  5 ms; only this page needs it

    try:
        return metadata.version(EMBEDDED_PACKAGE)
    except metadata.PackageNotFoundError:
        return ""
