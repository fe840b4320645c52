"""What the configuration says about one model, and where it says so."""

from typing import Any

import msgspec

from codex_oss.config.keys import dotted
from codex_oss.config.load import Loaded

COMMAND_LINE = "-c"


class Setting(msgspec.Struct, frozen=True):
    """A value, and who set it: a key and its file, in words; "" where nobody did."""

    value: Any
    said_by: str


def setting(loaded: Loaded, model: str, own: str, general: str) -> Setting:
    """Return a model's setting: ``own`` of its entry, else the key for all models.

    With ``-c`` the key for all models counts first: it is for this run.
    """
    value = getattr(loaded.config, general)
    if loaded.origin(general) != COMMAND_LINE:
        for name in entries(loaded, model):
            found = getattr(loaded.config.models[name], own)
            if found is not None:
                return Setting(found, _said(loaded, dotted(("models", name, own))))
    said = _said(loaded, general) if general in loaded.origins else ""
    return Setting(value, said)


def reasoning_effort(loaded: Loaded, model: str) -> Setting:
    """Return how much a model is to think; None: as it likes."""
    return setting(loaded, model, "reasoning_effort", "model_reasoning_effort")


def thinking_budget(loaded: Loaded, model: str) -> Setting:
    """Return the tokens that it may think before an answer; None: nobody says."""
    return setting(loaded, model, "thinking_budget", "model_thinking_budget")


def entries(loaded: Loaded, model: str) -> list[str]:
    """Return the names of the entries of ``[models]`` that fit, the closest first."""
    if not loaded.config.models:
        return []
    from fnmatch import fnmatchcase  # noqa: PLC0415  few have such entries

    whole = model.lower()
    names = (whole, model_key(model))
    fits = [
        name
        for name in loaded.config.models
        if any(fnmatchcase(each, name.lower()) for each in names)
    ]
    return sorted(fits, key=lambda name: (-len(name), name))


def model_key(name: str) -> str:
    """Return a model's name without folders: a file's, or a hub's without its owner.

    Its quantisation is in it where the server's name says so.
    """
    return name.replace("\\", "/").rpartition("/")[2].lower().removesuffix(".gguf")


def _said(loaded: Loaded, key: str) -> str:
    return f"`{key}`, {loaded.origin(key)}"
