"""A model over the Responses API: requests go out as they are."""

from collections.abc import AsyncGenerator, Iterator

import msgspec

from codex_oss.errors import BadRequest, ServerFault, StreamCut
from codex_oss.facts import Sent
from codex_oss.ports import Outlet
from codex_oss.providers.body import Frames, kind_of, read_json
from codex_oss.providers.endpoint import Endpoint
from codex_oss.providers.failure import Asked, refusal
from codex_oss.providers.probe import Probe
from codex_oss.wire import responses
from codex_oss.wire.framing import SseDecoder

_END = (responses.Completed, responses.Failed, responses.IncompleteResponse)
_DONE = "[DONE]"
_UNTOLD = 400
"""The status of an error that came as 200."""


class ResponsesModel:
    """A model behind ``POST /responses`` (``ports.Model``)."""

    def __init__(self, endpoint: Endpoint, probe: Probe) -> None:
        self._endpoint = endpoint
        self._probe = probe

    async def stream(
        self, request: responses.Request
    ) -> AsyncGenerator[responses.Event, None]:
        """Yield the events of the answer, up to the one that ends it."""
        asked = self._endpoint.asked(request.model)
        with await self._endpoint.ask(
            request.model, responses.encode(request)
        ) as reply:
            if kind_of(reply, asked) == "json":
                for event in _whole(asked, await read_json(reply, asked)):
                    yield event
                return
            frames, reported = Frames(reply), ""
            while (batch := await frames.next()) is not None:
                for event in _decoded(batch):
                    yield event
                    if isinstance(event, _END):
                        reply.release()
                        return
                    if isinstance(event, responses.ErrorEvent):
                        reported = f": {event.message or event.code}"
            raise StreamCut(f"stream closed before response.completed{reported}")

    async def pour(self, request: responses.Request, outlet: Outlet) -> None:
        """Push the events of the answer, up to the one that ends it."""
        asked = self._endpoint.asked(request.model)
        body = responses.encode(request)
        outlet.note(Sent(url=asked.url, body=body))
        with await self._endpoint.ask(request.model, body, outlet.note) as reply:
            if kind_of(reply, asked) == "json":
                outlet.put(_whole(asked, await read_json(reply, asked)))
                return
            decoder, ended = SseDecoder(), False

            def put(data: bytes) -> bool:
                nonlocal ended
                events = list(_decoded(decoder.texts(data)))
                if any(isinstance(event, _END) for event in events):
                    ended = True
                    reply.release()
                return outlet.put(events)

            await reply.pour(put, outlet.ready)
            if not ended:
                raise StreamCut("stream closed before response.completed")

    async def window(self) -> int | None:
        """Return the context window that the server says it gives."""
        return (await self._probe.server()).context_window

    async def sees(self) -> bool | None:
        """Return whether the model can see images, if the server says so."""
        return (await self._probe.server()).vision

    async def close(self) -> None:
        """Close the client's unused connections."""
        await self._endpoint.client.close()


def _decoded(batch: list[str]) -> Iterator[responses.Event]:
    for data in batch:
        if data == _DONE:
            continue
        try:
            yield responses.decode_event(data)
        except BadRequest as error:
            # Not the request is bad but the event that would end the stream.
            raise StreamCut(str(error)) from error


def _whole(asked: Asked, data: bytes) -> list[responses.Event]:
    """Return an answer that came as one JSON object as the events of a stream."""
    try:
        answer = responses.response_from(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
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
