"""Looks for servers of models: where the configuration says, and at their usual ports.

All places are asked at the same time. A place where nothing listens, or that swallows
what is sent to it, costs ``WITHIN_S`` at most.
"""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from codex_oss.config.builtin import LLAMA_SERVER, LOCAL, OSS
from codex_oss.config.load import Loaded
from codex_oss.config.provider import Provider
from codex_oss.engines.base import Found, Place, Server
from codex_oss.engines.recognise import Asking, recognise
from codex_oss.errors import ModelError, Unreachable
from codex_oss.net import Client
from codex_oss.net import url as urls

WITHIN_S = 0.15
"""For everything, where nothing answers."""
PATIENCE_S = 1.0
"""More, for a server that took the connection and is slow to answer, when no other has
answered: it may be at work, and the alternative is to do without it."""
LATE_S = 0.02
"""A look that ends so much late was not given the time."""
LOOKS = (1, 3, 9, 27)
"""How much more time each look has that is needed since the one before had none."""
ASK_S = 10.0
"""For one place that the person has named."""
MAX_PORT = 65_535

_SERVERS: dict[str, Server] = {
    "ollama": "ollama",
    "lmstudio": "lmstudio",
    "llamacpp": "llamacpp",
    "vllm": "vllm",
    "sglang": "sglang",
}
_LM_STUDIO = Path(".lmstudio", ".internal", "http-server-config.json")


# --- where ---------------------------------------------------------------------------


def places(env: Mapping[str, str], loaded: Loaded) -> list[Place]:
    """Return where to look, in the order in which servers are taken.

    First what stands for "the local server" (``CODEX_OSS_BASE_URL``,
    ``CODEX_OSS_PORT``, provider ``oss``), then each local provider's own place. A
    place that is named twice keeps its first name.
    """
    found = [
        place for name in LOCAL if (place := place_of(name, env, loaded)) is not None
    ]
    unique: dict[tuple[str, str, int], Place] = {}
    for place in found:
        unique.setdefault(_at(place.url), place)
    return list(unique.values())


def place_of(name: str, env: Mapping[str, str], loaded: Loaded) -> Place | None:
    """Return where a local provider's server is to be looked for; None: nowhere."""
    provider = loaded.config.model_providers[name]
    origin = loaded.origins.get(f"model_providers.{name}.base_url")
    url = provider.base_url or (LLAMA_SERVER if name == "llamacpp" else "")
    port = _lm_studio_port(env) if name == "lmstudio" and origin is None else None
    if port is not None:
        url = f"http://localhost:{port}"
    if not url:
        return None
    root = root_of(url)
    said_by = origin or f"port {urls.parse(root).port}"
    several = name == OSS or said_by.startswith("CODEX_OSS_")
    return Place(
        url=root,
        said_by=said_by,
        expected=None if several else _SERVERS.get(name),
        named=origin is not None,
        key=_key(provider, env),
    )


def replicas_of(env: Mapping[str, str], loaded: Loaded) -> list[Place]:
    """Return the servers of the provider in effect, where it names several."""
    provider, name = loaded.provider, loaded.provider_id
    urls = dict.fromkeys(map(root_of, provider.base_urls))
    if len(urls) <= 1:
        return []
    said_by = loaded.origin(f"model_providers.{name}.base_urls")
    key = _key(provider, env)
    return [Place(url=url, said_by=said_by, named=True, key=key) for url in urls]


def root_of(base_url: str) -> str:
    """Return a base URL without ``/v1``."""
    return base_url.strip().rstrip("/").removesuffix("/v1").rstrip("/")


def is_here(place: Place) -> bool:
    """Tell whether a place is on this machine."""
    return urls.is_loopback(urls.parse(place.url).host)


def _at(url: str) -> tuple[str, str, int]:
    parts = urls.parse(url)
    host = "localhost" if urls.is_loopback(parts.host) else parts.host
    return host, parts.target, parts.port


def _key(provider: Provider, env: Mapping[str, str]) -> str:
    named = env.get(provider.env_key, "").strip() if provider.env_key else ""
    return named or provider.experimental_bearer_token or ""


class _LmStudioFile(msgspec.Struct, frozen=True):
    port: int | None = None


def _lm_studio_port(env: Mapping[str, str]) -> int | None:
    """Return the port that LM Studio's server was last given by the user."""
    try:
        data = Path(env.get("HOME", ""), _LM_STUDIO).read_bytes()
        port = msgspec.json.decode(data, type=_LmStudioFile).port
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return port if port and 0 < port <= MAX_PORT else None


# --- what is there -------------------------------------------------------------------


async def discover(
    places: Sequence[Place], client: Client, *, within_s: float = WITHIN_S
) -> list[Found]:
    """Return the servers that answer, in the order of their places.

    Takes ``within_s`` at most where none takes a connection; where one does and does
    not answer, ``PATIENCE_S`` more (``ASK_S`` if the person has named it), unless
    another has answered. On a machine that is too busy to look in time, it looks again.
    Raises ``errors.ConfigError`` for a URL that is none.
    """
    found: list[Found] = []
    missed = places
    for longer in LOOKS:
        if missed and not found:
            found, missed = await _ask_all(missed, client, longer * within_s)
    return found


async def _ask_all(
    places: Sequence[Place], client: Client, within_s: float
) -> tuple[list[Found], Sequence[Place]]:
    """Return who answers, and where the machine did not let us look in time."""
    clock = asyncio.get_running_loop().time
    began = clock()
    asked = [
        asyncio.ensure_future(
            _ask(
                Asking(client, place, within_s),
                within_s + (ASK_S if place.named else PATIENCE_S),
            )
        )
        for place in places
    ]
    try:
        _, late = await asyncio.wait(asked, timeout=within_s)
        in_time = clock() - began <= within_s + LATE_S
        while late and not any(task.result().found for task in asked if task.done()):
            _, late = await asyncio.wait(late, return_when=asyncio.FIRST_COMPLETED)
        ready = [task.result() for task in asked if task.done()]
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    # Whoever got no processor for that long has not looked.
    missed = () if in_time else [each.place for each in ready if each.unreachable]
    return [each.found for each in ready if each.found is not None], missed


async def identify(client: Client, place: Place, *, timeout_s: float) -> Found | None:
    """Return the server at a place; None where none answers within ``timeout_s``."""
    return (await _ask(Asking(client, place, timeout_s), timeout_s)).found


class _Asked(msgspec.Struct, frozen=True):
    place: Place
    found: Found | None = None
    unreachable: bool = False


async def _ask(asking: Asking, timeout_s: float) -> _Asked:
    try:
        async with asyncio.timeout(timeout_s):
            return _Asked(asking.place, await recognise(asking))
    except Unreachable:
        return _Asked(asking.place, unreachable=True)
    except (ModelError, TimeoutError):
        return _Asked(asking.place)
