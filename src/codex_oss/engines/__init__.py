"""Programs that serve models on this machine: each ends in a base URL.

``choose.choose`` picks one; ``ENGINES[choice.engine](options, client)`` makes it.
"""

from collections.abc import Callable

from codex_oss.engines.base import Engine, Options, Server
from codex_oss.engines.llamacpp import LlamaCpp
from codex_oss.engines.ollama import Ollama
from codex_oss.net import Client

ENGINES: dict[Server, Callable[[Options, Client], Engine]] = {
    "llamacpp": LlamaCpp,
    "ollama": Ollama,
}
