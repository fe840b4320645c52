"""What a request takes of the model's window, estimated; how much it may take.

No tokenizer is asked: which one a model has is not known, and a wrong one is no better
than counting bytes. The server's own count of each prompt corrects the estimate, so
that after the first answer only what was added since is estimated.
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET

from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    Item,
    Message,
    Part,
    Reasoning,
    Refusal,
    Unknown,
    text_of_output,
)
from codex_oss.wire.responses import Usage, encode

BYTES_PER_TOKEN = 4.0
"""Before the server has counted: right within 10 % for code, prose and Chinese."""
DIGIT_WEIGHT = 2
"""What a digit weighs beyond its byte: up to a token each, where a word of eight
letters is one or two. A log full of numbers has 2.4 bytes a token (o200k)."""
ITEM_WEIGHT = 16
"""Of what a template writes around an item."""
IMAGE_WEIGHT = 4000
"""A thousand tokens: models count 250 to 1600 for an image."""
LEAST_RATIO, MOST_RATIO = 1.5, 8.0
"""Bytes per token that are believed. A server which says more did not count all."""

ANSWER_SHARE = 5
"""The part of the window that an answer may take: a fifth."""
MAX_ANSWER_TOKENS = 32_768
"""No answer needs more, however large the window."""
MOST_OF_WINDOW = (9, 10)
"""The largest request, of the window: what the Codex CLI 0.169 allows."""
AIM = (1, 3)
"""How full the room beside instructions and tools is when old outputs are left out, if
there are enough of them: the less is left, the longer what servers have read stays."""
REBUILT = (1, 2)
"""How much of the room a conversation may take of which there is a summary."""
PROOF = (3, 4)
"""A compaction that leaves more of the room taken has failed."""
OUTPUT_SHARE = 8
"""The part of the window that one tool's output may take."""
THINKING_SHARES: dict[str, tuple[int, int]] = {
    "none": (1, 16),
    "minimal": (1, 16),
    "low": (1, 8),
    "high": (3, 8),
    "xhigh": (1, 2),
    "max": (1, 2),
}
"""The part of the window that the thoughts before one answer may take, by effort."""
THINKING_SHARE = (1, 4)
"""The same for other efforts, and where none is asked for."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is set by people about the window and the model's effort."""

    window: int | None = None
    """Tokens; None: what the model's server says."""
    compact_at: int | None = None
    """Tokens at which to compact; counts only below what the window allows."""
    output: int | None = None
    """Tokens of one tool's output; None: a share of the window."""
    compact_prompt: str | None = None
    """How a summary is asked for; None: ``prompts/compact.md``."""
    thinking: int | None = None
    """Tokens of thought before an answer; 0: any number; None: a share of the window
    that suits ``effort``, and ``most_thinking`` at most."""
    effort: str | None = None
    most_thinking: int | None = None
    least_effort: str = "low"
    """The word for the least reasoning that the server knows."""
    asks_again: bool = False
    """Whether an answer without a word and without a call is asked for again, though
    no tool has run."""


class Marks(msgspec.Struct, frozen=True):
    """Sizes of requests in tokens, for one window."""

    window: int | None
    base: int
    """Of instructions, tools and surroundings, which every request has."""
    limit: int
    """At this size the conversation is compacted."""

    @property
    def room(self) -> int:
        """What the conversation may take."""
        return max(0, self.limit - self.base)

    @property
    def aim(self) -> int:
        """The size that leaving out aims at."""
        return self.base + self.room * AIM[0] // AIM[1]

    @property
    def rebuilt(self) -> int:
        """The size that a summary and what stands beside it may have."""
        return self.base + self.room * REBUILT[0] // REBUILT[1]

    @property
    def proof(self) -> int:
        """The size that a compaction must come below."""
        return self.base + self.room * PROOF[0] // PROOF[1]


def marks(window: int | None, compact_at: int | None, base: int) -> Marks | None:
    """Return the sizes; None when neither a window nor a limit is known."""
    if window is None:
        return Marks(None, base, compact_at) if compact_at else None
    most = window * MOST_OF_WINDOW[0] // MOST_OF_WINDOW[1]
    limit = min(most, window - answer_tokens(window))
    return Marks(window, base, min(most, compact_at) if compact_at else limit)


def answer_tokens(window: int) -> int:
    """Return how much of a window is left to an answer."""
    return min(window // ANSWER_SHARE, MAX_ANSWER_TOKENS)


def output_bytes(window: int | None, most: int) -> int:
    """Return how many bytes of one tool's output fit well into a window."""
    if window is None:
        return most
    return min(most, int(window * BYTES_PER_TOKEN) // OUTPUT_SHARE)


def thinking_tokens(limits: Limits, window: int | None) -> int | None:
    """Return how long the model may think before an answer; None: as it likes."""
    if limits.thinking is not None:
        return limits.thinking or None
    if not window:
        return limits.most_thinking
    part, whole = THINKING_SHARES.get(limits.effort or "", THINKING_SHARE)
    return min(window * part // whole, limits.most_thinking or window)


# --- weights --------------------------------------------------------------------------


def weigh_text(text: str) -> int:
    """Return the weight of a text: its bytes, and more for digits."""
    size = len(text) if text.isascii() else len(text.encode(errors="replace"))
    return size + DIGIT_WEIGHT * sum(map(text.count, "0123456789"))


def weigh(item: Item) -> int:
    """Return what an item weighs in a prompt, in bytes of plain text."""
    match item:
        case Message(content=parts):
            size = _parts(parts)
        case Reasoning():
            size = _thought(item)
        case FunctionCall(name=name, arguments=text):
            size = len(name) + weigh_text(text)
        case CustomToolCall(name=name, input=text):
            size = len(name) + weigh_text(text)
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            size = weigh_text(output) if isinstance(output, str) else _parts(output)
        case Unknown(raw=raw):
            size = len(bytes(raw))
        case _:
            size = len(encode(item))
    return ITEM_WEIGHT + size


def weigh_all(items: Iterable[Item]) -> int:
    """Return what items weigh together."""
    return sum(map(weigh, items))


def _parts(parts: list[Part]) -> int:
    size = weigh_text(text_of_output(parts))
    for part in parts:
        match part:
            case InputImage():
                size += IMAGE_WEIGHT
            case Refusal(refusal=text):
                size += weigh_text(text)
            case Unknown(raw=raw):
                size += len(bytes(raw))
            case _:
                pass
    return size


def _thought(item: Reasoning) -> int:
    """Return the weight of the thought itself, or of the blob that stands for it."""
    if texts := item.content or None:
        return sum(weigh_text(part.text) for part in texts)
    blob = "" if item.encrypted_content is UNSET else item.encrypted_content or ""
    return max(len(blob), sum(weigh_text(part.text) for part in item.summary))


# --- tokens ---------------------------------------------------------------------------


class Meter:
    """Makes tokens of weights, the better the more answers it has seen."""

    def __init__(self) -> None:
        self.ratio = BYTES_PER_TOKEN
        """Weight of a token."""
        self._known: tuple[int, int] | None = None
        """The weight and the tokens of the last request that a server counted."""

    def tokens(self, weight: int) -> int:
        """Return the tokens that a request of this weight has."""
        if self._known is None:
            return round(weight / self.ratio)
        known, tokens = self._known
        return max(0, tokens + round((weight - known) / self.ratio))

    def count(self, weight: int) -> int:
        """Return the tokens of a part of a request."""
        return round(weight / self.ratio)

    def weight(self, tokens: int) -> int:
        """Return the weight of so many tokens."""
        return int(tokens * self.ratio)

    def learn(self, weight: int, tokens: int) -> None:
        """Take note of what a server counted for a request of this weight."""
        if tokens <= 0 or weight / tokens > MOST_RATIO:
            return
        self.ratio = max(LEAST_RATIO, weight / tokens)
        self._known = (weight, tokens)


def prompt_tokens(usage: Usage) -> int:
    """Return the tokens of the prompt; a few servers count the cached ones apart."""
    details = usage.input_tokens_details
    cached = details.cached_tokens if details else 0
    return usage.input_tokens + (cached if cached > usage.input_tokens else 0)
