"""The events of one response, numbered, and the items that are whole."""

from collections.abc import Callable

from msgspec.structs import force_setattr

from codex_oss.items import Item
from codex_oss.wire import responses

NumberedEvent = (
    responses.Created
    | responses.InProgress
    | responses.OutputItemAdded
    | responses.OutputItemDone
    | responses.ContentPartAdded
    | responses.ContentPartDone
    | responses.Completed
    | responses.Failed
    | responses.IncompleteResponse
    | responses.FlatEvent
)


class Output:
    """Where items write their events.

    ``new_id`` makes an id from its prefix, such as ``msg_``. ``events`` are those that
    nobody has taken yet, ``number`` is that of the next: deltas of text, which are
    nearly all, are written there without a call.
    """

    __slots__ = ("_indexes", "events", "items", "new_id", "number")

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.new_id = new_id
        self.items: list[Item] = []
        self.events: list[responses.Event] = []
        self.number = 0
        self._indexes = 0

    def emit(self, event: NumberedEvent) -> None:
        """Give the event its number and queue it; nobody else has seen it yet."""
        force_setattr(event, "sequence_number", self.number)
        self.number += 1
        self.events.append(event)

    def take(self) -> list[responses.Event]:
        """Return the events since the last time."""
        events, self.events = self.events, []
        return events

    def add_item(self, item: Item) -> int:
        """Announce an item and return its place in the response."""
        index = self._indexes
        self._indexes += 1
        self.emit(responses.OutputItemAdded(output_index=index, item=item))
        return index

    def finish_item(self, index: int, item: Item) -> None:
        """Hand out an item whole."""
        self.items.append(item)
        self.emit(responses.OutputItemDone(output_index=index, item=item))
