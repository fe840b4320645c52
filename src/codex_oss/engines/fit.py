"""Whether a model fits a machine: its memory at three contexts, and a word for it.

Memory is the file, the cache of the context and what is computed in. It is held
against the graphics memory, against both together (llama.cpp and Ollama keep the rest
of the layers in main memory), and against main memory alone.
"""

from typing import Literal

import msgspec

from codex_oss.engines import speed
from codex_oss.engines.hardware import MAC_MEMORY_SHARE, Host
from codex_oss.engines.shape import Kind, Shape

CONTEXTS = (8192, 32_768, 65_536)
"""Tokens for which memory is told: the least, what is usual, what agents are told."""
USUAL = 32_768
LEAST = 16_384
"""Tokens that an agent needs; a model that cannot have them is not recommended."""
SPARE = 0.9
"""A model that takes no more than this share of what is free, fits."""
CARD_SPARE = 0.95
"""The same, of the memory of cards, which nobody else grows into."""
MOST = 0.92
"""Share of all memory that a model can have when everything else has ended."""
ASSUMED = Shape(per_token=81_920)
"""For a model whose shape nobody tells: 160 KiB per token, of dense models of 8 to 24
billion parameters."""
_ANSWER = 8192
"""Tokens of context with which speed is told: half full, mostly."""

Word = Literal["fits", "tight", "too large", "unknown"]
Where = Literal["GPU", "GPU+CPU", "CPU"]


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """A model as far as memory goes; ``size`` in bytes. ``kind``: of its cache."""

    size: int
    shape: Shape = Shape()
    context: int | None = None
    """Tokens that it was trained on."""
    kind: Kind = "f16"

    @property
    def assumed(self) -> bool:
        """Whether the cost of its context is a guess."""
        return not self.shape.known

    def need(self, tokens: int) -> int:
        """Return the bytes of memory with a context of ``tokens``."""
        return self.size + self._shape.cache(tokens, self.kind) + self._shape.buffers

    @property
    def experts(self) -> bool:
        """Whether a token reads only a part of it."""
        return self.shape.active < 1

    def read(self, tokens: int) -> float:
        """Return the bytes of weights and of cache that one token reads."""
        return self.size * self._shape.active + self._shape.cache(tokens, self.kind)

    @property
    def _shape(self) -> Shape:
        active, vocabulary = self.shape.active, self.shape.vocabulary
        if not self.assumed:
            return self.shape
        return msgspec.structs.replace(ASSUMED, active=active, vocabulary=vocabulary)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine says to a model with a context of ``tokens``."""

    tokens: int
    need: int
    """Bytes."""
    word: Word
    where: Where | None = None
    """Where its layers would lie; None: nowhere, or not known."""


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """A model on a machine."""

    verdicts: tuple[Verdict, ...]
    """One for each of ``CONTEXTS`` that the model was trained for, at least one."""
    assumed: bool
    tokens_per_s: float | None
    """Estimated; None where it does not fit or nothing is known of the machine."""

    @property
    def usual(self) -> Verdict:
        """The one for the usual context, or the most that the model knows."""
        fitting = [v for v in self.verdicts if v.tokens <= USUAL]
        return fitting[-1] if fitting else self.verdicts[0]


def judge(weights: Weights, host: Host) -> Fit:
    """Return how a model fits a machine."""
    most = weights.context or CONTEXTS[-1]
    contexts = [tokens for tokens in CONTEXTS if tokens <= most] or [most]
    verdicts = tuple(verdict(weights, tokens, host) for tokens in contexts)
    return Fit(
        verdicts=verdicts, assumed=weights.assumed, tokens_per_s=_speed(weights, host)
    )


def verdict(weights: Weights, tokens: int, host: Host) -> Verdict:
    """Return how a model fits a machine with a context of ``tokens``."""
    need = weights.need(tokens)
    word, where = _place(need, host)
    return Verdict(tokens=tokens, need=need, word=word, where=where)


def has_room(need: int, host: Host, *, held: int = 0) -> bool:
    """Return whether a model of ``need`` bytes fits; True where nobody can tell.

    ``held``: bytes of other models' files in main memory. The system could drop them
    and counts them as free; what uses them would read them again with every token.
    """
    free = host.free
    if free is not None and not host.cards:
        free = max(0, free - held)
    word, _ = _place(need, msgspec.structs.replace(host, free=free))
    return word in ("fits", "unknown")


def _place(need: int, host: Host) -> tuple[Word, Where | None]:
    if host.memory is None or host.free is None:
        return "unknown", None
    for word, where, room in _rooms(host, host.memory, host.free):
        if room and need <= room:
            return word, where
    return "too large", None


def _rooms(host: Host, memory: int, free: int) -> list[tuple[Word, Where, float]]:
    """Return the places for a model, the best first, and how large it may be there."""
    if host.unified:
        metal = memory * MAC_MEMORY_SHARE
        return [
            ("fits", "GPU", SPARE * free),
            ("tight", "GPU", metal),
            ("tight", "GPU+CPU", MOST * memory),
        ]
    left = sum(card.free for card in host.cards)
    if not host.cards:
        return [("fits", "CPU", SPARE * free), ("tight", "CPU", MOST * memory)]
    return [
        ("fits", "GPU", CARD_SPARE * left),
        ("fits", "GPU+CPU", SPARE * (left + free)),
        ("tight", "GPU+CPU", MOST * (host.graphics + memory)),
    ]


def _speed(weights: Weights, host: Host) -> float | None:
    least = verdict(weights, min(weights.context or LEAST, _ANSWER), host)
    if least.where is None:
        return None
    on_gpu = {"GPU": 1.0, "CPU": 0.0, "GPU+CPU": share(least.need, host)}[least.where]
    read = weights.read(least.tokens // 2)
    return speed.tokens_per_s(host, read, on_gpu=on_gpu, experts=weights.experts)


def share(need: int, host: Host) -> float:
    """Return the share of ``need`` bytes that graphics memory holds."""
    if host.unified:
        return min(1.0, (host.memory or 0) * MAC_MEMORY_SHARE / need)
    return min(1.0, CARD_SPARE * sum(card.free for card in host.cards) / need)
