"""What servers of models answer about themselves and their models.

Every one lists its models at ``GET /v1/models``; the rest is each one's own. Sources:
Ollama 0.33, LM Studio 0.4, llama.cpp b11549, vLLM 0.33, SGLang 0.5.23. What a server
may leave out has a default; what makes it that server has none.
"""

from typing import Any

import msgspec

# --- all: GET /v1/models -------------------------------------------------------------


class Meta(msgspec.Struct, frozen=True):
    """What llama.cpp says of a model: trained context, parameters, bytes."""

    n_ctx_train: int | None = None
    n_params: int | None = None
    size: int | None = None


class Listed(msgspec.Struct, frozen=True):
    """A model; ``owned_by`` is the server's own word, such as ``vllm``."""

    id: str
    owned_by: str | None = None
    max_model_len: int | None = None
    """Tokens of context, of vLLM and SGLang."""
    meta: Meta | None = None


class Listing(msgspec.Struct, frozen=True):
    """``GET /v1/models``. Ollama without a model says null."""

    data: list[Listed] | None


# --- Ollama: GET /api/version, /api/tags, /api/ps ------------------------------------


class Version(msgspec.Struct, frozen=True):
    """``GET /api/version`` of Ollama, ``/version`` of vLLM, ``/server_info``."""

    version: str


class TagDetails(msgspec.Struct, frozen=True):
    """What Ollama says of a model's file."""

    parameter_size: str = ""
    quantization_level: str = ""
    context_length: int | None = None


class Tag(msgspec.Struct, frozen=True):
    """An installed model of Ollama; those with a remote model run in its cloud."""

    name: str
    size: int | None = None
    details: TagDetails | None = None
    capabilities: list[str] | None = None
    remote_model: str = ""
    remote_host: str = ""
    digest: str = ""
    """Of its manifest: the same for all names of one model."""
    modified_at: str = ""


class Tags(msgspec.Struct, frozen=True):
    """``GET /api/tags``."""

    models: list[Tag] | None


class Loaded(msgspec.Struct, frozen=True):
    """A model in memory; sizes in bytes, ``context_length`` as really allocated."""

    name: str
    size: int = 0
    size_vram: int = 0
    context_length: int | None = None
    expires_at: str = ""
    """When it is unloaded (RFC 3339); far in the future: never."""


class Running(msgspec.Struct, frozen=True):
    """``GET /api/ps``."""

    models: list[Loaded] | None = None


# --- LM Studio: GET /api/v1/models, before 0.4 /api/v0/models ------------------------


class LmQuantization(msgspec.Struct, frozen=True):
    """How the weights are packed, such as ``Q4_K_M``."""

    name: str | None = None


class LmConfig(msgspec.Struct, frozen=True):
    """How a model was loaded."""

    context_length: int | None = None


class LmInstance(msgspec.Struct, frozen=True):
    """A model in memory."""

    id: str = ""
    config: LmConfig = LmConfig()


class LmCapabilities(msgspec.Struct, frozen=True):
    """What a model was made for."""

    trained_for_tool_use: bool | None = None


class LmModel(msgspec.Struct, frozen=True):
    """A downloaded model; ``type`` is ``llm`` or ``embedding``."""

    key: str
    type: str = "llm"
    size_bytes: int | None = None
    params_string: str | None = None
    quantization: LmQuantization | None = None
    loaded_instances: list[LmInstance] = []
    max_context_length: int | None = None
    capabilities: LmCapabilities | None = None


class LmLibrary(msgspec.Struct, frozen=True):
    """``GET /api/v1/models``."""

    models: list[LmModel]


class LmOldModel(msgspec.Struct, frozen=True):
    """A model of ``GET /api/v0/models``; ``type`` is ``llm``, ``vlm`` and so on."""

    id: str
    state: str
    type: str = "llm"
    quantization: str | None = None
    max_context_length: int | None = None
    loaded_context_length: int | None = None


class LmOldLibrary(msgspec.Struct, frozen=True):
    """``GET /api/v0/models``."""

    data: list[LmOldModel]


# --- llama.cpp: GET /props -----------------------------------------------------------


class Settings(msgspec.Struct, frozen=True):
    """The context of one conversation, in tokens."""

    n_ctx: int | None = None


class Modalities(msgspec.Struct, frozen=True):
    """What a model takes beside text."""

    vision: bool | None = None


class Props(msgspec.Struct, frozen=True):
    """``GET /props``. One that serves many models has no settings of its own."""

    default_generation_settings: Settings | None = None
    modalities: Modalities = Modalities()
    chat_template_caps: dict[str, Any] | None = None
    build_info: str = ""


class Health(msgspec.Struct, frozen=True):
    """``GET /health`` of llama.cpp, which needs no key."""

    status: str
