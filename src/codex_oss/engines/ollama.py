"""A running Ollama server: is it there, does it have the model.

It is asked, never started, and nothing is pulled: 13 GB are the user's decision.
Source of the API: Ollama 0.33, ``GET /api/version`` and ``GET /api/tags``.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import TypeVar

import msgspec

from codex_oss.config.builtin import ollama_url
from codex_oss.engines.base import EngineEvent, Looking, Options, Ready
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client

DEFAULT_MODEL = "gpt-oss:20b"
T = TypeVar("T")

ASK_S = 10.0
"""For one question to a server that is there: it may be loading a model."""


class _Model(msgspec.Struct, frozen=True):
    name: str


class _Tags(msgspec.Struct, frozen=True):
    models: list[_Model] = []


class _Version(msgspec.Struct, frozen=True):
    version: str


class Ollama:
    """The server that ``OLLAMA_HOST`` names."""

    def __init__(self, options: Options, client: Client) -> None:
        self._base = options.url or base_url(options.env)
        self._client = client

    async def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Check that the server runs and has ``model``; then yield ``Ready``."""
        name = model or DEFAULT_MODEL
        yield Looking(f"{name} in Ollama at {self._base}")
        try:
            await version(self._client, self._base)
            models = await tags(self._client, self._base)
        except ModelError as error:
            raise EngineError(
                f"No running Ollama server detected at {self._base}: {error}",
                hint="Start it with `ollama serve`, or run the embedded engine: "
                "`-m smollm2-135m` or `-m hf:OWNER/REPO`.",
            ) from error
        if not has(models, name):
            raise EngineError(
                f"model `{name}` is not installed in Ollama at {self._base}",
                hint=f"ollama pull {name}",
            )
        yield Ready(
            base_url=f"{self._base}/v1",
            model=name,
            context_window=None,
            api_key=None,
            server="ollama",
        )

    async def close(self) -> None:
        """Do nothing: the server is not ours."""


async def probe(client: Client, base: str, *, timeout_s: float = ASK_S) -> bool:
    """Tell whether an Ollama server answers at ``base`` in time."""
    try:
        await version(client, base, timeout_s=timeout_s)
    except ModelError:
        return False
    return True


async def version(client: Client, base: str, *, timeout_s: float = ASK_S) -> str:
    """Return the server's version. Raises ``errors.ModelError``."""
    return (await _get(client, f"{base}/api/version", _Version, timeout_s)).version


async def tags(client: Client, base: str, *, timeout_s: float = ASK_S) -> list[str]:
    """Return the names of the installed models. Raises ``errors.ModelError``."""
    answer = await _get(client, f"{base}/api/tags", _Tags, timeout_s)
    return [model.name for model in answer.models]


def has(models: list[str], name: str) -> bool:
    """Tell whether ``name`` is installed; a name without a tag means ``:latest``."""
    return name in models or (":" not in name and f"{name}:latest" in models)


def base_url(env: Mapping[str, str]) -> str:
    """Return the server's URL, without ``/v1``, by ``OLLAMA_HOST``."""
    return ollama_url(env.get("OLLAMA_HOST", "")).removesuffix("/v1")


async def _get(client: Client, url: str, kind: type[T], timeout_s: float) -> T:
    try:
        return msgspec.convert(await client.get_json(url, timeout_s=timeout_s), kind)
    except msgspec.ValidationError as error:
        raise ModelError(f"GET {url} is not Ollama's answer: {error}") from error
