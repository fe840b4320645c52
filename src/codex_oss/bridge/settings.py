"""What a bridge is told to do: ``[bridge]`` and the command's flags, made definite."""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec.structs import replace

from codex_oss.bridge.places import REDIS, check_place
from codex_oss.config.builtin import EMBEDDED, OSS, PROVIDERS, ollama_url
from codex_oss.config.load import Loaded
from codex_oss.config.provider import Provider
from codex_oss.config.schema import Bridge, Diet, Wire
from codex_oss.errors import ConfigError
from codex_oss.net import url as urls

OLLAMA = "ollama"
LM_STUDIO = "lmstudio"
CODEX_PROFILE = "codex-oss"
"""What ``codex -p`` calls the bridge."""
UPSTREAM = "upstream"
"""The id of a provider that is no more than a URL."""
MOVED_OLLAMA = "http://localhost:11433/v1"
"""Where Ollama is taken to be when the bridge stands on Ollama's own port."""

_EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  recognised, not bound
_FLAG, _OVERRIDE, _FILE, _NOBODY = 3, 2, 1, 0


class BridgeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All that a bridge needs to know; nothing in it has been asked of a server."""

    listen: str
    """A name or an address without brackets."""
    port: int
    """0: any that is free."""
    key: str
    """What clients must send as a bearer token; empty: nothing."""
    provider_id: str
    provider: Provider
    """The server behind the bridge. No ``base_url``: its engine is to be started, with
    ``model`` (None: the default one)."""
    wire: Wire
    """``auto`` is left where only the server itself can tell whether it is Ollama."""
    model: str | None
    context_length: int | None
    diet: Diet
    repair: bool
    text_calls: bool
    ask_again: bool
    store: str
    """``memory``, ``none``, ``sqlite``, ``sqlite:PATH`` or a URL of Redis."""
    max_body_size: int
    """In bytes."""
    keep_alive_s: float
    """0: no events but the model's."""
    debug: bool = False
    quiet: bool = False

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the bridge."""
        return urls.is_loopback(self.listen)

    @property
    def engine(self) -> bool:
        """Whether an engine is to be started for the bridge."""
        return self.provider.base_url is None

    @property
    def loads(self) -> bool:
        """Whether the model is to be loaded before the first request.

        LM Studio would do it with 4096 tokens of context, whatever is asked.
        """
        several = len(self.provider.base_urls) > 1
        return self.provider_id == LM_STUDIO and self.model is not None and not several

    @property
    def tls(self) -> bool:
        """Whether any connection may be in TLS: to the server, a hub, or Redis."""
        url = self.provider.base_url or ""
        plain = url.strip().lower().startswith("http:")
        return not plain or self.store.startswith(REDIS)

    def url(self, port: int | None = None) -> str:
        """Return the bridge's URL without a path; ``port`` is the one it got."""
        return url_of(self.listen, self.port if port is None else port)


def url_of(listen: str, port: int) -> str:
    """Return how this machine reaches what listens there."""
    host = _EVERYWHERE.get(listen, listen)
    return f"http://{urls.bracketed(host)}:{port}"


def settings(
    loaded: Loaded, env: Mapping[str, str], *, debug: bool = False, quiet: bool = False
) -> BridgeSettings:
    """Return what the configuration, flags included, means for a bridge.

    Raises ``ConfigError`` for what contradicts itself.
    """
    bridge = loaded.config.bridge
    provider_id, provider, wire = _server(loaded, bridge)
    check_place(bridge.store)
    return BridgeSettings(
        listen=bridge.listen.strip("[]"),
        port=bridge.listen_port,
        key=_key(bridge, env),
        provider_id=provider_id,
        provider=provider,
        wire=wire,
        model=loaded.config.model,
        context_length=loaded.config.engine.context_length,
        diet=bridge.diet,
        repair=bridge.repair,
        text_calls=bridge.text_calls,
        ask_again=bridge.ask_again,
        store=bridge.store,
        max_body_size=bridge.max_body_size,
        keep_alive_s=bridge.keep_alive_s,
        debug=debug,
        quiet=quiet,
    )


# --- the server behind it ------------------------------------------------------------


def _server(loaded: Loaded, bridge: Bridge) -> tuple[str, Provider, Wire]:
    source = _source(loaded, bridge)
    if source == "upstream":
        name, provider = UPSTREAM, _named(bridge.upstream or "", bridge)
    elif source == "provider":
        name, provider = _configured(loaded)
    else:
        name, provider = OLLAMA, _ollama(loaded, bridge)
    if bridge.api_key_env is not None:
        provider = replace(provider, env_key=bridge.api_key_env)
    if _is_here(provider.base_url, bridge):
        raise ConfigError(
            f"the bridge would ask itself: {provider.base_url} is where it listens",
            hint="Change --listen-port, or name the model's server with --upstream or "
            "--ollama-url.",
        )
    wire = _wire(bridge.wire, name, provider)
    spoken = "responses" if wire == "responses" else "chat"
    return name, replace(provider, wire_api=spoken), wire


def _source(
    loaded: Loaded, bridge: Bridge
) -> Literal["upstream", "ollama", "provider"]:
    """Return who says where the server is: the last word counts, flags first."""
    upstream = _rank(loaded, "bridge.upstream")
    ollama = _rank(loaded, "bridge.ollama_url")
    provider = _provider_rank(loaded, bridge)
    if upstream and upstream == ollama:
        names = ("bridge.upstream", "bridge.ollama_url")
        raise _two_servers(*map(loaded.origin, names))
    if provider > max(upstream, ollama):
        return "provider"
    named = "bridge.upstream" if upstream > ollama else "bridge.ollama_url"
    both = (provider, _rank(loaded, "model_provider")) == (_FLAG, _FLAG)
    if both and (named, loaded.provider_id) != ("bridge.ollama_url", OLLAMA):
        raise _two_servers(loaded.origin(named), "--engine or --local-provider")
    return "upstream" if upstream > ollama else "ollama"


def _two_servers(one: str, other: str) -> ConfigError:
    return ConfigError(
        f"two servers are named to stand behind the bridge, by {one} and by {other}",
        hint="Name one.",
    )


def _rank(loaded: Loaded, key: str) -> int:
    origin = loaded.origins.get(key)
    if origin is None:
        return _NOBODY
    if origin.startswith("--"):
        return _FLAG
    return _OVERRIDE if origin.startswith("-c") else _FILE


def _provider_rank(loaded: Loaded, bridge: Bridge) -> int:
    """Return who chose the provider; a file may have chosen the bridge for Codex."""
    rank = _rank(loaded, "model_provider")
    if _nobodys(loaded):
        # Ollama, unless the model's name is one of the engine's.
        embedded = _embedded(loaded.config.model)
        return _rank(loaded, "model") if embedded else _NOBODY
    if rank == _FILE and _is_here(loaded.provider.base_url, bridge):
        return _NOBODY
    return rank


def _configured(loaded: Loaded) -> tuple[str, Provider]:
    if _nobodys(loaded):
        return EMBEDDED, loaded.config.model_providers[EMBEDDED]
    return loaded.provider_id, loaded.provider


def _nobodys(loaded: Loaded) -> bool:
    """Tell whether nobody has chosen a provider."""
    oss = loaded.provider_id == OSS and loaded.provider.base_url is None
    return oss and loaded.origin("model_provider") != "--local-provider"


def _embedded(model: str | None) -> bool:
    if model is None:
        return False
    from codex_oss.engines import sources  # noqa: PLC0415  only where a model is named

    return sources.is_embedded(model)


def _named(text: str, bridge: Bridge) -> Provider:
    url = urls.parse(text)
    base = text.strip().rstrip("/")
    return Provider(
        name=url.place,
        base_url=f"{base}/v1" if url.target == "/" else base,
        wire_api="responses" if bridge.wire == "responses" else "chat",
    )


def _ollama(loaded: Loaded, bridge: Bridge) -> Provider:
    provider = loaded.config.model_providers[OLLAMA]
    if bridge.ollama_url is not None:
        base = ollama_url(bridge.ollama_url.strip().rstrip("/").removesuffix("/v1"))
        urls.parse(base)
        return replace(provider, base_url=base)
    if not _is_here(provider.base_url, bridge):
        return provider
    usual = PROVIDERS[OLLAMA].base_url
    other = MOVED_OLLAMA if _is_here(usual, bridge) else usual
    return replace(provider, base_url=other)


def _wire(wanted: Wire, name: str, provider: Provider) -> Wire:
    if wanted != "auto":
        return wanted
    if name in (UPSTREAM, OSS):
        return "auto"
    if name == OLLAMA or provider.wire_api == "ollama":
        return "native"
    return provider.wire_api


def _is_here(base_url: str | None, bridge: Bridge) -> bool:
    """Tell whether a URL leads to the bridge itself."""
    if not base_url or not bridge.listen_port:
        return False
    url = urls.parse(base_url)
    if url.port != bridge.listen_port:
        return False
    listen = bridge.listen.strip("[]")
    here = listen in _EVERYWHERE or urls.is_loopback(listen)
    return url.host == listen or (here and urls.is_loopback(url.host))


# --- the rest ------------------------------------------------------------------------


def _key(bridge: Bridge, env: Mapping[str, str]) -> str:
    key = env.get(bridge.listen_key_env, "").strip()
    if not key and not urls.is_loopback(bridge.listen.strip("[]")):
        raise ConfigError(
            f"listening on {bridge.listen} lets other machines in, and that needs a "
            "key",
            hint=f"Put one into the environment variable {bridge.listen_key_env} (and "
            "give it to the clients), or listen on 127.0.0.1.",
        )
    if not key.isascii() or not key.isprintable():
        raise ConfigError(
            f"the key in {bridge.listen_key_env} holds characters that no header can",
            hint="Use letters, digits and signs of ASCII.",
        )
    return key
