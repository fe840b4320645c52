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

    ``new_id`` makes an id from its prefix, such as ``msg_``.
    """

    __slots__ = ("_events", "_indexes", "_numbers", "items", "new_id")

    def __init__(self, new_id: Callable[[str], str]) -> None:
        self.new_id = new_id
        self.items: list[Item] = []
        self._events: list[responses.Event] = []
        self._numbers = 0
        self._indexes = 0

    def emit(self, event: NumberedEvent) -> None:
        """Give the event its number and queue it; nobody else has seen it yet."""
        force_setattr(event, "sequence_number", self._numbers)
        self._numbers += 1
        self._events.append(event)

    def take(self) -> list[responses.Event]:
        """Return the events since the last time."""
        events, self._events = self._events, []
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
