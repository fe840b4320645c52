"""An answer that its client does not wait for: written like any other, and kept.

It takes the place of an ``Exchange``. What is written is kept, so that clients can read
it from the beginning or from where they lost it, also while it grows.
"""

import asyncio
from bisect import bisect_right
from typing import Any

import msgspec
from msgspec.structs import replace

from codex_oss.bridge.full import Frame
from codex_oss.bridge.store import Kept
from codex_oss.wire import responses
from codex_oss.wire.json_text import NOT_JSON

REPLAY_BYTES = 1024 * 1024
"""Of one stream; beyond that its beginning is forgotten."""

_ENDS = ("response.completed", "response.failed", "response.incomplete")


class _Event(msgspec.Struct):
    type: str = ""
    sequence_number: int = 0
    response: msgspec.Raw = msgspec.Raw()


class Detached:
    """One answer in the background. ``kept``: what is known of it before its end.

    ``body`` is the response as it stands, as JSON. ``ended`` says whether it changes
    no more.
    """

    gone = False

    def __init__(self, frame: Frame, kept: Kept) -> None:
        self.started = False
        self.ended = False
        self.told_its_end = False
        """Whether the stream itself came to its end, and was not broken off."""
        self._frame = frame
        self._kept = kept
        self._size = 0
        self._frames: list[bytes] = []
        self._forgotten = 0
        self._changed = asyncio.Event()
        self.body = frame.encode(replace(frame.blank, status="queued"))

    @property
    def id(self) -> str:
        """The id of the response."""
        return self._kept.id

    @property
    def owner(self) -> str:
        """The client it belongs to."""
        return self._kept.owner

    @property
    def kept(self) -> Kept:
        """The response as it stands, to be kept."""
        return replace(self._kept, response=self.body)

    # --- as an exchange ------------------------------------------------------------

    def respond(self, status: int, body: bytes, **_: Any) -> None:  # noqa: ARG002  as its
        """Take a refusal: the answer failed."""
        self.fail(_error_in(body))

    def start(self, status: int, **_: Any) -> None:  # noqa: ARG002  as its
        """Take note that the answer begins."""
        self.started = True
        self.body = self._frame.encode(self._frame.blank)

    def write(self, data: bytes) -> bool:
        """Keep frames of the stream."""
        for frame in data.split(b"\n\n")[:-1]:
            self._frames.append(frame + b"\n\n")
            self._size += len(self._frames[-1])
        while self._size > REPLAY_BYTES and len(self._frames) > 1:
            self._size -= len(self._frames.pop(0))
            self._forgotten += 1
        self._tell()
        return True

    async def ready(self) -> None:
        """Return: nothing that is kept is too slow."""

    def finish(self) -> None:
        """End the answer, if its stream says how."""
        last = _event_in(self._frames[-1]) if self._frames else _Event()
        if last.type in _ENDS and not self.ended:
            self.told_its_end = True
            self._end(bytes(last.response))

    # --- other ends ------------------------------------------------------------------

    def fail(self, error: responses.ResponseError) -> None:
        """End the answer with what went wrong."""
        if self.ended:
            return
        response = replace(self._frame.blank, status="failed", error=error)
        number = _event_in(self._frames[-1]).sequence_number + 1 if self._frames else 0
        self.write(self._frame.life_event(responses.Failed(response=response), number))
        self._end(self._frame.encode(response))

    def cancel(self) -> None:
        """End the answer because its client wants none."""
        if not self.ended:
            cancelled = replace(self._frame.blank, status="cancelled")
            self._end(self._frame.encode(cancelled))

    def _end(self, body: bytes) -> None:
        self.body = body
        self.ended = True
        self._tell()

    # --- readers ----------------------------------------------------------------------

    def place_after(self, number: int) -> int | None:
        """Return where the event after ``number`` is; None when it is forgotten."""
        index = bisect_right(
            self._frames, number, key=lambda frame: _event_in(frame).sequence_number
        )
        if index == 0 and self._forgotten:
            return None
        return self._forgotten + index

    def read(self, place: int) -> tuple[bytes, int] | None:
        """Return all frames from ``place`` on, and the place behind them.

        None when some of them are forgotten: the reader was too slow.
        """
        index = place - self._forgotten
        end = self._forgotten + len(self._frames)
        return (b"".join(self._frames[index:]), end) if index >= 0 else None

    async def more(self) -> None:
        """Wait until there is more to read, or the end."""
        await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _event_in(frame: bytes) -> _Event:
    return msgspec.json.decode(frame.partition(b"\ndata: ")[2], type=_Event)


class _Refusal(msgspec.Struct):
    error: responses.ResponseError


def _error_in(body: bytes) -> responses.ResponseError:
    try:
        return msgspec.json.decode(body, type=_Refusal).error
    except NOT_JSON:
        return responses.ResponseError("server_error", body.decode("utf-8", "replace"))
