"""A model for a server: what it will be, whether somebody wants it, and its pull."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from codex_oss.engines import catalog, fit, room
from codex_oss.engines.base import Consent, EngineEvent, Pulling, Verifying
from codex_oss.engines.ollama import names, registry
from codex_oss.engines.ollama.api import Api
from codex_oss.net import Client

USUALLY = 1.2
"""What a model needs of memory with the usual context, as a multiple of its size, where
nothing more is known of it."""


async def fetch(
    api: Api,
    client: Client,
    name: str,
    consent: Consent | None,
    *,
    store: Path | None,
    known: Sequence[str] = (),
) -> AsyncGenerator[EngineEvent]:
    """Ask ``consent`` and download a model, from where an earlier try ended.

    ``store`` is where the server keeps its models, where that is this machine's;
    ``known`` are more names to offer for a wrong one. Raises as ``room.ask_for`` and
    ``Api.pull`` do.
    """
    made = await registry.manifest(client, names.parse(name))
    await room.ask_for(_download(name, made, store), consent)
    pulled: AsyncGenerator[Pulling | Verifying] = api.pull(
        name,
        total=made.size if made else None,
        known=[*known, *(entry.name for entry in catalog.load().models)],
    )
    async with aclosing(pulled) as events:
        async for event in events:
            yield event


def _download(
    name: str, made: registry.Manifest | None, store: Path | None
) -> room.Download:
    entry = catalog.find(name)
    size = entry.size if entry else None
    memory = entry.weights.need(fit.USUAL) if entry else None
    if made is not None:
        size = made.missing(store) if store else made.size
        memory = memory or int(made.size * USUALLY)
    return room.Download(
        model=name,
        size=size,
        source=names.parse(name).host,
        folder=store,
        memory=memory,
        command=f"codex-oss models pull {name}",
    )
