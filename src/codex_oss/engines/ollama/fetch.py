"""A model for a server: what it will be, whether somebody wants it, and its pull."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec.structs import replace

from codex_oss.engines import catalog, fit, room
from codex_oss.engines.base import Consent, EngineEvent, Looking, Pulling, Verifying
from codex_oss.engines.ollama import names, registry
from codex_oss.engines.ollama.api import Api
from codex_oss.errors import DownloadError

LOCK = "pull.lock"
LOCK_POLL_S = 0.5
LOCK_LIMIT_S = 24 * 3600.0
"""How long to wait for another process that downloads."""
USUALLY = 1.2
"""What a model needs of memory with the usual context, as a multiple of its size, where
nothing more is known of it."""


async def fetch(
    api: Api,
    name: str,
    consent: Consent | None,
    *,
    store: Path | None,
    shared: bool = False,
    installed: Sequence[str] = (),
) -> AsyncGenerator[EngineEvent]:
    """Ask ``consent`` and download a model, from where an earlier try ended.

    ``store`` is where the server keeps its models, where that is this machine's;
    ``shared``: other servers of ours download into it too. ``installed`` are the models
    that the server has: one of them is updated, and they are offered for a wrong name.
    Raises as ``room.ask_for`` and ``Api.pull`` do.
    """
    made = await registry.manifest(api.client, names.parse(name))
    wanted = _download(name, made, store)
    if any(names.same(name, each) for each in installed):
        wanted = _update(wanted, made, store)
    await room.ask_for(wanted, consent)
    pulled: AsyncGenerator[Pulling | Verifying] = api.pull(
        name,
        total=made.size if made else None,
        known=[*installed, *(entry.name for entry in catalog.load().models)],
    )
    turn = _Turn(store / LOCK) if store and shared else None
    try:
        waited = 0.0
        while turn is not None and not turn.take():
            if waited == 0:
                yield Looking(f"{name}: another codex-oss is downloading; waiting")
            if waited >= LOCK_LIMIT_S:
                raise DownloadError(
                    "Another codex-oss has been downloading for a day",
                    hint="End it, then try again.",
                )
            await asyncio.sleep(LOCK_POLL_S)
            waited += LOCK_POLL_S
        async with aclosing(pulled) as events:
            async for event in events:
                yield event
    finally:
        if turn is not None:
            turn.release()


class _Turn:
    """The right to download into a store: two servers would write the same files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> bool:
        """Return whether it is ours; raises ``errors.DownloadError``."""
        import fcntl  # noqa: PLC0415  only downloads need it

        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DownloadError(
                f"Cannot write {self._path}: {error.strerror}",
                hint="Set `engine.models_dir` to a folder of your own.",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """Let others have it."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


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


def _update(
    wanted: room.Download, made: registry.Manifest | None, store: Path | None
) -> room.Download:
    """Return a download of what has changed of a model that is there.

    How much that is, only the manifest and the layers in the store tell together.
    """
    told = made is not None and store is not None
    return replace(wanted, update=True, size=wanted.size if told else None)
