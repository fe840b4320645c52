"""Which server answers at a URL, told by what only that server says.

``/api/tags`` tells nothing: SGLang and llama.cpp answer it too, and SGLang even says
``Ollama is running`` at ``/``. What tells is ``owned_by`` in ``/v1/models`` (vLLM,
SGLang, llama.cpp), ``/api/version`` together with ``/api/tags`` (Ollama), and
``/api/v1/models`` or ``/api/v0/models`` (LM Studio, which answers other paths with 200
and an error).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from codex_oss.engines.base import Found, Installed, Place, Server
from codex_oss.errors import ModelError
from codex_oss.net import Client
from codex_oss.wire import servers

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""Of an answer; lists of models are far smaller."""
THERE_S = 10.0
"""For more connections to a server that has answered once."""
NEEDS_KEY = "it wants a key"
LOADING = "it still reads its model"
NOT_MODELS = ("embed", "rerank")
"""Words in names of models that cannot talk."""

_OK = range(200, 300)
_REFUSED = (401, 403)
_NOT_YET = 503
_T = TypeVar("_T")


class Asking:
    """Asks one server; remembers whether it wanted a key, or was not ready."""

    def __init__(self, client: Client, place: Place, connect_s: float) -> None:
        self.place = place
        self.wants_key = False
        self.loading = False
        self._client = client
        self._connect_s = connect_s
        key = (("authorization", f"Bearer {place.key}"),) if place.key else ()
        self._headers = (("accept", "application/json"), *key)

    async def get(self, path: str, kind: type[_T]) -> _T | None:
        """Return an answer of the given shape; None: it answers otherwise.

        Raises ``errors.ModelError`` for no answer, and one that is not HTTP.
        """
        reply = await self._client.open(
            "GET",
            f"{self.place.url}{path}",
            headers=self._headers,
            connect_s=self._connect_s,
        )
        with reply:
            data = await reply.read(MAX_ANSWER_BYTES)
        self._connect_s = max(self._connect_s, THERE_S)
        self.wants_key |= reply.status in _REFUSED
        self.loading |= reply.status == _NOT_YET
        if reply.status not in _OK:
            return None
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    async def learn(self, path: str, kind: type[_T]) -> _T | None:
        """Return what is nice to know; None also where it is not to be had."""
        try:
            return await self.get(path, kind)
        except ModelError:
            return None

    def found(self, server: Server, version: str, models: list[Installed]) -> Found:
        """Return the server as it was found."""
        return Found(
            server=server,
            url=self.place.url,
            version=version,
            models=tuple(models),
            said_by=self.place.said_by,
            note=NEEDS_KEY if self.wants_key else LOADING if self.loading else "",
        )


async def recognise(asking: Asking) -> Found | None:
    """Return the server; None where nothing that serves models answers."""
    listing = await asking.get("/v1/models", servers.Listing)
    listed = (listing.data if listing else None) or []
    for model in listed:
        if by := _BY_OWNER.get(model.owned_by or ""):
            return await by(asking, listed)
    for look in _ORDER[asking.place.expected == "lmstudio"]:
        if found := await look(asking):
            return found
    if listing is not None and listing.data is not None:
        return asking.found("openai", "", [_plain(model) for model in listed])
    return await _behind_a_key(asking) if asking.wants_key else None


async def _behind_a_key(asking: Asking) -> Found | None:
    """Return what keeps its models to itself, by what it tells everybody."""
    if version := await asking.learn("/version", servers.Version):
        return asking.found("vllm", version.version, [])
    expected = asking.place.expected
    if expected == "llamacpp" and await asking.learn("/health", servers.Health):
        return asking.found("llamacpp", "", [])
    return asking.found(expected or "openai", "", []) if asking.place.named else None


def _plain(model: servers.Listed) -> Installed:
    context = model.max_model_len
    return Installed(
        name=model.id, context=context, loaded=context, tools=_talks(model.id)
    )


def _talks(name: str) -> bool | None:
    """Return False for the name of a model that cannot talk, else None."""
    return False if any(word in name.lower() for word in NOT_MODELS) else None


# --- vLLM, SGLang, llama.cpp ---------------------------------------------------------


async def _vllm(asking: Asking, listed: list[servers.Listed]) -> Found:
    version = await asking.learn("/version", servers.Version)
    models = [_plain(model) for model in listed]
    return asking.found("vllm", version.version if version else "", models)


async def _sglang(asking: Asking, listed: list[servers.Listed]) -> Found:
    version = await asking.learn("/server_info", servers.Version)
    models = [_plain(model) for model in listed]
    return asking.found("sglang", version.version if version else "", models)


async def _llamacpp(asking: Asking, listed: list[servers.Listed]) -> Found:
    props = await asking.learn("/props", servers.Props) or servers.Props()
    settings = props.default_generation_settings or servers.Settings()
    tools = (props.chat_template_caps or {}).get("supports_tools")
    models: list[Installed] = []
    for model in listed:
        meta = model.meta or servers.Meta()
        models.append(
            Installed(
                name=model.id,
                size=meta.size,
                context=meta.n_ctx_train,
                loaded=settings.n_ctx or None,
                tools=tools if isinstance(tools, bool) else None,
                parameters=f"{meta.n_params / 1e9:.1f}B" if meta.n_params else "",
            )
        )
    return asking.found("llamacpp", props.build_info, models)


_BY_OWNER: dict[str, Callable[[Asking, list[servers.Listed]], Awaitable[Found]]] = {
    "vllm": _vllm,
    "sglang": _sglang,
    "llamacpp": _llamacpp,
}


# --- Ollama --------------------------------------------------------------------------


async def _ollama(asking: Asking) -> Found | None:
    version, tags, running = await asyncio.gather(
        asking.learn("/api/version", servers.Version),
        asking.learn("/api/tags", servers.Tags),
        asking.learn("/api/ps", servers.Running),
    )
    if version is None or tags is None:
        return None
    loaded = {model.name: model for model in (running and running.models) or ()}
    models = [_of_ollama(tag, loaded.get(tag.name)) for tag in tags.models or ()]
    return asking.found("ollama", version.version, models)


def _of_ollama(tag: servers.Tag, loaded: servers.Loaded | None) -> Installed:
    details = tag.details or servers.TagDetails()
    able = tag.capabilities
    share = min(1.0, loaded.size_vram / loaded.size) if loaded and loaded.size else None
    return Installed(
        name=tag.name,
        size=tag.size,
        context=details.context_length or None,
        loaded=(loaded.context_length or None) if loaded else None,
        on_gpu=share,
        tools="tools" in able if able is not None else _talks(tag.name),
        remote=bool(tag.remote_host or tag.remote_model),
        quantization=details.quantization_level,
        parameters=details.parameter_size,
    )


# --- LM Studio -----------------------------------------------------------------------


async def _lmstudio(asking: Asking) -> Found | None:
    library = await asking.get("/api/v1/models", servers.LmLibrary)
    if library is not None:
        models = [_of_lmstudio(model) for model in library.models]
        return asking.found("lmstudio", "", models)
    old = await asking.get("/api/v0/models", servers.LmOldLibrary)
    if old is None:
        return None
    models = [_of_old_lmstudio(model) for model in old.data]
    return asking.found("lmstudio", "", models)


def _of_lmstudio(model: servers.LmModel) -> Installed:
    able = model.capabilities or servers.LmCapabilities()
    packed = model.quantization or servers.LmQuantization()
    contexts = [i.config.context_length or 0 for i in model.loaded_instances]
    return Installed(
        name=model.key,
        size=model.size_bytes,
        context=model.max_context_length,
        loaded=max(contexts, default=0) or None,
        tools=able.trained_for_tool_use if model.type != "embedding" else False,
        quantization=packed.name or "",
        parameters=model.params_string or "",
    )


def _of_old_lmstudio(model: servers.LmOldModel) -> Installed:
    return Installed(
        name=model.id,
        context=model.max_context_length,
        loaded=model.loaded_context_length if model.state == "loaded" else None,
        tools=False if model.type.startswith("embed") else None,
        quantization=model.quantization or "",
    )


_ORDER = {False: (_ollama, _lmstudio), True: (_lmstudio, _ollama)}
