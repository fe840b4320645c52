"""What of a conversation is the conversation, and what the Codex CLI put around it.

Codex writes what it tells the model of itself into the history: its permissions, its
skills, the place, AGENTS.md. When a session of Codex's goes on here, codex-oss says
those things itself, in its own words, so Codex's are left out. Prompts, answers,
reasoning, calls and their outputs stay.
"""

from msgspec.structs import replace

from codex_oss.items import InputText, Item, Message, Part, Unknown

_HARNESS = (
    "<permissions instructions>",
    "<skills_instructions>",
    "<collaboration_mode>",
    "<apps_instructions>",
    "<plugins_instructions>",
    "<personality_spec>",
    "<model_switch>",
    "<multi_agent_mode>",
    "<user_instructions>",
    "<token_budget>",
)
"""How the parts of messages begin that only Codex writes."""
_DROPPED = ("ghost_snapshot", "compaction", "compaction_summary", "context_compaction")
"""Items that mean something to Codex or to OpenAI's servers alone."""
_OWN_PLACE = "  <sandbox>"
"""A line of the place as codex-oss tells it; Codex's has none."""


def without_harness(item: Item) -> Item | None:
    """Return an item without what is Codex's own; None if nothing is left."""
    if isinstance(item, Unknown):
        return None if item.type in _DROPPED else item
    if not isinstance(item, Message) or item.role == "assistant":
        return item
    content = [part for part in item.content if not _of_codex(part)]
    if len(content) == len(item.content):
        return item
    return replace(item, content=content) if content else None


def _of_codex(part: Part) -> bool:
    if not isinstance(part, InputText):
        return False
    text = part.text
    if text.startswith("<environment_context>"):
        return _OWN_PLACE not in text
    return text.startswith(_HARNESS)
