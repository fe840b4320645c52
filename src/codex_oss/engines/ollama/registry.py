"""What a download will be, asked of the registry: Ollama itself does not say.

Source: the registry's protocol as ``ollama pull`` speaks it, ``GET /v2/NAMESPACE/
MODEL/manifests/TAG``, 0.33. Whoever does not answer is done without.
"""

import asyncio
from pathlib import Path

import msgspec

from codex_oss.engines.ollama.names import Name
from codex_oss.errors import CodexOssError
from codex_oss.net import Client

ASK_S = 5.0
"""For the whole question: the download can begin without an answer."""
MAX_REDIRECTS = 3
MAX_MANIFEST_BYTES = 1024 * 1024
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
BLOCK = 512
"""``st_blocks`` counts these (stat(2)); a partial file is sparse."""

_OK = 200


class Layer(msgspec.Struct, frozen=True):
    """A part of a model: its SHA-256 and bytes."""

    digest: str
    size: int


class Manifest(msgspec.Struct, frozen=True):
    """Of which layers a model is made."""

    layers: list[Layer] = []
    config: Layer | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by digest; a layer that comes twice is downloaded once."""
        parts = [*self.layers, *([self.config] if self.config else [])]
        return {part.digest: part.size for part in parts}

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(self.sizes.values())

    def missing(self, store: Path) -> int:
        """Return the bytes that a store of Ollama's lacks of it."""
        return sum(
            max(0, size - _there(store / "blobs" / digest.replace(":", "-")))
            for digest, size in self.sizes.items()
        )


async def manifest(client: Client, name: Name) -> Manifest | None:
    """Return of what a model is made; None where the registry does not say."""
    try:
        async with asyncio.timeout(ASK_S):
            reply = await client.open(
                "GET",
                name.manifest,
                headers=(("accept", MEDIA_TYPE),),
                connect_s=ASK_S,
                follow=MAX_REDIRECTS,
            )
            with reply:
                data = await reply.read(MAX_MANIFEST_BYTES)
        if reply.status != _OK:
            return None
        return msgspec.json.decode(data, type=Manifest)
    except (CodexOssError, TimeoutError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _there(blob: Path) -> int:
    """Return the bytes on disk of a blob, whole or in part."""
    partial = blob.with_name(f"{blob.name}-partial")
    for path in (blob, partial):
        try:
            found = path.stat()
        except OSError:
            continue
        return found.st_size if path is blob else found.st_blocks * BLOCK
    return 0
