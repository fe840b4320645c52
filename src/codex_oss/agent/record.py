"""What became of a turn, for those who are told when it is over."""

import msgspec

from codex_oss import events
from codex_oss.items import Item, Message, text_of


class Turned(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that has ended.

    ``answer`` is the model's last message, ``failure`` why the turn failed; either may
    be missing.
    """

    turn_id: str
    prompts: list[str]
    answer: str | None = None
    failure: str | None = None


class Record:
    """Hears the events of one turn."""

    def __init__(self, turn_id: str, prompt: Item | None) -> None:
        self.turn_id = turn_id
        self.prompted = prompt is not None
        self.prompt = text_of(prompt.content) if isinstance(prompt, Message) else ""
        self._answer: str | None = None
        self._failure: str | None = None

    def hear(self, event: events.Event) -> None:
        """Take note of an event."""
        match event:
            case events.ItemCompleted(item=events.AgentMessage(text=text)):
                self._answer = text
            case events.TurnFailed(error=failure):
                self._failure = failure.message
            case _:
                return

    def turned(self) -> Turned:
        """Return what became of the turn."""
        return Turned(
            turn_id=self.turn_id,
            prompts=[self.prompt],
            answer=self._answer,
            failure=self._failure,
        )
