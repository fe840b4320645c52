"""LM Studio's own API, of version 0.4: its library, loading, unloading, downloading.

Source: its documentation of ``/api/v1``, April 2026. A path that it does not know is
answered with 200 and an error; then ``library`` returns None.
"""

from typing import Any, Literal, TypeVar

import msgspec

from codex_oss.errors import ServerFault
from codex_oss.net import Client
from codex_oss.wire.servers import LmConfig, LmLibrary

ASK_S = 10.0
"""For a small question."""
LOAD_S = 1800.0
"""For a model to be loaded; a large one on a slow disk takes minutes."""

_MODELS = "/api/v1/models"
_T = TypeVar("_T")


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory, and how it was loaded."""

    instance_id: str
    load_config: LmConfig = LmConfig()


class Job(msgspec.Struct, frozen=True):
    """A download; sizes in bytes."""

    status: Literal[
        "downloading", "paused", "completed", "failed", "already_downloaded"
    ]
    job_id: str = ""
    total_size_bytes: int | None = None
    downloaded_bytes: int = 0


class Api:
    """One server. All methods raise ``ModelError``."""

    def __init__(self, client: Client, root: str, key: str = "") -> None:
        self.root = root
        self._client = client
        self._headers = (("authorization", f"Bearer {key}"),) if key else ()

    async def library(self) -> LmLibrary | None:
        """Return the models that it has; None: it is older, or another server."""
        answer = await self._get(_MODELS)
        try:
            return msgspec.convert(answer, LmLibrary)
        except msgspec.ValidationError:
            return None

    async def load(self, model: str, context: int) -> Loaded:
        """Load a model with a context, in tokens, and return what came of it."""
        asked = {"model": model, "context_length": context, "echo_load_config": True}
        return _read(Loaded, await self._post(f"{_MODELS}/load", asked, LOAD_S))

    async def unload(self, instance: str) -> None:
        """Take a loaded model out of memory."""
        await self._post(f"{_MODELS}/unload", {"instance_id": instance}, ASK_S)

    async def download(self, model: str) -> Job:
        """Begin a download, or find that there is nothing to do."""
        return _read(Job, await self._post(f"{_MODELS}/download", {"model": model}))

    async def progress(self, job: str) -> Job:
        """Return how far a download is."""
        return _read(Job, await self._get(f"{_MODELS}/download/status/{job}"))

    async def _get(self, path: str) -> Any:
        return await self._client.get_json(
            self.root + path, headers=self._headers, timeout_s=ASK_S
        )

    async def _post(self, path: str, body: object, limit_s: float = ASK_S) -> Any:
        return await self._client.post_json(
            self.root + path, body, headers=self._headers, timeout_s=limit_s
        )


def _read(kind: type[_T], answer: Any) -> _T:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        told = f"LM Studio answered otherwise than expected: {error}"
        raise ServerFault(told) from error
