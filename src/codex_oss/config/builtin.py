"""The providers that need no configuration, and what the environment says of them."""

from collections.abc import Mapping

from codex_oss.config.provider import Provider
from codex_oss.config.tree import Leaf, Tree
from codex_oss.errors import ConfigError

OSS = "oss"
"""Provider and profile of models on this machine."""
EMBEDDED = "embedded"
"""Provider of the engine in this program's own package."""
DEFAULT_PROVIDER = "openai"
"""The provider of a ``model`` that names none, as in the Codex CLI."""

PROVIDERS: dict[str, Provider] = {
    "openai": Provider(
        name="OpenAI",
        base_url="https://api.openai.com/v1",
        env_key="OPENAI_API_KEY",
        env_key_instructions=(
            "Create a key at https://platform.openai.com/api-keys and export it, or "
            "use --oss for a model on this machine."
        ),
        env_http_headers={
            "OpenAI-Organization": "OPENAI_ORGANIZATION",
            "OpenAI-Project": "OPENAI_PROJECT",
        },
        requires_openai_auth=True,
    ),
    OSS: Provider(name="Open Source", wire_api="chat"),
    "ollama": Provider(
        name="Ollama", base_url="http://localhost:11434/v1", wire_api="ollama"
    ),
    "lmstudio": Provider(
        name="LM Studio", base_url="http://localhost:1234/v1", wire_api="chat"
    ),
    "llamacpp": Provider(name="llama.cpp", wire_api="chat"),
    "vllm": Provider(name="vLLM", base_url="http://localhost:8000/v1", wire_api="chat"),
    "sglang": Provider(
        name="SGLang", base_url="http://localhost:30000/v1", wire_api="chat"
    ),
    EMBEDDED: Provider(name="Embedded llama.cpp", wire_api="chat"),
}
LLAMA_SERVER = "http://localhost:8080/v1"
"""Where provider ``llamacpp`` looks for a llama-server; without one, the embedded
engine is started for it."""
LOCAL = (OSS, "ollama", "lmstudio", "llamacpp", "vllm", "sglang", EMBEDDED)
"""The providers on this machine, in the order in which they are taken."""

_OLLAMA_PORT = "11434"
_MAX_PORT = 65535


def environment_layer(env: Mapping[str, str]) -> Tree:
    """Return what environment variables say about the built-in providers.

    ``CODEX_OSS_BASE_URL``, else ``CODEX_OSS_PORT``, is where the local server is,
    whichever it is, as in the Codex CLI; ``OLLAMA_HOST`` is Ollama's own word.
    """
    urls: dict[str, Leaf] = {}
    if url := _value(env, "OPENAI_BASE_URL"):
        urls["openai"] = Leaf(url, "OPENAI_BASE_URL")
    if host := _value(env, "OLLAMA_HOST"):
        urls["ollama"] = Leaf(ollama_url(host), "OLLAMA_HOST")
    if local := _local_server(env):
        urls |= dict.fromkeys((OSS, "ollama", "lmstudio"), local)
    if not urls:
        return {}
    return {"model_providers": {name: {"base_url": url} for name, url in urls.items()}}


def ollama_url(host: str) -> str:
    """Return the base URL that a value of ``OLLAMA_HOST`` stands for.

    Forms: ``host``, ``host:port``, ``:port``, ``scheme://host:port/path`` and
    ``[v6]:port``, with or without quotes. The port is 11434, or the scheme's when one
    is written. An address to listen on everywhere is reached at the loopback. A
    ``/v1`` at the end, of OpenAI's base URLs, is not doubled. The bare name of Ollama's
    cloud means TLS.
    """
    host = host.strip().strip("\"'").strip()
    host = "https://ollama.com" if host == "ollama.com" else host
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = "http", host
    default = {"http": "80", "https": "443"}.get(scheme) if separator else None
    authority, slash, path = rest.partition("/")
    name, port = _split_port(authority)
    if not (port.isdecimal() and 0 < int(port) <= _MAX_PORT):
        port = default or _OLLAMA_PORT
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104  recognised, not bound
    shown = f"[{name}]" if ":" in name else name
    path = (slash + path).rstrip("/").removesuffix("/v1").rstrip("/")
    return f"{scheme}://{shown}:{port}{path}/v1"


def _split_port(authority: str) -> tuple[str, str]:
    """Return host (IPv6 without brackets) and port (empty when there is none)."""
    if authority.startswith("["):
        name, _, rest = authority[1:].partition("]")
        return name, rest.removeprefix(":")
    if authority.count(":") > 1:  # an IPv6 address without brackets has no port
        return authority, ""
    name, _, port = authority.partition(":")
    return name, port


def _local_server(env: Mapping[str, str]) -> Leaf | None:
    if url := _value(env, "CODEX_OSS_BASE_URL"):
        return Leaf(url, "CODEX_OSS_BASE_URL")
    if port := _value(env, "CODEX_OSS_PORT"):
        if not (port.isdecimal() and 0 < int(port) <= _MAX_PORT):
            raise ConfigError(
                f"CODEX_OSS_PORT: expected a port from 1 to {_MAX_PORT}, got {port!r}",
                hint="Unset it, or set CODEX_OSS_BASE_URL to the server's whole URL",
            )
        return Leaf(f"http://localhost:{port}/v1", "CODEX_OSS_PORT")
    return None


def _value(env: Mapping[str, str], name: str) -> str:
    """Return a variable without blanks around it; empty counts as not set."""
    return env.get(name, "").strip()
