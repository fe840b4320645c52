"""`exec --json`: every event as one line of JSON on stdout."""

from typing import BinaryIO

from codex_oss import events
from codex_oss.wire.responses import encode

_LIVE = (
    events.Asked,
    events.Reading,
    events.Answering,
    events.Compacted,
    events.TextDelta,
    events.ReasoningDelta,
    events.OutputDelta,
    events.Thought,
    events.Blocked,
)


class JsonLines:
    """Prints events as Codex's ``exec --json`` does."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def feed(self, event: events.Event) -> None:
        """Print one event; those for live screens are left out."""
        if isinstance(event, _LIVE):
            return
        self._out.write(encode(event) + b"\n")
        self._out.flush()

    def finish(self, last_message: str | None) -> None:
        """Print nothing: the last event said it all."""
