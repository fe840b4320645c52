"""Items and parts of an answer with every field that strict clients demand."""

from typing import Any

import msgspec

from codex_oss.items import (
    FunctionCall,
    Item,
    Message,
    OutputText,
    Part,
    ReasoningText,
    Tagged,
)


class _OutputText(Tagged, frozen=True, kw_only=True, tag="output_text"):
    text: str
    annotations: list[Any]
    logprobs: tuple[()] = ()


class _Message(Tagged, frozen=True, kw_only=True, tag="message"):
    id: str | msgspec.UnsetType
    status: str
    role: str
    content: list[Any]
    phase: str | msgspec.UnsetType


def whole_item(item: Item) -> object:
    """Return an item of an answer with every field that clients demand."""
    match item:
        case Message():
            return _Message(
                id=item.id,
                status=item.status or "completed",
                role=item.role,
                content=[whole_part(part) for part in item.content],
                phase=item.phase,
            )
        case FunctionCall(status=msgspec.UNSET):
            return msgspec.structs.replace(item, status="completed")
        case _:
            return item


def whole_part(part: Part | ReasoningText) -> object:
    """Return a part of an item with every field that clients demand."""
    if isinstance(part, OutputText):
        return _OutputText(text=part.text, annotations=part.annotations)
    return part
