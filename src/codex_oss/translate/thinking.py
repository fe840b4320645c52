"""How families of models think, and what makes each think more, less, or not at all.

The sources of the rows, read in November 2026, are the models' own pages and chat
templates; vLLM's page on reasoning outputs, its pull request 43401 and issue 54616;
SGLang's page on its reasoning parser; llama.cpp's pull requests 26045 and 27221; LM
Studio's issue 2057.
"""

from typing import Any, Literal

import msgspec

Control = Literal["levels", "switch", "always", "prompt", "never", "unknown"]
OFF = ("none", "minimal")
"""Efforts that turn the thoughts off where there is nothing between on and off."""
_RANKS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Thinking(msgspec.Struct, frozen=True, kw_only=True):
    """How a family of models thinks."""

    control: Control = "unknown"
    """``levels``: it knows words for how much; ``switch``: on and off; ``always`` and
    ``never``: nothing changes it; ``prompt``: it thinks if its instructions want it;
    ``unknown``: an effort is handed on as it is."""
    efforts: tuple[str, ...] = ()
    """The words it knows, the least first."""
    key: str = ""
    """The variable of its chat template that turns its thoughts on and off."""
    silencer: str = ""
    """What in a prompt turns them off, where a server passes no variables on."""
    most: int | None = None
    """Tokens that its makers leave to an answer with its thoughts."""


Row = tuple[str, Thinking]

_NEVER = Thinking(control="never")
_SWITCH = Thinking(control="switch", key="enable_thinking")
_OTHER_SWITCH = Thinking(control="switch", key="thinking")
_ALWAYS = Thinking(control="always")
_LENGTH = 32_768
"""What the pages of Qwen3, QwQ and DeepSeek-R1 give most answers."""

FAMILIES: tuple[Row, ...] = (
    # Guides for it give `high` 30,000 tokens.
    (
        "gpt-oss",
        Thinking(control="levels", efforts=("low", "medium", "high"), most=30_000),
    ),
    ("qwen3-coder", _NEVER),
    ("qwen3 instruct", _NEVER),
    ("qwen3 thinking", Thinking(control="always", most=_LENGTH)),
    # Its template knows three levels besides the switch, and thinks at `xhigh` unasked.
    (
        "qwen3.8",
        Thinking(
            control="levels",
            efforts=("none", "low", "medium", "xhigh"),
            key="enable_thinking",
            most=_LENGTH,
        ),
    ),
    # 3.5 and later ones know no word for it in the prompt.
    ("qwen3.", Thinking(control="switch", key="enable_thinking", most=_LENGTH)),
    (
        "qwen3",
        Thinking(
            control="switch",
            key="enable_thinking",
            silencer="/no_think",
            most=_LENGTH,
        ),
    ),
    ("qwq", Thinking(control="always", most=_LENGTH)),
    # The distilled ones too, whatever they are made of.
    ("deepseek-r1", Thinking(control="always", most=_LENGTH)),
    (
        "deepseek-v4",
        Thinking(
            control="levels", efforts=("none", "low", "high", "max"), key="thinking"
        ),
    ),
    # Off unless it is asked for.
    ("deepseek-v3.1", _OTHER_SWITCH),
    ("deepseek-v3.2", _OTHER_SWITCH),
    ("deepseek-v3", _NEVER),
    ("glm-4.5", _SWITCH),
    ("glm-4.6", _SWITCH),
    ("glm-4.7", _SWITCH),
    ("glm-5", _SWITCH),
    # Its makers' system prompt makes it think; ours takes that one's place.
    ("magistral", Thinking(control="prompt", most=40_960)),
    ("ministral reasoning", Thinking(control="prompt")),
    ("ministral", _NEVER),
    ("devstral", _NEVER),
    ("codestral", _NEVER),
    # Off unless it is asked for; 4.0 and 4.1 do not think.
    ("granite-3.2", _OTHER_SWITCH),
    ("granite-3.3", _OTHER_SWITCH),
    ("granite-4.0", _NEVER),
    ("granite-4.1", _NEVER),
    # Off unless it is asked for.
    ("gemma-4", _SWITCH),
    ("gemma-3", _NEVER),
    ("gemma-2", _NEVER),
    ("nemotron-3", _SWITCH),
    (
        "smollm3",
        Thinking(control="switch", key="enable_thinking", silencer="/no_think"),
    ),
    ("smollm2", _NEVER),
    ("kimi-k2 thinking", _ALWAYS),
    ("kimi-k2.5", _OTHER_SWITCH),
    ("minimax-m2", _ALWAYS),
    ("phi-4 reasoning", _ALWAYS),
    ("phi-4", _NEVER),
    ("qwen2", _NEVER),
    ("llama-3", _NEVER),
)
"""Words that must all stand in a model's name; the first row that fits counts."""

UNKNOWN = Thinking()


def thinking_of(model: str) -> Thinking:
    """Return how a model thinks, by its name.

    Signs between words do not count: ``gemma4:31b`` is ``gemma-4``.
    """
    name = _plain(model)
    for words, thinking in FAMILIES:
        if all(_plain(word) in name for word in words.split()):
            return thinking
    return UNKNOWN


def nearest(asked: str, known: tuple[str, ...]) -> str | None:
    """Return the known effort that is nearest, of two the greater.

    None: nobody knows it, or none are known.
    """
    if asked in known:
        return asked
    if asked not in _RANKS or not known:
        return None
    rank = _RANKS.index(asked)
    return min(
        known,
        key=lambda word: (abs(_RANKS.index(word) - rank), -_RANKS.index(word)),
    )


def effort_for(thinking: Thinking, asked: str | None) -> str | None:
    """Return the effort that a family is asked for; None: it is not asked.

    Some servers believe ``none`` of every model: they hide the thoughts of one that
    thinks all the same, and it thinks no less.
    """
    match thinking.control:
        case "always" | "prompt" | "never":
            return None
        case "levels" if asked:
            return nearest(asked, thinking.efforts)
        case "switch" if asked in OFF:
            return "none"
        case _:
            return asked or None


def variables(thinking: Thinking, asked: str | None) -> dict[str, Any] | None:
    """Return what the model's chat template is told of an effort; None: nothing."""
    effort = effort_for(thinking, asked)
    if not effort or not thinking.key:
        return None
    told: dict[str, Any] = {thinking.key: effort != "none"}
    if thinking.control == "levels" and effort != "none":
        told["reasoning_effort"] = effort
    return told


def least(thinking: Thinking) -> str:
    """Return the word for as few thoughts as possible."""
    return thinking.efforts[0] if thinking.efforts else "none"


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
