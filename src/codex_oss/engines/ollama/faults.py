"""What Ollama says when it cannot, in words that tell people what to do next.

The words are Ollama's own, 0.9 to 0.33; a line of a stream and the body of a refusal
say the same. What is not known here is shown as it came, with where its log is.
"""

from collections.abc import Iterable

import msgspec

from codex_oss.engines.ollama import names
from codex_oss.errors import DownloadError, EngineError

UPDATE = "Update Ollama: https://ollama.com/download"
RESUME = "What has arrived is kept: the same command goes on from there."
LOG = (
    "Ollama's log says more: `journalctl -u ollama` where it is a service, else "
    "~/.ollama/logs/server.log or where `ollama serve` was started."
)

_NOT_THERE = ("file does not exist", "pull model manifest: 404", "repository not found")
_TOO_OLD = ("newer version of ollama", "manifest: 412")


class _Sign(msgspec.Struct, frozen=True):
    """Words of Ollama's, and what they mean to people."""

    words: tuple[str, ...]
    message: str
    hint: str


_PULL = (
    _Sign(
        ("no space left on device", "not enough space", "disk quota exceeded"),
        "The disk of Ollama's models is full",
        f"Free some space, or move its models (OLLAMA_MODELS). {RESUME}",
    ),
    _Sign(
        ("digest mismatch", "sha256 mismatch"),
        "A part arrived damaged",
        "Ollama has deleted it: pull again. If it happens again, something on the way "
        "changes the file.",
    ),
    _Sign(
        ("x509", "certificate"),
        "Ollama does not trust the certificate of the registry",
        "Behind a proxy that inspects TLS, the server must know its certificate: set "
        "SSL_CERT_FILE where Ollama runs (Linux), or add it to the system's (macOS).",
    ),
    _Sign(
        ("proxyconnect", "407 proxy", "403 forbidden", "proxy authentication"),
        "A proxy does not let Ollama through",
        "Set HTTPS_PROXY where the server runs, not only here, and start it again.",
    ),
    _Sign(
        ("insecure protocol http",),
        "Ollama does not ask a registry without TLS",
        "Name the registry with https://.",
    ),
    _Sign(
        ("unauthorized", "access denied", "manifest: 401", "manifest: 403"),
        "The registry does not give it to this user",
        "Sign in with `ollama signin`, or take a public model.",
    ),
    _Sign(
        (
            *("max retries exceeded", "unexpected eof", "connection reset", "timeout"),
            *("no such host", "connection refused", "network is unreachable"),
            *("dial tcp", "tls handshake", "server misbehaving"),
        ),
        "Ollama cannot reach the registry, or lost it",
        f"Check the network of the machine where it runs. {RESUME}",
    ),
)
_RUN = (
    _Sign(
        ("requires more system memory", "out of memory", "cudamalloc failed"),
        "There is not enough memory for it",
        "Take a smaller model or a smaller context (`engine.context_length`).",
    ),
    _Sign(
        ("maximum pending requests", "server busy"),
        "Ollama is busy with other clients",
        "Try again later.",
    ),
    _Sign(
        ("unexpectedly stopped", "has terminated"),
        "Ollama's runner ended while it loaded the model",
        "Its log says more; often memory is short: take a smaller context or model.",
    ),
)


def of_pull(name: str, said: str, root: str, known: Iterable[str]) -> EngineError:
    """Return the error for what a pull of ``name`` said.

    ``known`` are names of models that exist, to offer one in place of a wrong one.
    """
    words = said.lower()
    if any(sign in words for sign in _TOO_OLD):
        return too_old_for(name, root)
    if any(sign in words for sign in _NOT_THERE):
        return unknown(name, known)
    return _explain(f"Downloading {name} failed", said, _PULL, DownloadError)


def of_request(doing: str, said: str) -> EngineError:
    """Return the error for a refused request; ``doing`` is what it was for."""
    if any(sign in said.lower() for sign in _TOO_OLD):
        return EngineError(f"{doing} failed: this Ollama is too old", hint=UPDATE)
    return _explain(f"{doing} failed", said, _RUN, EngineError)


def unknown(name: str, known: Iterable[str]) -> DownloadError:
    """Return the error for a model that no registry has, with names that are near."""
    found = names.near(name, known)
    meant = (
        f"Did you mean {', '.join(f'`{each}`' for each in found)}? " if found else ""
    )
    return DownloadError(
        f"There is no model `{name}` to download",
        hint=f"{meant}All models and their tags: https://ollama.com/search",
    )


def too_old_for(name: str, root: str, needs: str = "") -> EngineError:
    """Return the error for a model that needs a newer Ollama."""
    told = f"{name} needs a newer Ollama than that at {root}"
    if needs:
        told = f"{name} needs Ollama {needs} or newer; that at {root} is older"
    return EngineError(told, hint=UPDATE)


def cut(name: str, why: str, done: int, total: int | None) -> DownloadError:
    """Return the error for a pull that ended without Ollama's ``success``."""
    of = f" of {total / 1e6:.0f}" if total else ""
    return DownloadError(
        f"Ollama stopped downloading {name} before the end ({done / 1e6:.0f}{of} MB): "
        f"{why}",
        hint=RESUME,
    )


def _explain(
    doing: str, said: str, signs: tuple[_Sign, ...], kind: type[EngineError]
) -> EngineError:
    words, told = said.lower(), " ".join(said.split())
    for sign in signs:
        if any(each in words for each in sign.words):
            return kind(f"{doing}: {sign.message} ({told})", hint=sign.hint)
    return kind(f"{doing}: {told}", hint=LOG)
