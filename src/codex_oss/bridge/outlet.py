"""Where the events of an answer go: to the client as they come, or into one object."""

import asyncio

from msgspec.structs import replace

from codex_oss.bridge.detached import Detached
from codex_oss.bridge.failures import for_codex
from codex_oss.bridge.full import STREAM_HEADERS, Frame, encode_event
from codex_oss.bridge.ledger import Entry
from codex_oss.items import Item
from codex_oss.net.server import Exchange
from codex_oss.wire import responses

_DELTAS = frozenset(
    (
        responses.OutputTextDelta,
        responses.ReasoningTextDelta,
        responses.ReasoningSummaryTextDelta,
        responses.FunctionCallArgumentsDelta,
        responses.CustomToolCallInputDelta,
    )
)


class Whole:
    """Keeps the response (``ports.Outlet``)."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self.note = entry.note
        self._first = True
        self._done: list[Item] = []
        self.response: responses.Response | None = None

    def put(self, events: list[responses.Event]) -> bool:
        """Take what is whole, drop the pieces."""
        for event in events:
            if isinstance(event, responses.ENDS):
                whole = event.response.output or self._done
                self.response = replace(event.response, output=whole)
            elif isinstance(event, responses.OutputItemDone):
                self._done.append(event.item)
            elif self._first and not isinstance(event, responses.LIFE_SIGNS):
                self._first = False
                self._entry.first()
        return True

    async def ready(self) -> None:
        """Return: nobody is slow here."""


class Streamed:
    """Sends events to the client (``ports.Outlet``), and keeps the stream alive.

    ``hold_end``: the last event waits for ``close``, so that what it tells of can be
    kept before a client goes on from it. ``codex``: failures are told so that the Codex
    CLI shows them.

    The stream begins with the first event of the answer, or after ``patience_s``; a
    request that fails before gets a status that says so. From then on no
    ``keep_alive_s`` seconds pass without an event.
    """

    __slots__ = (
        "_codex",
        "_entry",
        "_exchange",
        "_frame",
        "_held",
        "_hold_end",
        "_keep_alive_s",
        "_loop",
        "_number",
        "_quiet",
        "_timer",
        "_waits_for_token",
        "begun",
        "done",
        "note",
        "response",
    )

    def __init__(
        self,
        exchange: Exchange | Detached,
        frame: Frame,
        entry: Entry,
        *,
        keep_alive_s: float,
        codex: bool = False,
        hold_end: bool = False,
    ) -> None:
        self._exchange = exchange
        self._frame = frame
        self._entry = entry
        # The entry's own: who keeps it keeps neither this nor the request.
        self.note = entry.note
        self._number = 0
        self._quiet = False
        self._keep_alive_s = keep_alive_s
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._waits_for_token = True
        self._codex = codex
        self._hold_end = hold_end
        self._held = b""
        self.begun = False
        self.done: list[Item] = []
        """The items that the client has whole."""
        self.response: responses.Response | None = None
        """The response, once it has ended."""

    # --- ports.Outlet --------------------------------------------------------------

    def put(self, events: list[responses.Event]) -> bool:
        """Send events, all in one write."""
        if (
            len(events) == 1
            and type(events[0]) in _DELTAS
            and not self._waits_for_token
        ):
            frame = encode_event(events[0], self._number)  # nearly every read
            self._number += 1
            self._quiet = False
            self._entry.wrote(frame)
            return self._exchange.write(frame)
        out: list[bytes] = []
        for event in events:
            if type(event) in _DELTAS:
                out.append(encode_event(event, self._number))
                self._number += 1
                if self._waits_for_token:
                    self._waits_for_token = False
                    self._entry.first()
            elif self.response is None:
                self._put_other(event, out)
        if not out:
            return True
        self._quiet = False
        return self._write(b"".join(out))

    async def ready(self) -> None:
        """Wait until the client has read more."""
        await self._exchange.ready()

    # --- what is not an event of the model --------------------------------------------

    def expect(self, patience_s: float) -> None:
        """Begin the stream after ``patience_s``, if nothing has begun it."""
        self._timer = self._loop.call_later(patience_s, self._tick)

    def fail(self, error: responses.ResponseError) -> None:
        """End a stream that has begun with what went wrong."""
        response = replace(
            self._frame.blank, status="failed", error=error, output=self.done
        )
        self.put([responses.Failed(response=response)])

    def close(self) -> None:
        """End the stream; no event follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.begun:
            return
        if self._held:
            self._write(self._held)
        self._exchange.finish()

    # --- inside --------------------------------------------------------------------

    def _put_other(self, event: responses.Event, out: list[bytes]) -> None:
        if not self.begun:
            self._begin(out)
        match event:
            case responses.Created():
                pass
            case responses.InProgress():
                if self._quiet:
                    self._life(responses.InProgress(response=self._frame.blank), out)
            case (
                responses.Completed()
                | responses.Failed()
                | responses.IncompleteResponse()
            ):
                self._end(event, out)
            case _:
                if isinstance(event, responses.OutputItemDone):
                    self.done.append(event.item)
                out.append(encode_event(event, self._number))
                self._number += 1

    def _begin(self, out: list[bytes]) -> None:
        self.begun = True
        if self._timer is None:
            self._arm()
        self._exchange.start(
            200, content_type="text/event-stream", headers=STREAM_HEADERS
        )
        blank = self._frame.blank
        self._life(responses.Created(response=blank), out)
        self._life(responses.InProgress(response=blank), out)

    def _end(
        self,
        event: responses.Completed | responses.Failed | responses.IncompleteResponse,
        out: list[bytes],
    ) -> None:
        ended = replace(
            event.response,
            id=self._frame.blank.id,
            created_at=self._frame.blank.created_at,
            model=self._frame.blank.model,
            # Servers of Responses may leave out at the end what they have sent.
            output=event.response.output or self.done,
        )
        if ended.error is not None and self._codex:
            # Before anything was shown, the model's side has asked again already.
            shown = bool(self.done) or not self._waits_for_token
            ended = replace(ended, error=for_codex(ended.error, retry=shown))
        self.response = ended
        self._life(type(event)(response=ended), out)
        if self._hold_end:
            self._held = out.pop()

    def _life(
        self,
        event: responses.Created
        | responses.InProgress
        | responses.Completed
        | responses.Failed
        | responses.IncompleteResponse,
        out: list[bytes],
    ) -> None:
        out.append(self._frame.life_event(event, self._number))
        self._number += 1

    def _tick(self) -> None:
        """Send an event if half the time has passed without one, and once more."""
        if self.response is not None or self._exchange.gone:
            return
        out: list[bytes] = []
        if not self.begun:
            self._begin(out)
        elif self._quiet:
            self._life(responses.InProgress(response=self._frame.blank), out)
        self._quiet = True
        if out:
            self._write(b"".join(out))
        self._arm()

    def _arm(self) -> None:
        if self._keep_alive_s:
            self._timer = self._loop.call_later(self._keep_alive_s / 2, self._tick)

    def _write(self, data: bytes) -> bool:
        self._entry.wrote(data)
        return self._exchange.write(data)
