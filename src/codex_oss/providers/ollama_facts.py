"""What an Ollama server says of itself and one model, and the context that follows.

Source: Ollama 0.33, ``GET /api/version``, ``POST /api/show`` and ``GET /api/ps``; what
older ones do not say is taken as unknown.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from codex_oss.errors import ModelError
from codex_oss.net import Client
from codex_oss.providers.endpoint import Site
from codex_oss.providers.ollama_stay import UNTOUCHED, Before, Stay, stay
from codex_oss.providers.probe import ASK_S, Probed
from codex_oss.wire.ollama.library import Shown
from codex_oss.wire.ollama.version import older
from codex_oss.wire.servers import Loaded, Running, Version

LEAST_CONTEXT = 16 * 1024
"""Tokens. The Codex CLI's instructions and tools are 8 to 10 thousand of them: with
less, a conversation ends after a few files."""
DEFAULT_CONTEXT = 32 * 1024
"""Tokens that are asked for when nobody says otherwise. Ollama's own default is 4096 on
machines with less than 23 GiB of graphics memory; twice this is better if it fits."""
CONTEXT_VARIABLE = "OLLAMA_CONTEXT_LENGTH"
"""Ollama's own variable for its default context."""
REFUSES_TRUNCATION = (0, 12, 6)
"""The first version that does not cut a prompt when it is told not to."""

_T = TypeVar("_T")


class Granted(msgspec.Struct, frozen=True, kw_only=True):
    """What the server gave to the model that it has loaded.

    ``asked`` and ``given`` are tokens of context, ``size`` and ``size_vram`` bytes:
    the second is the part in graphics memory.
    """

    asked: int | None
    given: int
    size: int = 0
    size_vram: int = 0


class OllamaFacts:
    """Asks one server about one model, each question once.

    It is a ``providers.dialect.Prober``. ``num_ctx`` is fixed with the first answer:
    the person's own; else that of the model if it is loaded with enough; else the
    larger of 32768, ``OLLAMA_CONTEXT_LENGTH`` and what the model's file says, but not
    more than the model was trained for. ``ours``: it was loaded a moment ago, for us.
    """

    def __init__(
        self,
        site: Site,
        model: str,
        client: Client,
        *,
        num_ctx: int | None,
        env: Mapping[str, str],
        ours: bool = False,
    ) -> None:
        self.model = model
        self.root = site.root
        self.granted: Granted | None = None
        self._headers = site.headers
        self._client = client
        self._wanted = num_ctx
        self._env = env
        self._ours = ours
        self._default = default_context(env)
        self._known: _Known | None = None
        self._refused = False
        self._checked = False
        self._lock = asyncio.Lock()

    @property
    def num_ctx(self) -> int | None:
        """The context to ask for, in tokens; None for models that run elsewhere."""
        if self._known is None:
            return self._wanted or self._default
        return self._known.num_ctx

    @property
    def stay(self) -> Stay:
        """How long the model stays in memory, and whose it is there."""
        return self._known.stay if self._known else UNTOUCHED

    @property
    def loadable(self) -> bool:
        """Whether the server has the model, and runs it itself."""
        return self._known is not None and not self._known.remote

    @property
    def thinks(self) -> bool | None:
        """Whether the model can think; None when that is not known."""
        return self._known.can("thinking") if self._known else None

    async def server(self) -> Probed:
        """Return what the server says; one that cannot be reached is asked again."""
        async with self._lock:
            if self._known is None:
                self._known = await self._ask()
        known = self._known
        if known is None:
            return Probed(server="ollama")
        return Probed(
            server="ollama",
            version=known.version,
            tools=known.can("tools"),
            vision=known.can("vision"),
            context_window=self.granted.given if self.granted else known.window,
        )

    async def tools(self) -> bool | None:
        """Return whether the model's template knows tools."""
        return False if self._refused else (await self.server()).tools

    def refused(self) -> None:
        """Note that the server has just refused tools for this model."""
        self._refused = True

    def forget(self) -> None:
        """Keep all: another context would make the server load the model anew."""

    async def check(self) -> None:
        """Look, once and after an answer, at what the server really gave."""
        known = self._known
        if self._checked or known is None or known.num_ctx is None:
            return
        try:
            loaded = await self.loaded()
        except ModelError:
            return
        self._checked = True
        if loaded and loaded.context_length:
            self.granted = Granted(
                asked=known.num_ctx,
                given=loaded.context_length,
                size=loaded.size,
                size_vram=loaded.size_vram,
            )

    def notes(self) -> list[str]:
        """Return what a person should know, a sentence or two each."""
        version = self._known.version if self._known else ""
        return notes_on(self.model, self.granted, version)

    # --- questions ---------------------------------------------------------------

    async def _ask(self) -> "_Known | None":
        """Return what the server says; None when it cannot, or lacks the model."""
        try:
            shown = await self._post("/api/show", {"model": self.model}, Shown)
            loaded = await self.loaded()
            version = (await self._get("/api/version", Version)).version
        except ModelError:
            return None
        trained = shown.trained
        if shown.remote:
            return _Known(
                version=version,
                capabilities=shown.capabilities,
                num_ctx=self._wanted,
                window=self._wanted or trained,
                remote=True,
            )
        num_ctx = choose_context(
            wanted=self._wanted,
            loaded=loaded.context_length if loaded else None,
            trained=trained,
            default=max(self._default, shown.own_context),
        )
        return _Known(
            version=version,
            capabilities=shown.capabilities,
            num_ctx=num_ctx,
            window=num_ctx,
            stay=stay(
                None
                if loaded is None or self._ours
                else Before(loaded.context_length, loaded.expires_at),
                num_ctx,
                self._env,
            ),
        )

    async def loaded(self) -> Loaded | None:
        """Return the model as it is in memory; raises ``ModelError``."""
        running = await self._get("/api/ps", Running)
        for model in running.models or ():
            if same_model(self.model, model.name):
                return model
        return None

    async def _get(self, path: str, kind: type[_T]) -> _T:
        answer = await self._client.get_json(
            f"{self.root}{path}", headers=self._headers, timeout_s=ASK_S
        )
        return _read(answer, kind)

    async def _post(self, path: str, body: dict[str, Any], kind: type[_T]) -> _T:
        answer = await self._client.post_json(
            f"{self.root}{path}", body, headers=self._headers, timeout_s=ASK_S
        )
        return _read(answer, kind)


def choose_context(
    *, wanted: int | None, loaded: int | None, trained: int | None, default: int
) -> int:
    """Return the context to ask for, in tokens; see ``OllamaFacts``."""
    if wanted:
        return wanted
    if loaded and loaded >= LEAST_CONTEXT:
        return loaded
    return min(default, trained) if trained else default


def same_model(asked: str, listed: str) -> bool:
    """Tell whether two names are one model's: without a tag, it is ``:latest``."""
    return _tagged(asked).lower() == _tagged(listed).lower()


def _tagged(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class _Known(msgspec.Struct, frozen=True, kw_only=True):
    version: str
    capabilities: list[str] | None
    num_ctx: int | None
    window: int | None
    stay: Stay = UNTOUCHED
    remote: bool = False
    """It runs in a cloud."""

    def can(self, capability: str) -> bool | None:
        """Tell whether the model can; None when the server does not say."""
        known = self.capabilities
        return None if known is None else capability in known


def _read(answer: object, kind: type[_T]) -> _T:
    try:
        return msgspec.convert(answer, kind)
    except msgspec.ValidationError as error:
        raise ModelError(f"not Ollama's answer: {error}") from error


def default_context(env: Mapping[str, str]) -> int:
    """Return the tokens of context to ask for unless somebody says otherwise."""
    said = env.get(CONTEXT_VARIABLE, "").strip().strip("\"'")
    return max(DEFAULT_CONTEXT, int(said) if said.isdecimal() else 0)


def notes_on(model: str, granted: Granted | None, version: str) -> list[str]:
    """Return what a person should know of a model and its server."""
    notes = _on_model(model, granted) if granted else []
    if older(version, REFUSES_TRUNCATION):
        notes.append(
            f"Ollama {version} drops the oldest messages of a prompt that does not "
            "fit, and says nothing. Update it."
        )
    return notes


def _on_model(model: str, granted: Granted) -> list[str]:
    notes: list[str] = []
    if granted.asked and granted.given < granted.asked:
        notes.append(
            f"Ollama gives {model} {granted.given} tokens of context; "
            f"{granted.asked} were asked for."
        )
    if granted.given < LEAST_CONTEXT:
        notes.append(
            f"{granted.given} tokens of context are few for a coding agent: "
            f"{DEFAULT_CONTEXT} or more are better."
        )
    if granted.size_vram < granted.size:
        share = 100 * granted.size_vram // granted.size
        notes.append(
            f"{share}% of {model} is in graphics memory, the rest runs on the CPU, "
            "slowly. A smaller context or model may fit whole."
            if granted.size_vram
            else f"{model} runs on the CPU only, which is slow."
        )
    return notes
