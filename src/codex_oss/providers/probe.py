"""What kind of server this is, what window it gives, whether tools reach the model.

A server on this machine or network is recognised by what it answers to the one GET
that is its own (llama.cpp: ``/props``; Ollama: ``/api/version``; vLLM and SGLang:
``/v1/models`` says who owns the model; LM Studio: ``/api/v1/models``). Hosts on the
internet are not asked such things.

Whether tools reach the model is a question of its own: a chat template that knows no
tools drops them without an error. llama.cpp and Ollama say so; for a server that does
not, the prompt's tokens are counted with and without a tool.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from codex_oss.errors import (
    BadRequest,
    ModelError,
    ServerFault,
    StreamCut,
    Unreachable,
)
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.providers.endpoint import Site
from codex_oss.providers.memory import Known, ProbeMemory
from codex_oss.wire import servers

ASK_S = 3.0
"""For one question about the server; they are answered without the model."""
SILENT_S = 30.0
"""Before a server that let a question time out is asked again: it may be at work."""
COUNT_S = 60.0
"""For one token of an answer: the model may have to be read from disk first."""

HOSTED = {
    "api.openai.com": "openai",
    "api.anthropic.com": "unknown",
    "api.deepseek.com": "unknown",
    "api.fireworks.ai": "unknown",
    "api.groq.com": "unknown",
    "api.mistral.ai": "unknown",
    "api.together.xyz": "unknown",
    "api.x.ai": "unknown",
    "generativelanguage.googleapis.com": "unknown",
    "ollama.com": "ollama",
    "openrouter.ai": "unknown",
    "router.huggingface.co": "unknown",
}
"""Hosts that carry tools to their models, and the kind of server there: never asked."""
HOSTED_SUFFIXES = (".openai.azure.com", ".services.ai.azure.com")
"""The same, for hosts that carry the customer's name."""

_COUNTED_TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Reads a file and returns its text.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string"}},
            "required": ["path"],
        },
    },
}


class Probed(msgspec.Struct, frozen=True, kw_only=True):
    """What a server says of itself and a model; None where it does not say.

    ``server`` is a kind that ``translate.quirks`` knows. ``tools`` tells whether
    tools reach the model, ``vision`` whether it can see images, ``context_window``
    the tokens of one conversation.
    """

    server: str
    version: str = ""
    tools: bool | None = None
    vision: bool | None = None
    context_window: int | None = None


class Probe:
    """Asks one site about one model, each question at most once."""

    def __init__(
        self, site: Site, model: str, client: Client, memory: ProbeMemory
    ) -> None:
        self._site = site
        self._model = model
        self._client = client
        self._memory = memory
        self._server: Probed | None = None
        self._tools: bool | None = None
        self._tools_asked = False
        self._silent_until = 0.0
        self._lock = asyncio.Lock()

    async def server(self) -> Probed:
        """Return what kind of server it is, and its window.

        A server that cannot be reached now, or is not itself yet, is asked again the
        next time; one that does not answer, after ``SILENT_S``.
        """
        if self._server is not None:
            return self._server
        async with self._lock:
            return await self._recognise()

    async def tools(self) -> bool | None:
        """Return whether tools reach the model; None when that cannot be told."""
        if self._tools_asked:
            return self._tools
        async with self._lock:
            if not self._tools_asked:
                server = await self._recognise()
                self._tools = await self._ask_tools(server)
                self._tools_asked = self._server is not None
            return self._tools

    @property
    def settled(self) -> bool:
        """Whether the server has been reached: nothing is asked twice after that."""
        return self._server is not None

    def forget(self) -> None:
        """Ask anew: another server may stand there, or this one with other settings."""
        self._server, self._tools, self._tools_asked = None, None, False

    def refused(self) -> None:
        """Note that the server has just refused tools for this model."""
        self._tools, self._tools_asked = False, True

    # --- the server --------------------------------------------------------------

    async def _recognise(self) -> Probed:
        if self._server is not None:
            return self._server
        host = self._site.host
        if host in HOSTED or host.endswith(HOSTED_SUFFIXES):
            self._server = Probed(server=HOSTED.get(host, "openai"), tools=True)
        elif urls.is_private(host):
            self._server = await self._look()
        else:
            self._server = Probed(server="unknown")
        return self._server or Probed(server="unknown")

    async def _look(self) -> Probed | None:
        """Return what the server is; None when it does not say so now."""
        now = asyncio.get_running_loop().time
        if now() < self._silent_until:
            return None
        try:
            return await self._ask_all()
        except Unreachable:
            return None
        except StreamCut:
            self._silent_until = now() + SILENT_S
            return None

    async def _ask_all(self) -> Probed | None:
        """Ask each kind's own question, first that of the kind it was last time.

        None: no question was answered as it should be, and one by a fault. A server
        that loads its model does so.
        """
        unwell = False
        known = self._memory.recall(self._site.base_url, self._model)
        last = known.server if known else ""
        for question in sorted(_QUESTIONS, key=lambda q: last not in q.kinds):
            try:
                answer = await self._get(question.url(self._site))
                found = question.read(answer, self._model)
            except (Unreachable, StreamCut):
                raise
            except ServerFault:
                unwell = True
                continue
            except (ModelError, msgspec.ValidationError):
                continue
            if found is not None:
                return await self._with_window(found)
        return None if unwell else Probed(server="unknown")

    async def _with_window(self, found: Probed) -> Probed:
        if found.server != "ollama":
            return found
        try:
            running = await self._get(f"{self._site.root}/api/ps")
            window = _ollama_window(running, self._model)
        except (ModelError, msgspec.ValidationError):
            return found
        return msgspec.structs.replace(found, context_window=window)

    async def _get(self, url: str) -> Any:
        return await self._client.get_json(
            url, headers=self._site.headers, timeout_s=ASK_S
        )

    # --- tools -------------------------------------------------------------------

    async def _ask_tools(self, server: Probed) -> bool | None:
        if server.tools is not None:
            return server.tools
        fresh = Known(
            base_url=self._site.base_url,
            model=self._model,
            server=server.server,
            version=server.version,
        )
        if self._memory.recall(fresh.base_url, fresh.model) == fresh:
            return True
        try:
            told = await self._ask_ollama() if server.server == "ollama" else None
            if told is None:
                told = await self._count()
        except (ModelError, msgspec.ValidationError):
            return None
        if told:
            # Only good news is kept: a person who mends the rest is believed at once.
            self._memory.keep(fresh)
        return told

    async def _ask_ollama(self) -> bool | None:
        answer = await self._client.post_json(
            f"{self._site.root}/api/show",
            {"model": self._model},
            headers=self._site.headers,
            timeout_s=ASK_S,
        )
        capabilities = msgspec.convert(answer, _Shown).capabilities
        return None if capabilities is None else "tools" in capabilities

    async def _count(self) -> bool | None:
        try:
            with_tool = await self._prompt_tokens({"tools": [_COUNTED_TOOL]})
        except BadRequest as error:
            return False if "tool" in str(error).lower() else None
        without = await self._prompt_tokens({})
        return with_tool > without if with_tool and without else None

    async def _prompt_tokens(self, more: dict[str, Any]) -> int:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": "Hi"}],
            "max_tokens": 1,
            **more,
        }
        answer = await self._client.post_json(
            self._site.url("/chat/completions"),
            body,
            headers=self._site.headers,
            timeout_s=COUNT_S,
        )
        return msgspec.convert(answer, _Counted).usage.prompt_tokens


# --- each kind's own question --------------------------------------------------------


class _Shown(msgspec.Struct, frozen=True):
    """``POST /api/show``, whose whole shape would bring all of Ollama's wire along."""

    capabilities: list[str] | None = None


def _llamacpp(answer: Any, model: str) -> Probed | None:  # noqa: ARG001  it has one
    props = msgspec.convert(answer, servers.Props)
    settings = props.default_generation_settings
    if settings is None:
        return None
    tools = (props.chat_template_caps or {}).get("supports_tools")
    return Probed(
        server="llamacpp",
        version=props.build_info,
        tools=tools if isinstance(tools, bool) else None,
        vision=props.modalities.vision,
        context_window=settings.n_ctx or None,
    )


def _ollama(answer: Any, model: str) -> Probed | None:  # noqa: ARG001  it has many
    version = msgspec.convert(answer, servers.Version).version
    return Probed(server="ollama", version=version)


def _ollama_window(answer: Any, model: str) -> int | None:
    """Return the window of a loaded model: what it gets is decided when it loads."""
    named = model if ":" in model else f"{model}:latest"
    for running in msgspec.convert(answer, servers.Running).models or ():
        if running.name == named:
            return running.context_length
    return None


def _served(answer: Any, model: str) -> Probed | None:
    """Return vLLM, SGLang, or another that tells the window in the same field."""
    for listed in msgspec.convert(answer, servers.Listing).data or ():
        if listed.id == model and listed.owned_by in ("vllm", "sglang"):
            return Probed(
                server=listed.owned_by, context_window=listed.max_model_len or None
            )
        if listed.id == model and listed.max_model_len:
            return Probed(server="unknown", context_window=listed.max_model_len)
    return None


def _lmstudio(answer: Any, model: str) -> Probed | None:
    window = None
    for downloaded in msgspec.convert(answer, servers.LmLibrary).models:
        for instance in downloaded.loaded_instances:
            if model in (downloaded.key, instance.id):
                window = instance.config.context_length
    # It writes the tools into the prompt itself where a template knows none.
    return Probed(server="lmstudio", tools=True, context_window=window)


class _Question(msgspec.Struct, frozen=True):
    kinds: tuple[str, ...]
    url: Callable[[Site], str]
    read: Callable[[Any, str], Probed | None]


_QUESTIONS = (
    _Question(("llamacpp",), lambda site: f"{site.root}/props", _llamacpp),
    _Question(("ollama",), lambda site: f"{site.root}/api/version", _ollama),
    _Question(("vllm", "sglang"), lambda site: site.url("/models"), _served),
    _Question(("lmstudio",), lambda site: f"{site.root}/api/v1/models", _lmstudio),
)


class _Tokens(msgspec.Struct, frozen=True):
    prompt_tokens: int = 0


class _Counted(msgspec.Struct, frozen=True):
    usage: _Tokens = _Tokens()
