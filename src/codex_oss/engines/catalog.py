"""Models that are known to work for this, and which of them a machine can have.

The list is data, ``catalog.json``, and dated: sizes are those of Ollama's library and
Hugging Face, ``tools`` a judgement from reports of people, not a benchmark. The first
is the default, the others are in the order of preference.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

from codex_oss.engines import fit
from codex_oss.engines.base import Machine
from codex_oss.engines.fit import Fit, Weights
from codex_oss.engines.graphics import Card
from codex_oss.engines.hardware import Host
from codex_oss.engines.shape import Shape

Tools = Literal["very good", "good", "fair", "poor"]
"""How well a model calls tools."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A model of the catalogue; ``parameters`` and ``active`` in billions."""

    name: str
    """Its name in Ollama's library."""
    size: int = msgspec.field(name="bytes")
    """Of Ollama's download."""
    parameters: float
    active: float | None = None
    """Parameters that one token reads; None: all."""
    context: int
    """Tokens that it was trained on."""
    tools: Tools
    note: str = ""
    gguf: str | None = None
    """Its name for the embedded engine; None: it was not looked for."""
    gguf_bytes: int | None = None
    shape: Shape | None = None
    ollama: str = ""
    """The version of Ollama that it needs at least; "": an old one will do."""
    licence: str = ""
    unsure: bool = False
    """Size or context were not checked against the library."""

    @property
    def weights(self) -> Weights:
        """The model as far as memory goes."""
        active = self.active / self.parameters if self.active else 1.0
        shape = msgspec.structs.replace(self.shape or Shape(), active=active)
        return Weights(size=self.size, shape=shape, context=self.context)


class Catalog(msgspec.Struct, frozen=True):
    """The whole list, and the day it was made."""

    dated: str
    models: tuple[Entry, ...]


class Recommended(msgspec.Struct, frozen=True, kw_only=True):
    """What to take on a machine, and why, as a sentence for people."""

    entry: Entry
    fit: Fit
    why: str

    @property
    def model(self) -> str:
        """Its name in Ollama's library."""
        return self.entry.name


@lru_cache(maxsize=1)
def load() -> Catalog:
    """Return the catalogue."""
    data = Path(__file__).with_name("catalog.json").read_bytes()
    return msgspec.json.decode(data, type=Catalog)


def find(name: str) -> Entry | None:
    """Return a model by its name in Ollama, LM Studio or for the embedded engine."""
    wanted = _plain(name)
    for entry in load().models:
        names = {entry.name, entry.gguf or entry.name}
        if name in names or wanted == _plain(entry.name):
            return entry
    return None


def _plain(name: str) -> str:
    """Return a name without its owner, and with the size as others write it."""
    return name.rpartition("/")[2].removesuffix(":latest").replace(":", "-").lower()


def default(machine: Machine | Host) -> Recommended | None:
    """Return what to take where nobody has chosen: the first that fits, or is tight.

    The default is taken where it only just fits; of the others, those that fit come
    before those that are tight. None: none does, or the memory is not known.
    """
    host = machine if isinstance(machine, Host) else _host(machine)
    words = {
        entry.name: fit.verdict(entry.weights, fit.LEAST, host).word
        for entry in load().models
    }
    first = load().models[0]
    fitting = [e for e in load().models if words[e.name] == "fits"]
    tight = [e for e in load().models if words[e.name] == "tight"]
    if first in (*fitting, *tight):
        return _recommended(first, host, f"{first.name} is the default")
    for entry in (*fitting, *tight):
        why = f"{first.name} does not fit here; {entry.name} does"
        return _recommended(entry, host, why)
    return None


def _recommended(entry: Entry, host: Host, why: str) -> Recommended:
    judged = fit.judge(entry.weights, host)
    return Recommended(entry=entry, fit=judged, why=why)


def _host(machine: Machine) -> Host:
    """Return a machine of which no more is known than its memory."""
    card = Card(name="", memory=machine.graphics or 0, free=machine.graphics or 0)
    return Host(
        memory=machine.memory, free=machine.memory, cards=(card,) if card.memory else ()
    )
