"""The models behind a bridge, as the Codex CLI's catalogue lists them.

Codex knows the models of OpenAI. Of any other it assumes a context of 272 000 tokens
and sends 17 KB of instructions; an entry here tells it better. Source of the form:
``codex debug models`` of the Codex CLI 0.169.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from codex_oss.config.schema import Diet
from codex_oss.translate.diet import SMALL_WINDOW
from codex_oss.translate.diet.instructions import instructions as of_diet

UNKNOWN_WINDOW = 16_384
"""Tokens, where the server does not say: compacting early loses less than too late."""
WINDOW_PERCENT = 90
"""Of the window that a conversation may fill; the answer needs the rest."""
OUTPUT_SHARE = 8
"""The output of one call may fill this part of the window..."""
OUTPUT_TOKENS = (1_000, 10_000)
"""... and at least and at most so many tokens."""
OFFERED = ("exec_command", "write_stdin", "apply_patch")
"""Tools that Codex offers to each model of a catalogue."""


class ModelEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked. ``context_window`` is what the server really gives."""

    id: str
    context_window: int | None = None
    vision: bool = False


class _Effort(msgspec.Struct, frozen=True):
    effort: str
    description: str


class _Truncation(msgspec.Struct, frozen=True):
    mode: Literal["tokens", "bytes"]
    limit: int


class CodexModel(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of Codex's catalogue."""

    slug: str
    display_name: str
    description: str
    supported_reasoning_levels: tuple[_Effort, ...]
    priority: int
    base_instructions: str
    truncation_policy: _Truncation
    context_window: int
    max_context_window: int
    input_modalities: tuple[str, ...]
    supports_parallel_tool_calls: bool = True
    apply_patch_tool_type: Literal["freeform"] = "freeform"
    """The only type that 0.169 knows; without it, models have no tool for edits."""
    multi_agent_version: Literal["disabled"] = "disabled"
    """10 KB of tools for sub-agents, which a local server would run one by one."""
    shell_type: str = "unified_exec"
    visibility: str = "list"
    supported_in_api: bool = True
    support_verbosity: bool = False
    supports_reasoning_summaries: bool = True
    default_reasoning_summary: str = "auto"
    """A model's reasoning is shown; ``none`` would hide it."""
    effective_context_window_percent: int = WINDOW_PERCENT
    supports_search_tool: bool = False
    use_responses_lite: bool = False
    include_skills_usage_instructions: bool = False
    include_plugin_usage_instructions: bool = False
    include_apps_usage_instructions: bool = False
    experimental_supported_tools: tuple[str, ...] = ()


class _CodexModels(msgspec.Struct, frozen=True):
    models: list[CodexModel]


_EFFORTS = (
    _Effort("low", "Thinks little"),
    _Effort("medium", "Thinks as much as most tasks need"),
    _Effort("high", "Thinks long"),
)


def codex_models(entries: Sequence[ModelEntry], level: Diet = "safe") -> bytes:
    """Return the answer to ``GET /v1/models?client_version=…``, a catalogue's file."""
    models = [_codex(each, number, level) for number, each in enumerate(entries, 1)]
    return msgspec.json.encode(_CodexModels(models))


def decode(data: bytes) -> list[CodexModel]:
    """Return the entries of a catalogue; raises ``msgspec.DecodeError``."""
    return msgspec.json.decode(data, type=_CodexModels).models


def encode(models: Sequence[CodexModel]) -> bytes:
    """Return the entries as a catalogue's file."""
    whole = msgspec.json.encode(_CodexModels(list(models)))
    return msgspec.json.format(whole, indent=2) + b"\n"


def instructions(window: int, level: Diet = "safe") -> str:
    """Return what stands at the head of every conversation.

    They are those of the diet, which then finds nothing to replace.
    """
    small = level == "aggressive" or window <= SMALL_WINDOW
    return of_diet("aggressive" if small else "safe", OFFERED)


def output_tokens(window: int) -> int:
    """Return how much of one call's output a conversation gets to hold, in tokens."""
    least, most = OUTPUT_TOKENS
    return max(least, min(most, window // OUTPUT_SHARE))


def _codex(entry: ModelEntry, priority: int, level: Diet) -> CodexModel:
    window = entry.context_window or UNKNOWN_WINDOW
    known = "" if entry.context_window else ", assumed"
    return CodexModel(
        slug=entry.id,
        display_name=entry.id,
        description=f"Behind the codex-oss bridge; {window} tokens of context{known}.",
        supported_reasoning_levels=_EFFORTS,
        priority=priority,
        base_instructions=instructions(window, level),
        truncation_policy=_Truncation("tokens", output_tokens(window)),
        context_window=window,
        max_context_window=window,
        input_modalities=("text", "image") if entry.vision else ("text",),
    )
