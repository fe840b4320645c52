"""Ollama: a client of its own API, a server of our own where none runs, the engine."""

from codex_oss.engines.ollama.api import Api
from codex_oss.engines.ollama.engine import DEFAULT_MODEL, Ollama

__all__ = ["DEFAULT_MODEL", "Api", "Ollama"]
