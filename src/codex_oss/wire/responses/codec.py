"""Responses objects to JSON and back.

A union with ``Unknown`` is taken apart by hand: the tag picks the type, and what is
of no known type, or not of the shape its type demands, is kept as it came.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from codex_oss.errors import BadRequest
from codex_oss.items import (
    AdditionalTools,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    ReasoningText,
    Refusal,
    Role,
    ToolSearchCall,
    ToolSearchOutput,
    Unknown,
)
from codex_oss.wire.responses.body import (
    CustomTool,
    FunctionTool,
    IncompleteDetails,
    NamespaceTool,
    Response,
    ResponseError,
    Tool,
    ToolSearchTool,
    Usage,
)
from codex_oss.wire.responses.stream import (
    Completed,
    ContentPartAdded,
    ContentPartDone,
    Created,
    Event,
    Failed,
    FlatEvent,
    IncompleteResponse,
    InProgress,
    OutputItemAdded,
    OutputItemDone,
)

# --- encode ------------------------------------------------------------------------


def _raw(value: object) -> Raw:
    if isinstance(value, Unknown):
        return value.raw
    raise NotImplementedError(f"objects of type {type(value)} are not JSON")


_encoder = msgspec.json.Encoder(enc_hook=_raw)


def encode(value: object) -> bytes:
    """Return any object of this package, or of ``items``, as compact JSON."""
    return _encoder.encode(value)


# --- decode: parts and items ---------------------------------------------------------


def _unknown(obj: Any) -> Unknown:
    return Unknown(msgspec.json.encode(obj))


def _tag(obj: Any) -> str:
    tag = obj.get("type") if isinstance(obj, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] JSON
    return tag if isinstance(tag, str) else ""


def _loads(data: bytes | str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"not valid JSON: {error}") from error


_PARTS: dict[str, type[InputText | OutputText | Refusal | InputImage]] = {
    "input_text": InputText,
    "output_text": OutputText,
    "refusal": Refusal,
    "input_image": InputImage,
}


def part_from(obj: Any) -> Part:
    """Return one decoded part of a content list; other shapes become ``Unknown``."""
    try:
        return msgspec.convert(obj, _PARTS[obj["type"]])
    except (msgspec.ValidationError, KeyError, TypeError):
        return _unknown(obj)


class _Message(msgspec.Struct):
    role: Role
    content: str | list[Any]
    id: str | None = None
    status: str | None = None
    phase: str | None = None


class _Output(msgspec.Struct):
    call_id: str
    output: str | list[Any]
    id: str | None = None
    status: str | None = None


def _message(obj: Any) -> Message:
    shape = msgspec.convert(obj, _Message)
    content = shape.content
    if isinstance(content, str):
        kind = OutputText if shape.role == "assistant" else InputText
        parts: list[Part] = [kind(text=content)]
    else:
        parts = [part_from(part) for part in content]
    return Message(
        role=shape.role,
        content=parts,
        id=shape.id or UNSET,
        status=shape.status or UNSET,
        phase=shape.phase or UNSET,
    )


def _output_of(
    kind: type[FunctionCallOutput] | type[CustomToolCallOutput],
) -> Callable[[Any], Item]:
    def build(obj: Any) -> Item:
        shape = msgspec.convert(obj, _Output)
        output = shape.output
        return kind(
            call_id=shape.call_id,
            output=output if isinstance(output, str) else [*map(part_from, output)],
            id=shape.id or UNSET,
            status=shape.status or UNSET,
        )

    return build


_NULL_IS_ABSENT = frozenset({"id", "status", "namespace"})


_Plain = (
    type[Reasoning]
    | type[FunctionCall]
    | type[CustomToolCall]
    | type[ToolSearchCall]
    | type[ToolSearchOutput]
    | type[AdditionalTools]
)


def _plain(kind: _Plain) -> Callable[[Any], Item]:
    def build(obj: Any) -> Item:
        present = {
            name: value
            for name, value in obj.items()
            if value is not None or name not in _NULL_IS_ABSENT
        }
        return msgspec.convert(present, kind)

    return build


_ITEMS: dict[str, Callable[[Any], Item]] = {
    "message": _message,
    "reasoning": _plain(Reasoning),
    "function_call": _plain(FunctionCall),
    "function_call_output": _output_of(FunctionCallOutput),
    "custom_tool_call": _plain(CustomToolCall),
    "custom_tool_call_output": _output_of(CustomToolCallOutput),
    "tool_search_call": _plain(ToolSearchCall),
    "tool_search_output": _plain(ToolSearchOutput),
    "additional_tools": _plain(AdditionalTools),
}


def item_from(obj: Any) -> Item:
    """Return a decoded JSON object as an item.

    An object without ``type`` but with a ``role`` is a message, as the API's short
    form has it. What fits no known type becomes ``Unknown``.
    """
    tag = _tag(obj)
    if not tag and isinstance(obj, dict) and "role" in obj:
        tag = "message"
    build = _ITEMS.get(tag)
    if build is None:
        return _unknown(obj)
    try:
        return build(obj)
    except msgspec.ValidationError:
        return _unknown(obj)


def decode_item(data: bytes | str) -> Item:
    """Return one item from JSON text. Raises ``BadRequest`` if it is not JSON."""
    return item_from(_loads(data))


# --- decode: requests ----------------------------------------------------------------

_TOOLS: dict[
    str,
    type[FunctionTool] | type[CustomTool] | type[NamespaceTool] | type[ToolSearchTool],
] = {
    "function": FunctionTool,
    "custom": CustomTool,
    "namespace": NamespaceTool,
    "tool_search": ToolSearchTool,
}


def tool_from(obj: Any) -> Tool:
    """Return a decoded JSON object as a tool; other types become ``Unknown``."""
    kind = _TOOLS.get(_tag(obj))
    if kind is None:
        return _unknown(obj)
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError:
        return _unknown(obj)


# --- decode: responses and events ----------------------------------------------------


class _Response(msgspec.Struct, kw_only=True):
    id: str
    object: str = "response"
    created_at: float | None = 0
    status: str | None = None
    model: str | None = None
    output: list[Any] | None = None
    usage: Usage | None = None
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None


def response_from(obj: Any) -> Response:
    """Return a decoded JSON object as a response.

    Raises ``msgspec.ValidationError`` when ``id`` is missing or a field has a wrong
    type.
    """
    shape = msgspec.convert(obj, _Response)
    return Response(
        id=shape.id,
        object=shape.object,
        created_at=shape.created_at or 0,
        status=shape.status,
        model=shape.model,
        output=[item_from(item) for item in shape.output or []],
        usage=shape.usage,
        error=shape.error,
        incomplete_details=shape.incomplete_details,
    )


_LifeEvent = Created | InProgress | Completed | Failed | IncompleteResponse
_LIFE: dict[str, type[_LifeEvent]] = {
    "response.created": Created,
    "response.in_progress": InProgress,
    "response.completed": Completed,
    "response.failed": Failed,
    "response.incomplete": IncompleteResponse,
}
_WITH_ITEM: dict[str, type[OutputItemAdded | OutputItemDone]] = {
    "response.output_item.added": OutputItemAdded,
    "response.output_item.done": OutputItemDone,
}
_WITH_PART: dict[str, type[ContentPartAdded | ContentPartDone]] = {
    "response.content_part.added": ContentPartAdded,
    "response.content_part.done": ContentPartDone,
}


def decode_event(data: bytes | str) -> Event:
    """Return the event in one frame of a stream.

    A frame that is not JSON, and an event of unknown type or shape, is ``Unknown``:
    a frame that nobody needs never ends a stream. The exception is a
    ``response.completed`` (or failed, incomplete) that cannot be read: it raises
    ``BadRequest``, since nothing after it would end the stream.
    """
    try:
        obj = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        obj = _loads_leniently(text)
    tag = _tag(obj)
    if kind := _LIFE.get(tag):
        return _life_event(kind, obj)
    try:
        return _item_event(tag, obj)
    except (msgspec.ValidationError, KeyError):
        return _unknown(obj)


def _loads_leniently(text: str) -> Any:
    """Return JSON whose strings hold halves of characters; the text if it is none.

    Servers that cut a character in two write a lone surrogate, which is no text.
    """
    import json  # noqa: PLC0415  2 ms that only broken frames pay

    try:
        whole = json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
    return msgspec.json.decode(whole.encode("utf-8", "replace"))


def _item_event(tag: str, obj: Any) -> Event:
    if with_item := _WITH_ITEM.get(tag):
        return with_item(
            sequence_number=obj.get("sequence_number") or 0,
            output_index=obj.get("output_index") or 0,
            item=item_from(obj["item"]),
        )
    if with_part := _WITH_PART.get(tag):
        return with_part(
            sequence_number=obj.get("sequence_number") or 0,
            output_index=obj.get("output_index") or 0,
            item_id=obj.get("item_id") or "",
            content_index=obj.get("content_index") or 0,
            part=_streamed_part(obj["part"]),
        )
    return msgspec.convert(obj, FlatEvent)


def _streamed_part(obj: Any) -> Part | ReasoningText:
    if _tag(obj) == "reasoning_text":
        return msgspec.convert(obj, ReasoningText)
    return part_from(obj)


def _life_event(kind: type[_LifeEvent], obj: Any) -> Event:
    number = obj.get("sequence_number") or 0
    try:
        response = response_from(obj.get("response"))
    except msgspec.ValidationError as error:
        if kind in (Created, InProgress):
            return _unknown(obj)
        raise BadRequest(f"failed to parse {kind.__name__}: {error}") from error
    return kind(sequence_number=number, response=response)
