"""A conversation cut into rounds: an answer of the model and the outputs of its calls.

Between the two nothing may be cut: servers refuse calls without outputs, and outputs
without calls.
"""

from collections.abc import Sequence

from codex_oss.items import (
    HANDOFF,
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    Reasoning,
    ToolSearchCall,
    is_prompt,
    text_of,
)

CALLS = (FunctionCall, CustomToolCall, ToolSearchCall)
_PLACE = ("<environment_context>", "# AGENTS.md instructions", "<permissions")
"""How messages begin that tell of the place: ours, and the Codex CLI's."""


def starts(items: Sequence[Item]) -> list[int]:
    """Return where each round begins."""
    return [
        index
        for index, item in enumerate(items)
        if by_model(item) and not (index and by_model(items[index - 1]))
    ]


def by_model(item: Item) -> bool:
    """Return whether the model made an item."""
    match item:
        case Message(role=role):
            return role == "assistant"
        case Reasoning():
            return True
        case _:
            return isinstance(item, CALLS)


def begin_of_last(items: Sequence[Item], rounds: int) -> int:
    """Return where the last so many rounds begin: 0 when there are not as many."""
    begins = starts(items)
    return begins[-rounds] if rounds and len(begins) >= rounds else 0


def prompts(items: Sequence[Item]) -> list[int]:
    """Return where the user's own messages stand."""
    return [index for index, item in enumerate(items) if is_prompt(item)]


def surroundings(items: Sequence[Item]) -> list[Item]:
    """Return what tells of the place: what stands before the first prompt.

    Where a later message says anew what an earlier one said, the later one counts.
    """
    asked = prompts(items)
    kinds: dict[str, Item] = {}
    for index, item in enumerate(items):
        if not isinstance(item, Message) or item.role == "assistant":
            continue
        text = text_of(item.content)
        kind = next((place for place in _PLACE if text.startswith(place)), "")
        if kind:
            kinds[kind] = item
        elif asked and index < asked[0] and not text.startswith(HANDOFF):
            kinds[text] = item
    return list(kinds.values())
