"""What a fake Ollama has installed, and how Ollama shows it."""

import hashlib
from typing import Any

import msgspec

GIB = 1024**3
MODIFIED = "2026-08-20T09:00:00.123456789Z"

SMALL_BYTES = 1024**2
"""A layer that is no bigger has contents that its digest fits."""

Blob = tuple[str, int]
"""A digest, as ``sha256:`` and 64 digits, and a size in bytes."""


class OllamaModel(msgspec.Struct, frozen=True):
    """An installed model. ``num_ctx`` is its Modelfile's, ``vram`` the share there.

    ``layers`` are bytes: the weights, then templates and the like, the configuration
    last. ``weights`` names the model whose weights a variant shares, ``made_as`` the
    model that this is under another name.
    """

    name: str = "m:latest"
    capabilities: tuple[str, ...] = ("completion", "tools", "thinking", "vision")
    trained: int = 131072
    num_ctx: int | None = None
    vram: float = 1.0
    remote_host: str = ""
    layers: tuple[int, ...] = (GIB, 1723, 487)
    weights: str = ""
    made_as: str = ""
    family: str = "qwen3"
    parameters: str = "8.2B"
    quantization: str = "Q4_K_M"
    info: dict[str, Any] = {}
    """What ``model_info`` says otherwise, without the family's name: a KV cache of 36
    layers x 8 heads x (128 + 128) values x 2 bytes = 144 KiB for each token."""
    requires: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(self.layers)

    @property
    def digest(self) -> str:
        """The digits of its manifest's digest."""
        return _hex(msgspec.json.encode(self))

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Its layers as they lie on disk."""
        return tuple(
            (f"sha256:{_hex(content(self, index))}", size)
            for index, size in enumerate(self.layers)
        )


def tagged(name: str) -> str:
    """Return a name with its tag."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def plain(name: str) -> str:
    """Return a name as it is listed: with a tag, without a scheme."""
    return tagged(name).rpartition("://")[2]


def content(model: OllamaModel, index: int) -> bytes:
    """Return what is in a layer; of a big one, what stands for it."""
    own = model.made_as or model.name
    name = own if index else model.weights or own
    size = model.layers[index]
    seed = f"{name}/{index}/{size}\n".encode()
    return (seed * (size // len(seed) + 1))[:size] if size <= SMALL_BYTES else seed


def variant(model: OllamaModel, name: str, num_ctx: int | None) -> OllamaModel:
    """Return a model with the same weights, as ``/api/create`` makes it."""
    return msgspec.structs.replace(
        model,
        name=name,
        num_ctx=num_ctx or model.num_ctx,
        weights=model.weights or model.made_as or model.name,
        made_as="",
    )


def manifest(model: OllamaModel) -> dict[str, Any]:
    """Return its manifest, as the registry serves it and as it lies on disk.

    ``fake`` in it is the model itself, which the real one finds in the layers.
    """
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    names = ("model", "template", "params", "license", "projector")
    *layers, last = [{"digest": d, "size": size} for d, size in model.blobs]
    for name, layer in zip(names, layers, strict=False):
        layer["mediaType"] = f"application/vnd.ollama.image.{name}"
    last["mediaType"] = "application/vnd.docker.container.image.v1+json"
    told = {"schemaVersion": 2, "mediaType": kind, "config": last, "layers": layers}
    return told | {"fake": msgspec.to_builtins(model)}


def tag(model: OllamaModel) -> dict[str, Any]:
    """Return its entry in ``/api/tags``. A cloud's model has a few hundred bytes."""
    entry: dict[str, Any] = {
        "name": model.name,
        "model": model.name,
        "modified_at": MODIFIED,
        "size": model.size,
        "digest": model.digest,
        "details": details(model) | {"context_length": model.trained},
        "capabilities": list(model.capabilities),
    }
    if model.remote_host:
        entry |= {"size": 384, "remote_model": model.name.removesuffix("-cloud")}
        entry["remote_host"] = model.remote_host
    return entry


def details(model: OllamaModel) -> dict[str, Any]:
    """Return what every listing says of it."""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameters,
        "quantization_level": model.quantization,
    }


def shown(model: OllamaModel) -> dict[str, Any]:
    """Return what ``/api/show`` says of it."""
    reply: dict[str, Any] = {
        "license": "Apache License Version 2.0",
        "modelfile": f"# FROM {model.name}\n\nFROM /blobs/sha256-0\n",
        "template": "{{ .Prompt }}",
        "details": details(model),
        "model_info": _info(model),
        "capabilities": list(model.capabilities),
        "modified_at": MODIFIED,
    }
    if model.num_ctx:
        lines = (("stop", '"<end>"'), ("num_ctx", str(model.num_ctx)))
        reply["parameters"] = "\n".join(f"{key:<30} {value}" for key, value in lines)
    if model.requires:
        reply["requires"] = model.requires
    if model.remote_host:
        reply |= {"remote_host": model.remote_host, "remote_model": model.name}
    return reply


def _info(model: OllamaModel) -> dict[str, Any]:
    its_own: dict[str, Any] = {
        "context_length": model.trained,
        "embedding_length": 4096,
        "block_count": 36,
        "attention.head_count": 32,
        "attention.head_count_kv": 8,
        "attention.key_length": 128,
        "attention.value_length": 128,
        **model.info,
    }
    return {
        "general.architecture": model.family,
        "general.file_type": 15,
        "general.parameter_count": 8190735360,
        # Long arrays come empty unless one asks for all.
        "tokenizer.ggml.tokens": list[str](),
    } | {f"{model.family}.{key}": value for key, value in its_own.items()}


def _hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
