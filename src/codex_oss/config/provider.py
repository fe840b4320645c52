"""A model provider: where a model's server is and how to speak to it.

Source of the keys: ``[model_providers.<id>]`` of the Codex CLI; ``wire_api = "chat"``
is what it had until 2026 and local servers still need; ``wire_api = "ollama"`` and
``tool_mode`` are ours.
"""

from typing import Literal

import msgspec

WireApi = Literal["responses", "chat", "ollama"]
ToolMode = Literal["auto", "native", "constrained"]


class Provider(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of ``[model_providers]``."""

    name: str
    """The name shown to people."""
    base_url: str | None = None
    """URL before ``/responses`` or ``/chat/completions``, such as
    ``http://localhost:11434/v1``. None: the provider's engine decides."""
    base_urls: tuple[str, ...] = ()
    """Several servers with the same model, instead of ``base_url``. A conversation
    stays at one of them, where its beginning is cached, and goes on at another when
    that one fails."""
    wire_api: WireApi = "responses"
    """Which API the server speaks: ``responses`` is OpenAI's own, ``chat`` is Chat
    Completions, ``ollama`` is Ollama's ``/api/chat``, where the context can be chosen
    and is never cut in silence."""
    env_key: str | None = None
    """Environment variable that holds the key for the ``Authorization`` header."""
    env_key_instructions: str | None = None
    """What to tell a person whose ``env_key`` is not set."""
    experimental_bearer_token: str | None = None
    """The key itself. Prefer ``env_key``."""
    query_params: dict[str, str] = {}
    """Added to every URL, such as ``api-version``."""
    http_headers: dict[str, str] = {}
    """Sent with every request."""
    env_http_headers: dict[str, str] = {}
    """Header name to environment variable; sent when the variable is not empty."""
    request_max_retries: int = 4
    """How often a request that failed with 5xx, or found no server, is sent again."""
    stream_max_retries: int = 5
    """How often a turn asks again after its stream was cut."""
    stream_idle_timeout_ms: int = 300_000
    """Silence on a stream that counts as a cut, in milliseconds. A local server may be
    silent for as long as it likes before its answer begins."""
    local: bool | None = None
    """Whether the server is one of your own, which reads a long prompt in silence for
    many minutes and keeps a model in memory. None: if its address is of this machine
    or network."""
    requires_openai_auth: bool = False
    """Take the key from ``CODEX_API_KEY`` when ``env_key`` is not set."""
    tool_mode: ToolMode = "auto"
    """How tools reach the model: ``native`` sends them, ``constrained`` puts them
    into the prompt and holds the reply to a schema, ``auto`` asks the server."""
