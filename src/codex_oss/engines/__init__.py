"""Programs that serve models on this machine: each ends in a base URL.

``discover`` finds those that run, ``choose`` takes one, and
``ENGINES[choice.engine](options, client)`` brings its model up.
"""

from collections.abc import Callable

from codex_oss.engines.base import Engine, EngineName, Options
from codex_oss.net import Client


def _ollama(options: Options, client: Client) -> Engine:
    from codex_oss.engines.ollama import Ollama  # noqa: PLC0415  see below

    return Ollama(options, client)


def _embedded(options: Options, client: Client) -> Engine:
    from codex_oss.engines.llamacpp import LlamaCpp  # noqa: PLC0415  see below

    return LlamaCpp(options, client)


def _lmstudio(options: Options, client: Client) -> Engine:
    from codex_oss.engines.lmstudio import LmStudio  # noqa: PLC0415  see below

    return LmStudio(options, client)


def _attached(engine: EngineName) -> "Maker":
    def make(options: Options, client: Client) -> Engine:  # noqa: ARG001  it asks nothing
        from codex_oss.engines.attached import Attached  # noqa: PLC0415  see below

        return Attached(engine, options)

    return make


Maker = Callable[[Options, Client], Engine]

ENGINES: dict[EngineName, Maker] = {
    "ollama": _ollama,
    "embedded": _embedded,
    "lmstudio": _lmstudio,
    "llamacpp": _attached("llamacpp"),
    "vllm": _attached("vllm"),
    "sglang": _attached("sglang"),
    "openai": _attached("openai"),
}
"""An engine is imported when it is used: the start with one does not pay for others."""
