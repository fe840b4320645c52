"""The body of a 200: a stream of events, or one JSON object."""

from typing import Literal

from codex_oss.errors import ServerFault
from codex_oss.net import Reply
from codex_oss.providers.failure import Asked, not_an_api
from codex_oss.wire.framing import SseDecoder

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Of an answer that is not streamed."""

_JSON = ("application/json", "application/problem+json")
# Some servers do not say what they stream, or call it text.
_EVENTS = ("text/event-stream", "text/plain", "application/octet-stream", "")


def kind_of(reply: Reply, asked: Asked) -> Literal["events", "json"]:
    """Tell which it is; raises ``NotFound`` for web pages and the like."""
    kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _JSON:
        return "json"
    if kind in _EVENTS:
        return "events"
    raise not_an_api(asked, kind)


async def read_json(reply: Reply, asked: Asked) -> bytes:
    """Return the JSON text of an answer that is not streamed."""
    data = await reply.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise ServerFault(f"{asked.url} answered more than {MAX_JSON_BYTES} bytes")
    return data


class Frames:
    """The data of a stream's events: ``next`` until it returns None."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._decoder = SseDecoder()
        self._over = False

    async def next(self) -> list[str] | None:
        """Return the data of the events that have come; None after the last."""
        if self._over:
            return None
        data = await self._reply.receive()
        self._over = not data
        if data:
            return self._decoder.texts(data)
        return [frame.data for frame in self._decoder.finish()]
