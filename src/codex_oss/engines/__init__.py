"""Programs that serve models on this machine: each ends in a base URL.

``choose.choose`` picks one; ``ENGINES[choice.engine](options, client)`` makes it.
"""

from collections.abc import Callable

from codex_oss.engines.base import Engine, EngineName, Options
from codex_oss.engines.llamacpp import LlamaCpp
from codex_oss.engines.ollama import Ollama
from codex_oss.net import Client

ENGINES: dict[EngineName, Callable[[Options, Client], Engine]] = {
    "embedded": LlamaCpp,
    "ollama": Ollama,
}
