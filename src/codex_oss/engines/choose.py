"""Which engine provider ``oss`` uses for which model."""

import msgspec

from codex_oss.engines import ollama, sources
from codex_oss.engines.base import EngineName, Options
from codex_oss.errors import ModelError
from codex_oss.net import Client

PROBE_S = 0.15
"""How long a start may wait to learn whether Ollama runs here."""


class Choice(msgspec.Struct, frozen=True):
    """The engine, the model to ask it for, and one line for people: why."""

    engine: EngineName
    model: str
    why: str


async def choose(model: str | None, options: Options, client: Client) -> Choice:
    """Return the engine for ``model``; with None, the best default that is there.

    A name that only the embedded engine understands decides for it, any other name is
    Ollama's. Without a name: Ollama if it runs and has its default model, else the
    embedded default.
    """
    if model is not None:
        if sources.is_embedded(model):
            return Choice("embedded", model, f"{model} names a GGUF model")
        return Choice("ollama", model, f"{model} is a name of Ollama's kind")
    base = ollama.base_url(options.env)
    try:
        models = await ollama.tags(client, base, timeout_s=PROBE_S)
    except ModelError:
        why = f"no Ollama server at {base}. {sources.DEFAULT_IS_A_TOY}"
        return Choice("embedded", sources.DEFAULT_MODEL, why)
    if ollama.has(models, ollama.DEFAULT_MODEL):
        why = f"Ollama at {base} has {ollama.DEFAULT_MODEL}"
        return Choice("ollama", ollama.DEFAULT_MODEL, why)
    why = f"Ollama at {base} lacks {ollama.DEFAULT_MODEL}. {sources.DEFAULT_IS_A_TOY}"
    return Choice("embedded", sources.DEFAULT_MODEL, why)
