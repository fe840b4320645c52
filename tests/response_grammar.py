"""The grammar of a response's events, checked on any stream of them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from codex_oss.items import (
    CustomToolCall,
    FunctionCall,
    Item,
    Message,
    OutputText,
    Reasoning,
    Refusal,
    ToolSearchCall,
    Unknown,
)
from codex_oss.translate.repair import mend_arguments
from codex_oss.wire import responses

Schemas = Mapping[str, dict[str, Any] | None]

DELTAS = (
    responses.OutputTextDelta
    | responses.RefusalDelta
    | responses.ReasoningTextDelta
    | responses.ReasoningSummaryTextDelta
    | responses.FunctionCallArgumentsDelta
    | responses.CustomToolCallInputDelta
)
ENDS = responses.Completed | responses.IncompleteResponse | responses.Failed


def items(events: Iterable[responses.Event]) -> list[Item]:
    """Return the items that a client would keep."""
    return [e.item for e in events if isinstance(e, responses.OutputItemDone)]


def meaning(items: Iterable[Item]) -> list[tuple[str, str]]:
    """Return what the items say; one that was taken back says nothing."""
    said: list[tuple[str, str]] = []
    for item in items:
        match item:
            case Message(phase="commentary", content=[OutputText(text="")]):
                pass
            case Reasoning(summary=[]):
                pass
            case Reasoning(summary=[summary]):
                said.append(("thought", summary.text.strip()))
            case Message(content=[OutputText() as part]):
                said.append(("said", part.text))
            case Message(content=[Refusal() as part]):
                said.append(("refused", part.refusal))
            case FunctionCall():
                said.append((item.name, item.arguments))
            case CustomToolCall():
                said.append((item.name, item.input))
            case ToolSearchCall():
                said.append(("tool_search", json.dumps(item.arguments)))
            case _:
                raise AssertionError(f"unexpected {item}")
    return said


def last(events: list[responses.Event]) -> responses.Response:
    """Return the response in the last event."""
    end = events[-1]
    assert isinstance(end, ENDS)
    return end.response


def check_grammar(
    events: list[responses.Event],
    schemas: Schemas | None = None,
    *,
    asked_again: bool = False,
) -> None:
    """Assert the order of events, and that deltas add up to their items.

    One item is open at a time. ``schemas`` are those of the tools, by name: a call's
    arguments may be mended after their deltas. ``asked_again``: a call's deltas may be
    those of the first answer, its arguments those of the second.
    """
    numbers = [e.sequence_number for e in events if not isinstance(e, Unknown)]
    assert numbers == list(range(len(events)))
    assert isinstance(events[0], responses.Created)
    assert isinstance(events[1], responses.InProgress)
    stream = _Stream()
    for event in events[2:-1]:
        stream.take(event)
    end = last(events)
    assert end.output == stream.closed
    assert stream.open is None or end.status in ("incomplete", "failed")
    for item in stream.closed:
        if not (asked_again and isinstance(item, FunctionCall)):
            stream.check(item, schemas or {})


class _Stream:
    def __init__(self) -> None:
        self.open: str | None = None
        self.closed: list[Item] = []
        self.added = 0
        self._written: dict[tuple[str, type], str] = {}

    def take(self, event: responses.Event) -> None:
        match event:
            case responses.InProgress():
                pass
            case responses.OutputItemAdded():
                assert self.open is None
                assert event.output_index == self.added
                self.open = _id(event.item)
                self.added += 1
            case responses.OutputItemDone():
                assert self.open == _id(event.item)
                assert event.output_index == self.added - 1
                self.open = None
                self.closed.append(event.item)
            case _:
                self._inside(event)

    def _inside(self, event: responses.Event) -> None:
        assert not isinstance(
            event, ENDS | Unknown | responses.ErrorEvent | responses.Created
        )
        assert not isinstance(
            event,
            responses.InProgress | responses.OutputItemAdded | responses.OutputItemDone,
        )
        assert event.item_id == self.open
        assert event.output_index == self.added - 1
        if isinstance(event, DELTAS):
            key = (event.item_id, type(event))
            self._written[key] = self._written.get(key, "") + event.delta

    def check(self, item: Item, schemas: Schemas) -> None:
        def told(kind: type) -> str:
            return self._written[_id(item), kind]

        match item:
            case Message(phase="commentary", content=[OutputText(text="")]):
                pass  # taken back
            case Message(content=[OutputText() as part]):
                assert told(responses.OutputTextDelta) == part.text
            case Message(content=[Refusal() as part]):
                assert told(responses.RefusalDelta) == part.refusal
            case Reasoning(summary=[]):
                pass  # taken back
            case Reasoning(summary=[summary], content=[thought]):
                assert told(responses.ReasoningSummaryTextDelta) == summary.text
                assert told(responses.ReasoningTextDelta) == thought.text
            case ToolSearchCall():
                assert item.execution == "client"
            case CustomToolCall():
                assert told(responses.CustomToolCallInputDelta) == item.input
            case FunctionCall():
                raw = told(responses.FunctionCallArgumentsDelta)
                mended = mend_arguments(raw, schemas.get(item.name))
                assert item.arguments in (raw, mended)
            case _:
                raise AssertionError(f"unexpected {item}")


def _id(item: Item) -> str:
    assert not isinstance(item, Unknown)
    assert isinstance(item.id, str)
    return item.id
