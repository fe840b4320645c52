"""A model's shape: what its context costs in memory, and how much of it a token reads.

It is read from the pairs of a GGUF header, which Ollama repeats as ``model_info`` of
``/api/show``. Sources: the GGUF specification; llama.cpp b11434, ``llama-kv-cache``
(what is allocated), ``llama-kv-cache-iswa`` (layers with a window) and ``src/models``.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]
"""How a cached value is stored."""
BYTES: dict[Kind, float] = {
    "f32": 4.0,
    "f16": 2.0,
    "bf16": 2.0,
    "q8_0": 34 / 32,
    "q5_1": 24 / 32,
    "q5_0": 22 / 32,
    "q4_1": 20 / 32,
    "q4_0": 18 / 32,
    "iq4_nl": 18 / 32,
}
"""Bytes of one value."""

BATCH = 512
"""Tokens that llama.cpp computes at a time; layers with a window keep so many more."""
CELLS = 256
"""What llama.cpp rounds the cache of such layers up to, in tokens."""
VOCABULARY = 200_000
"""Of a model that does not say how many tokens it knows: that of the large ones."""
SLIDING_EVERY = {
    "afmoe": 4,
    "cohere2": 4,
    "exaone4": 4,
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "gptoss": 2,
    "olmo2": 4,
    "olmo3": 4,
}
"""Families whose file does not say it: every n-th layer sees the whole context."""

_STATE_BYTES = 4
"""The state of a recurrent layer is kept in 32-bit floats."""
_FLOAT_BYTES = 4
_PROJECTIONS = 3
"""Matrices of a feed-forward network with a gate."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a model keeps of its context. All zero: not known.

    ``per_token`` and ``per_slot`` are numbers of values.
    """

    per_token: int = 0
    """For each token of the context, in all layers that see the whole of it."""
    per_slot: int = 0
    """For each token of the window, in all layers that see no more than that."""
    window: int = 0
    """Tokens that those layers see."""
    state: int = 0
    """Bytes that recurrent layers keep, however long the context is."""
    vocabulary: int = 0
    """Tokens that the model knows."""
    active: float = 1.0
    """Share of the weights that one token reads: less in a mixture of experts."""

    @property
    def known(self) -> bool:
        """Whether the cost of the context can be told."""
        return bool(self.per_token or self.per_slot or self.state)

    def cache(self, tokens: int, kind: Kind = "f16") -> int:
        """Return the bytes that a context of ``tokens`` takes."""
        slots = min(tokens, -(-(self.window + BATCH) // CELLS) * CELLS)
        values = self.per_token * tokens + self.per_slot * slots
        return int(values * BYTES[kind]) + self.state

    @property
    def buffers(self) -> int:
        """Bytes to compute in, roughly: the scores of all tokens for one batch."""
        return BATCH * (self.vocabulary or VOCABULARY) * _FLOAT_BYTES


class Pairs:
    """The pairs of a header, by names without the architecture."""

    def __init__(self, pairs: Mapping[str, object]) -> None:
        arch = pairs.get("general.architecture")
        self.architecture = arch if isinstance(arch, str) else ""
        self._pairs = pairs

    def get(self, key: str) -> object:
        """Return a value as it is."""
        return self._pairs.get(f"{self.architecture}.{key}")

    def whole(self, key: str) -> int:
        """Return a whole number; 0: not said."""
        value = self.get(key)
        return value if isinstance(value, int) else 0

    def each(self, key: str) -> list[int]:
        """Return a list of numbers; empty: not said."""
        value = self.get(key)
        if not isinstance(value, list):
            return []
        return [int(v) for v in value if isinstance(v, int | float)]  # pyright: ignore[reportUnknownVariableType]  JSON


def read(pairs: Mapping[str, object]) -> Shape:
    """Return the shape that a header tells."""
    said = Pairs(pairs)
    heads = _kv_heads(said)
    kinds = _kinds(said, heads)
    whole, slot = _widths(said, ""), _widths(said, "_swa")
    recurrent = kinds.count("recurrent")
    return Shape(
        per_token=sum(
            n * whole for n, k in zip(heads, kinds, strict=True) if k == "whole"
        ),
        per_slot=sum(
            n * slot for n, k in zip(heads, kinds, strict=True) if k == "window"
        ),
        window=said.whole("attention.sliding_window") if "window" in kinds else 0,
        state=recurrent * _state(said),
        vocabulary=said.whole("vocab_size"),
        active=_active(said),
    )


def is_vague(pairs: Mapping[str, object]) -> bool:
    """Tell whether lists are left out that decide: Ollama does so unless asked.

    It then says null, or an empty list.
    """
    said = Pairs(pairs)
    lists = (
        "attention.head_count_kv",
        "attention.sliding_window_pattern",
        "attention.recurrent_layers",
    )
    return any(
        f"{said.architecture}.{key}" in pairs and said.get(key) in (None, [])
        for key in lists
    )


_Layer = Literal["whole", "window", "recurrent", "none"]


def _kv_heads(said: Pairs) -> list[int]:
    """Return the key/value heads of each layer."""
    layers = said.whole("block_count")
    if each := said.each("attention.head_count_kv"):
        return [*each, *[0] * (layers - len(each))][:layers]
    heads = said.whole("attention.head_count_kv") or _most(said, "attention.head_count")
    return [heads] * layers


def _most(said: Pairs, key: str) -> int:
    return max(said.each(key), default=0) or said.whole(key)


def _kinds(said: Pairs, heads: list[int]) -> list[_Layer]:
    """Return what each layer keeps.

    Where the file does not say which layers have a window, all see everything: too
    much is safe.
    """
    layers = len(heads)
    hybrid = said.whole("full_attention_interval")
    recurs = said.each("attention.recurrent_layers") or [0]
    slides = _slides(said, layers)
    without = layers - said.whole("attention.shared_kv_layers")
    kinds: list[_Layer] = []
    for n, count in enumerate(heads):
        if n >= without:
            kinds.append("none")
        elif not count or recurs[n % len(recurs)] or (hybrid > 1 and (n + 1) % hybrid):
            kinds.append("recurrent")
        else:
            kinds.append("window" if slides[n] else "whole")
    return kinds


def _slides(said: Pairs, layers: int) -> list[bool]:
    """Tell of each layer whether it has a window."""
    if not said.whole("attention.sliding_window"):
        return [False] * layers
    if pattern := said.each("attention.sliding_window_pattern"):
        return [bool(pattern[n % len(pattern)]) for n in range(layers)]
    every = said.whole("attention.sliding_window_pattern")
    every = every or SLIDING_EVERY.get(said.architecture, 1)
    return [every > 1 and (n + 1) % every != 0 for n in range(layers)]


def _widths(said: Pairs, kind: str) -> int:
    """Return the values of one head: its key and its value.

    ``kind`` ``_swa`` is for layers with a window, where they may differ. Where keys
    are compressed (MLA), values are taken from them and not kept.
    """
    heads = _most(said, "attention.head_count")
    width = said.whole("embedding_length") // heads if heads else 0
    key, value = (
        said.whole(f"attention.{name}_length{kind}")
        or said.whole(f"attention.{name}_length")
        or width
        for name in ("key", "value")
    )
    return key if said.whole("attention.key_length_mla") else key + value


def _state(said: Pairs) -> int:
    """Return the bytes that one recurrent layer keeps of a conversation."""
    inner, state = said.whole("ssm.inner_size"), said.whole("ssm.state_size")
    mixed = inner + 2 * said.whole("ssm.group_count") * state
    kept = max(0, said.whole("ssm.conv_kernel") - 1) * mixed
    return (kept + state * inner) * _STATE_BYTES


def _active(said: Pairs) -> float:
    """Return the share of the weights that one token reads."""
    experts, used = said.whole("expert_count"), said.whole("expert_used_count")
    wide = said.whole("expert_feed_forward_length")
    layers, width = said.whole("block_count"), said.whole("embedding_length")
    if not (experts and used and wide and width) or used >= experts:
        return 1.0
    heads = _most(said, "attention.head_count")
    head = said.whole("attention.key_length") or (width // heads if heads else 0)
    attention = (
        2 * width * heads * head + sum(_kv_heads(said)) // layers * 2 * width * head
    )
    shared = layers * attention + (said.whole("vocab_size") or VOCABULARY) * width
    routed = layers * _PROJECTIONS * width * wide * experts
    return (routed * used / experts + shared) / (routed + shared)
