"""A model over the Responses API: requests go out as they are."""

from collections.abc import AsyncGenerator, Iterator

import msgspec

from codex_oss.errors import (
    BadRequest,
    Busy,
    ModelError,
    QuotaExceeded,
    ServerFault,
    StreamCut,
)
from codex_oss.facts import Sent
from codex_oss.items import Unknown
from codex_oss.ports import Note, Outlet, unheard
from codex_oss.providers.body import Frames, kind_of, read_json
from codex_oss.providers.endpoint import Endpoint
from codex_oss.providers.failure import Asked, refusal
from codex_oss.providers.primer import prime
from codex_oss.providers.probe import Probe
from codex_oss.providers.tap import Tap, pour_twice
from codex_oss.translate.failure import classify, overflow
from codex_oss.wire import responses
from codex_oss.wire.framing import SseDecoder
from codex_oss.wire.json_text import NOT_JSON

_DONE = "[DONE]"
_ERROR = '"error"'
_UNTOLD = 400
"""The status of an error that came as 200."""


class ResponsesModel:
    """A model behind ``POST /responses`` (``ports.Model``)."""

    def __init__(self, endpoint: Endpoint, probe: Probe) -> None:
        self._endpoint = endpoint
        self._probe = probe

    async def stream(
        self, request: responses.Request, note: Note = unheard
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events of the answer, up to the one that ends it."""
        asked = self._endpoint.asked(request.model)
        with await self._endpoint.ask(
            request.model, responses.encode(request), note
        ) as reply:
            if kind_of(reply, asked) == "json":
                for event in _whole(asked, await read_json(reply, asked)):
                    yield event
                return
            frames, reported, begun = Frames(reply), None, False
            while (batch := await frames.next()) is not None:
                for event in _decoded(batch):
                    if not (begun or isinstance(event, responses.LIFE_SIGNS)):
                        begun = True
                        reply.hurry()
                    yield event
                    if isinstance(event, responses.ENDS):
                        reply.release()
                        return
                    if isinstance(event, responses.ErrorEvent):
                        reported = event
            raise _broken(reported)

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Push the events of the answer, up to the one that ends it.

        An answer that breaks before anything of it was shown is asked for once more.
        """
        await pour_twice(outlet, lambda tap: self._pour(request, tap))

    async def _pour(self, request: responses.Request, tap: Tap) -> None:
        note = tap.outlet.note
        asked = self._endpoint.asked(request.model)
        body = responses.encode(request)
        note(Sent(url=asked.url, body=body))
        with await self._endpoint.ask(request.model, body, note) as reply:
            if kind_of(reply, asked) == "json":
                tap.put(_whole(asked, await read_json(reply, asked)))
                return
            answer, begun = _Answer(), False

            def put(data: bytes) -> bool:
                nonlocal begun
                more = tap.put(answer.feed(data))
                if answer.ended:
                    reply.release()
                elif tap.shown and not begun:
                    begun = True
                    reply.hurry()
                return more

            await reply.pour(put, tap.outlet.ready)
            if not answer.ended:
                tap.put(answer.finish())

    async def load(self) -> None:
        """Do nothing: servers of this API load a model when it is asked."""

    async def warm(self, request: responses.Request) -> None:
        """Let a local server read the request, and write one token."""
        if self._endpoint.local:
            await prime(self.stream, request)

    async def window(self) -> int | None:
        """Return the context window that the server says it gives."""
        return (await self._probe.server()).context_window

    async def sees(self) -> bool | None:
        """Return whether the model can see images, if the server says so."""
        return (await self._probe.server()).vision

    async def close(self) -> None:
        """Close the client's unused connections."""
        await self._endpoint.client.close()


class _Answer:
    """Bytes of one answer in, events out. ``ended``: the last one has come.

    An error that comes as an event is kept back: the end of the answer tells it.
    """

    __slots__ = ("_reported", "_sse", "ended")

    def __init__(self) -> None:
        self._sse = SseDecoder()
        self._reported: responses.ErrorEvent | None = None
        self.ended = False

    def feed(self, data: bytes) -> list[responses.Event]:
        """Return the events that are whole now."""
        return self._read(self._sse.texts(data))

    def finish(self) -> list[responses.Event]:
        """Return the last events; raises ``ModelError`` when the end is not there."""
        events = self._read([frame.data for frame in self._sse.finish()])
        if not self.ended:
            raise _broken(self._reported)
        return events

    def _read(self, batch: list[str]) -> list[responses.Event]:
        events: list[responses.Event] = []
        if self.ended:
            return events
        for event in _decoded(batch):
            if isinstance(event, responses.ErrorEvent):
                self._reported = event
                continue
            events.append(event)
            if isinstance(event, responses.ENDS):
                self.ended = True
                break
        return events


def _decoded(batch: list[str]) -> Iterator[responses.Event]:
    for data in batch:
        if data == _DONE:
            continue
        try:
            event = responses.decode_event(data)
        except BadRequest as error:
            # Not the request is bad but the event that would end the stream.
            raise StreamCut(str(error)) from error
        match event:
            case responses.Failed(response=response):
                yield msgspec.structs.replace(event, response=_classified(response))
            case responses.ErrorEvent(message=None) | Unknown() if _ERROR in data:
                yield _nested(data) or event
            case _:
                yield event


def _nested(data: str) -> responses.ErrorEvent | None:
    """Return an error of the form that Chat Completions has; servers send it too."""
    from codex_oss.wire import chat  # noqa: PLC0415  5 ms that only failures pay

    match chat.decode_chunk(data):
        case chat.ChunkError() as error:
            return responses.ErrorEvent(code=error.code, message=error.message)
        case _:
            return None


def _classified(response: responses.Response) -> responses.Response:
    """Return a failed response with the code that its words have, if they have one."""
    error = response.error
    if error is None:
        return response
    code = classify(None, f"{error.code} {error.message}")
    if code == "server_error":
        return response
    told = responses.ResponseError(code, error.message)
    return msgspec.structs.replace(response, error=told)


def _broken(reported: responses.ErrorEvent | None) -> ModelError:
    """Return the error of a stream without an end, by the error that it told of."""
    if reported is None:
        return StreamCut("stream closed before response.completed")
    said = reported.message or reported.code or "an error without a word"
    match classify(None, f"{reported.code} {said}"):
        case "context_length_exceeded":
            return overflow(said)
        case "insufficient_quota":
            return QuotaExceeded(hint=said)
        case "rate_limit_exceeded":
            return Busy(said)
        case _:
            return StreamCut(f"stream closed before response.completed: {said}")


def _whole(asked: Asked, data: bytes) -> list[responses.Event]:
    """Return an answer that came as one JSON object as the events of a stream."""
    try:
        answer = responses.response_from(msgspec.json.decode(data))
    except NOT_JSON as error:
        if b'"error"' in data:
            raise refusal(asked, _UNTOLD, {}, data) from error
        raise ServerFault(f"{asked.url} answered no response: {error}") from error
    dones = [
        responses.OutputItemDone(output_index=index, item=item)
        for index, item in enumerate(answer.output)
    ]
    return [responses.Created(response=answer), *dones, _end_of(answer)]


def _end_of(answer: responses.Response) -> responses.Event:
    match answer.status:
        case "failed":
            return responses.Failed(response=answer)
        case "incomplete":
            return responses.IncompleteResponse(response=answer)
        case _:
            return responses.Completed(response=answer)
