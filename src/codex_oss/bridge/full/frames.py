"""Events as frames of a stream of server-sent events.

Source of the fields: the streaming events of the Open Responses spec and of
openai-python 3.
"""

from typing import Any

import msgspec

from codex_oss.bridge.full.whole import whole_item, whole_part
from codex_oss.items import Unknown
from codex_oss.wire import responses

STREAM_HEADERS = (("cache-control", "no-store"), ("x-accel-buffering", "no"))
"""Of every stream: nobody on its way keeps it, or holds it back (nginx)."""

LifeEvent = (
    responses.Created
    | responses.InProgress
    | responses.Completed
    | responses.Failed
    | responses.IncompleteResponse
)


def _template(tag: str, fields: str) -> bytes:
    data = f'{{"type":"{tag}","sequence_number":%d,{fields}}}'
    return f"event: {tag}\ndata: {data}\n\n".encode()


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


_LIFE_FRAMES = {
    kind: _template(_tag(kind), '"response":%b')
    for kind in (*responses.LIFE_SIGNS, *responses.ENDS)
}
_ITEM = '"output_index":%d,"item":%b'
_ITEM_ADDED = _template("response.output_item.added", _ITEM)
_ITEM_DONE = _template("response.output_item.done", _ITEM)
_PLACE = '"item_id":%b,"output_index":%d'
_PART = _PLACE + ',"content_index":%d,"part":%b'
_PART_ADDED = _template("response.content_part.added", _PART)
_PART_DONE = _template("response.content_part.done", _PART)
_IN_CONTENT = _PLACE + ',"content_index":%d,"delta":%b'
_TEXT = _template("response.output_text.delta", _IN_CONTENT + ',"logprobs":[]')
_TEXT_DONE = _template(
    "response.output_text.done",
    _PLACE + ',"content_index":%d,"text":%b,"logprobs":[]',
)
_THOUGHT = _template("response.reasoning_text.delta", _IN_CONTENT)
_SUMMARY = _template(
    "response.reasoning_summary_text.delta", _PLACE + ',"summary_index":%d,"delta":%b'
)
_CALL = _PLACE + ',"delta":%b'
_ARGUMENTS = _template("response.function_call_arguments.delta", _CALL)
_INPUT = _template("response.custom_tool_call_input.delta", _CALL)

_json = responses.encode
_text = msgspec.json.Encoder().encode


def encode_life_event(event: LifeEvent, number: int, response: bytes) -> bytes:
    """Return an event whose response is already JSON as a frame of the stream."""
    return _LIFE_FRAMES[type(event)] % (number, response)


def encode_event(event: responses.Event, number: int) -> bytes:
    """Return an event as a frame of the stream, with ``number`` as its place in it.

    Of the events that hold a response, ``Frame.life_event`` makes whole ones. An
    unknown event without a type gives nothing: no client could tell what it is.
    """
    # Deltas are nearly all events: their frames are formatted, not built (0.3 us).
    match event:
        case responses.OutputTextDelta():
            return _TEXT % (
                number,
                _text(event.item_id),
                event.output_index,
                event.content_index,
                _text(event.delta),
            )
        case responses.ReasoningTextDelta():
            return _THOUGHT % (
                number,
                _text(event.item_id),
                event.output_index,
                event.content_index,
                _text(event.delta),
            )
        case responses.ReasoningSummaryTextDelta():
            return _SUMMARY % (
                number,
                _text(event.item_id),
                event.output_index,
                event.summary_index,
                _text(event.delta),
            )
        case responses.FunctionCallArgumentsDelta():
            return _ARGUMENTS % _in_call(event, number)
        case responses.CustomToolCallInputDelta():
            return _INPUT % _in_call(event, number)
        case _:
            return _other_frame(event, number)


def _in_call(
    event: responses.FunctionCallArgumentsDelta | responses.CustomToolCallInputDelta,
    number: int,
) -> tuple[object, ...]:
    return number, _text(event.item_id), event.output_index, _text(event.delta)


def _other_frame(event: responses.Event, number: int) -> bytes:
    match event:
        case responses.OutputItemAdded():
            item = _json(whole_item(event.item))
            return _ITEM_ADDED % (number, event.output_index, item)
        case responses.OutputItemDone():
            item = _json(whole_item(event.item))
            return _ITEM_DONE % (number, event.output_index, item)
        case responses.ContentPartAdded():
            return _PART_ADDED % _of_part(event, number)
        case responses.ContentPartDone():
            return _PART_DONE % _of_part(event, number)
        case responses.OutputTextDone():
            item_id, text = _text(event.item_id), _text(event.text)
            place = event.output_index, event.content_index
            return _TEXT_DONE % (number, item_id, *place, text)
        case Unknown():
            return _unknown_frame(event, number)
        case _:
            numbered = msgspec.structs.replace(event, sequence_number=number)
            return _frame(_tag(type(event)), _json(numbered))


def _of_part(
    event: responses.ContentPartAdded | responses.ContentPartDone, number: int
) -> tuple[object, ...]:
    item_id, part = _text(event.item_id), _json(whole_part(event.part))
    return number, item_id, event.output_index, event.content_index, part


def _unknown_frame(event: Unknown, number: int) -> bytes:
    if not event.type:
        return b""
    fields = msgspec.json.decode(event.raw, type=dict[str, Any])
    return _frame(event.type, _json({**fields, "sequence_number": number}))


def _frame(tag: str, data: bytes) -> bytes:
    # A line break in a type from elsewhere would end the frame.
    return b"event: %b\ndata: %b\n\n" % (" ".join(tag.split()).encode(), data)
