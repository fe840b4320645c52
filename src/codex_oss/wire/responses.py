"""The Responses API: requests, tools, responses and stream events.

Source: OpenAI's Responses API reference, and what the Codex CLI 0.169 sends and
accepts. Types that are not known here survive as ``Unknown``.
"""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from codex_oss.errors import BadRequest
from codex_oss.items import (
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
    Refusal,
    SummaryText,
    Tagged,
    Unknown,
)

# --- tools -------------------------------------------------------------------------


class FunctionTool(Tagged, frozen=True, kw_only=True, tag="function"):
    """A tool called with JSON arguments. ``parameters`` is a JSON schema."""

    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None | UnsetType = UNSET


class CustomTool(Tagged, frozen=True, kw_only=True, tag="custom"):
    """A freeform tool: called with plain text, optionally held to a grammar."""

    name: str
    description: str | None = None
    format: dict[str, Any] | UnsetType = UNSET


class NamespaceTool(Tagged, frozen=True, kw_only=True, tag="namespace"):
    """Tools under a common name, such as all tools of one MCP server."""

    name: str
    tools: list[FunctionTool | CustomTool]
    description: str | None = None


Tool = FunctionTool | CustomTool | NamespaceTool | Unknown

# --- request -----------------------------------------------------------------------


class ReasoningParams(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model should think, and which summary of it to send."""

    effort: str | None | UnsetType = UNSET
    summary: str | None | UnsetType = UNSET


class TextParams(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer. ``format`` is ``{"type": "json_schema", …}`` or text."""

    format: dict[str, Any] | UnsetType = UNSET
    verbosity: str | None | UnsetType = UNSET


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The body of ``POST /responses``."""

    model: str
    input: list[Item]
    instructions: str | None | UnsetType = UNSET
    tools: list[Tool] | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    reasoning: ReasoningParams | None | UnsetType = UNSET
    text: TextParams | None | UnsetType = UNSET
    max_output_tokens: int | None | UnsetType = UNSET
    temperature: float | None | UnsetType = UNSET
    top_p: float | None | UnsetType = UNSET
    stream: bool | None | UnsetType = UNSET
    store: bool | None | UnsetType = UNSET
    include: list[str] | None | UnsetType = UNSET
    prompt_cache_key: str | None | UnsetType = UNSET
    previous_response_id: str | None | UnsetType = UNSET
    metadata: dict[str, Any] | None | UnsetType = UNSET


# --- response ----------------------------------------------------------------------


class InputTokensDetails(msgspec.Struct, frozen=True):
    """Of the prompt's tokens, those that the server had cached."""

    cached_tokens: int = 0


class OutputTokensDetails(msgspec.Struct, frozen=True):
    """Of the answer's tokens, those that were reasoning."""

    reasoning_tokens: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts of one response."""

    input_tokens: int = 0
    input_tokens_details: InputTokensDetails | None = InputTokensDetails()
    output_tokens: int = 0
    output_tokens_details: OutputTokensDetails | None = OutputTokensDetails()
    total_tokens: int = 0


class ResponseError(msgspec.Struct, frozen=True):
    """Why a response failed. ``code`` is the API's word for it."""

    code: str | None = None
    message: str | None = None


class IncompleteDetails(msgspec.Struct, frozen=True):
    """Why a response is incomplete, such as ``max_output_tokens``."""

    reason: str | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """The response object inside the life-cycle events."""

    id: str
    object: str = "response"
    created_at: int | float = 0
    status: str | None = "in_progress"
    model: str | None = None
    output: list[Item] = []
    usage: Usage | None = None
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None


# --- stream events -----------------------------------------------------------------


class _Event(Tagged, frozen=True, kw_only=True):
    sequence_number: int = 0


class Created(_Event, frozen=True, kw_only=True, tag="response.created"):
    """The response has an id."""

    response: Response


class InProgress(_Event, frozen=True, kw_only=True, tag="response.in_progress"):
    """The model is at work; also sent to keep a slow stream alive."""

    response: Response


class OutputItemAdded(
    _Event, frozen=True, kw_only=True, tag="response.output_item.added"
):
    """An item begins. Its text or arguments are still empty."""

    output_index: int
    item: Item


class OutputItemDone(
    _Event, frozen=True, kw_only=True, tag="response.output_item.done"
):
    """An item is whole. The only event that creates items at the receiver."""

    output_index: int = 0
    item: Item


class ContentPartAdded(
    _Event, frozen=True, kw_only=True, tag="response.content_part.added"
):
    """A part of a message begins."""

    item_id: str
    output_index: int
    content_index: int
    part: Part


class ContentPartDone(
    _Event, frozen=True, kw_only=True, tag="response.content_part.done"
):
    """A part of a message is whole."""

    item_id: str
    output_index: int
    content_index: int
    part: Part


class OutputTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.output_text.delta"
):
    """More text of a message."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str


class OutputTextDone(
    _Event, frozen=True, kw_only=True, tag="response.output_text.done"
):
    """The text of a message part, whole."""

    item_id: str
    output_index: int
    content_index: int
    text: str


class RefusalDelta(_Event, frozen=True, kw_only=True, tag="response.refusal.delta"):
    """More text of a refusal."""

    item_id: str
    output_index: int
    content_index: int
    delta: str


class RefusalDone(_Event, frozen=True, kw_only=True, tag="response.refusal.done"):
    """A refusal, whole."""

    item_id: str
    output_index: int
    content_index: int
    refusal: str


class ReasoningSummaryPartAdded(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_part.added"
):
    """A paragraph of a reasoning summary begins."""

    item_id: str = ""
    output_index: int = 0
    summary_index: int = 0
    part: SummaryText


class ReasoningSummaryTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_text.delta"
):
    """More text of a reasoning summary."""

    item_id: str = ""
    output_index: int = 0
    summary_index: int = 0
    delta: str


class ReasoningSummaryTextDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_text.done"
):
    """A paragraph of a reasoning summary, its text whole."""

    item_id: str
    output_index: int
    summary_index: int
    text: str


class ReasoningSummaryPartDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_part.done"
):
    """A paragraph of a reasoning summary is whole."""

    item_id: str
    output_index: int
    summary_index: int
    part: SummaryText


class ReasoningTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_text.delta"
):
    """More of the model's own reasoning."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str


class ReasoningTextDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_text.done"
):
    """The model's own reasoning, whole."""

    item_id: str
    output_index: int
    content_index: int
    text: str


class FunctionCallArgumentsDelta(
    _Event, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
):
    """More of a call's JSON arguments."""

    item_id: str = ""
    output_index: int = 0
    delta: str


class FunctionCallArgumentsDone(
    _Event, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """A call's JSON arguments, whole."""

    item_id: str
    output_index: int
    name: str = ""
    arguments: str


class CustomToolCallInputDelta(
    _Event, frozen=True, kw_only=True, tag="response.custom_tool_call_input.delta"
):
    """More of a freeform call's input."""

    item_id: str = ""
    output_index: int = 0
    delta: str


class CustomToolCallInputDone(
    _Event, frozen=True, kw_only=True, tag="response.custom_tool_call_input.done"
):
    """A freeform call's input, whole."""

    item_id: str
    output_index: int
    input: str


class Completed(_Event, frozen=True, kw_only=True, tag="response.completed"):
    """The response is whole; the stream ends."""

    response: Response


class Failed(_Event, frozen=True, kw_only=True, tag="response.failed"):
    """The response failed; ``response.error`` says why; the stream ends."""

    response: Response


class IncompleteResponse(_Event, frozen=True, kw_only=True, tag="response.incomplete"):
    """The response was cut; ``response.incomplete_details`` says why."""

    response: Response


class ErrorEvent(_Event, frozen=True, kw_only=True, tag="error"):
    """An error outside the response's own life cycle."""

    code: str | None = None
    message: str | None = None
    param: str | None = None


Event = (
    Created
    | InProgress
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | OutputTextDelta
    | OutputTextDone
    | RefusalDelta
    | RefusalDone
    | ReasoningSummaryPartAdded
    | ReasoningSummaryTextDelta
    | ReasoningSummaryTextDone
    | ReasoningSummaryPartDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | CustomToolCallInputDelta
    | CustomToolCallInputDone
    | Completed
    | Failed
    | IncompleteResponse
    | ErrorEvent
    | Unknown
)

# --- encode ------------------------------------------------------------------------


def _raw(value: object) -> Raw:
    if isinstance(value, Unknown):
        return value.raw
    raise NotImplementedError(f"objects of type {type(value)} are not JSON")


_encoder = msgspec.json.Encoder(enc_hook=_raw)


def encode(value: object) -> bytes:
    """Return any object of this module, or of ``items``, as compact JSON."""
    return _encoder.encode(value)


# --- decode ------------------------------------------------------------------------
# A union with ``Unknown`` is taken apart by hand: the tag picks the type, and what is
# of no known type, or not of the shape its type demands, is kept as it came.

_Object = dict[str, Any]


def _unknown(obj: object) -> Unknown:
    return Unknown(msgspec.json.encode(obj))


def _text_parts(parts: object, owner: str) -> list[Part]:
    if isinstance(parts, str):
        kind = OutputText if owner == "assistant" else InputText
        return [kind(text=parts)]
    if not isinstance(parts, list):
        raise msgspec.ValidationError("Expected `str | array` - at `$.content`")
    return [decode_part(part) for part in parts]  # pyright: ignore[reportUnknownVariableType]


_PARTS: dict[str, type[InputText | OutputText | Refusal | InputImage]] = {
    "input_text": InputText,
    "output_text": OutputText,
    "refusal": Refusal,
    "input_image": InputImage,
}


def decode_part(obj: object) -> Part:
    """Return one part of a content list; a part of another shape is ``Unknown``."""
    kind = _PARTS.get(_tag(obj))
    if kind is None:
        return _unknown(obj)
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError:
        return _unknown(obj)


class _MessageShape(Tagged, frozen=True, kw_only=True, tag="message"):
    role: Literal["user", "assistant", "system", "developer"]
    content: Any
    id: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET
    phase: str | None | UnsetType = UNSET


class _OutputShape(msgspec.Struct, frozen=True):
    call_id: str
    output: Any
    id: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET


def _message(obj: _Object) -> Message:
    shape = msgspec.convert(obj, _MessageShape)
    return Message(
        role=shape.role,
        content=_text_parts(shape.content, shape.role),
        id=shape.id or UNSET,
        status=shape.status or UNSET,
        phase=shape.phase or UNSET,
    )


def _output(
    kind: type[FunctionCallOutput | CustomToolCallOutput],
) -> Callable[[_Object], FunctionCallOutput | CustomToolCallOutput]:
    def build(obj: _Object) -> FunctionCallOutput | CustomToolCallOutput:
        shape = msgspec.convert(obj, _OutputShape)
        output = shape.output
        return kind(
            call_id=shape.call_id,
            output=output if isinstance(output, str) else _text_parts(output, "tool"),
            id=shape.id or UNSET,
            status=shape.status or UNSET,
        )

    return build


def _plain(
    kind: type[Reasoning | FunctionCall | CustomToolCall],
) -> Callable[[_Object], Reasoning | FunctionCall | CustomToolCall]:
    def build(obj: _Object) -> Reasoning | FunctionCall | CustomToolCall:
        optional = ("id", "status", "namespace")
        return msgspec.convert(
            {k: v for k, v in obj.items() if v is not None or k not in optional}, kind
        )

    return build


_ITEMS: dict[str, Callable[[_Object], Item]] = {
    "message": _message,
    "reasoning": _plain(Reasoning),
    "function_call": _plain(FunctionCall),
    "function_call_output": _output(FunctionCallOutput),
    "custom_tool_call": _plain(CustomToolCall),
    "custom_tool_call_output": _output(CustomToolCallOutput),
}


def item_from(obj: object) -> Item:
    """Return a decoded JSON object as an item.

    An object without ``type`` but with a ``role`` is a message, as the API's short
    form has it. What fits no known type becomes ``Unknown``.
    """
    if not isinstance(obj, dict):
        return _unknown(obj)
    fields: _Object = dict(obj)  # pyright: ignore[reportUnknownArgumentType]
    if "type" not in fields and "role" in fields:
        fields["type"] = "message"
    build = _ITEMS.get(_tag(fields))
    if build is None:
        return _unknown(fields)
    try:
        return build(fields)
    except msgspec.ValidationError:
        return _unknown(fields)


def decode_item(data: bytes | str) -> Item:
    """Return one item from JSON text. Raises ``BadRequest`` if it is not JSON."""
    return item_from(_loads(data))


def _tag(obj: object) -> str:
    tag: object = obj.get("type") if isinstance(obj, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return tag if isinstance(tag, str) else ""


def _loads(data: bytes | str) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"not valid JSON: {error}") from error


# Request -----------------------------------------------------------------------------


class _RequestShape(msgspec.Struct, kw_only=True):
    model: str
    input: str | list[Any]
    instructions: str | None | UnsetType = UNSET
    tools: list[Any] | None | UnsetType = UNSET
    tool_choice: str | dict[str, Any] | None | UnsetType = UNSET
    parallel_tool_calls: bool | None | UnsetType = UNSET
    reasoning: ReasoningParams | None | UnsetType = UNSET
    text: TextParams | None | UnsetType = UNSET
    max_output_tokens: int | None | UnsetType = UNSET
    temperature: float | None | UnsetType = UNSET
    top_p: float | None | UnsetType = UNSET
    stream: bool | None | UnsetType = UNSET
    store: bool | None | UnsetType = UNSET
    include: list[str] | None | UnsetType = UNSET
    prompt_cache_key: str | None | UnsetType = UNSET
    previous_response_id: str | None | UnsetType = UNSET
    metadata: dict[str, Any] | None | UnsetType = UNSET


_TOOLS: dict[str, type[FunctionTool | CustomTool | NamespaceTool]] = {
    "function": FunctionTool,
    "custom": CustomTool,
    "namespace": NamespaceTool,
}


def tool_from(obj: object) -> Tool:
    """Return a decoded JSON object as a tool; other types become ``Unknown``."""
    kind = _TOOLS.get(_tag(obj))
    if kind is None:
        return _unknown(obj)
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError:
        return _unknown(obj)


def decode_request(data: bytes | str) -> Request:
    """Return the request in a body. Raises ``BadRequest`` naming the wrong path."""
    try:
        shape = msgspec.convert(_loads(data), _RequestShape)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)) from error
    given = shape.input
    items: list[Any] = (
        [{"role": "user", "content": given}] if isinstance(given, str) else given
    )
    fields = {name: getattr(shape, name) for name in _PASSED}
    return Request(
        model=shape.model,
        input=[item_from(obj) for obj in items],
        tools=[tool_from(t) for t in shape.tools] if shape.tools else UNSET,
        tool_choice=shape.tool_choice or UNSET,
        **fields,
    )


_PASSED = (
    "instructions",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "max_output_tokens",
    "temperature",
    "top_p",
    "stream",
    "store",
    "include",
    "prompt_cache_key",
    "previous_response_id",
    "metadata",
)

# Events ------------------------------------------------------------------------------


class _ResponseShape(msgspec.Struct, kw_only=True):
    id: str
    object: str = "response"
    created_at: int | float | None = 0
    status: str | None = None
    model: str | None = None
    output: list[Any] | None = None
    usage: Usage | None = None
    error: ResponseError | None = None
    incomplete_details: IncompleteDetails | None = None


def response_from(obj: object) -> Response:
    """Return a decoded JSON object as a response.

    Raises ``msgspec.ValidationError`` when ``id`` is missing or a field has a wrong
    type.
    """
    shape = msgspec.convert(obj, _ResponseShape)
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


_LIFE: dict[str, type[Created | InProgress | Completed | Failed | IncompleteResponse]]
_LIFE = {
    "response.created": Created,
    "response.in_progress": InProgress,
    "response.completed": Completed,
    "response.failed": Failed,
    "response.incomplete": IncompleteResponse,
}
_ITEM_EVENTS: dict[str, type[OutputItemAdded | OutputItemDone]] = {
    "response.output_item.added": OutputItemAdded,
    "response.output_item.done": OutputItemDone,
}
_PART_EVENTS: dict[str, type[ContentPartAdded | ContentPartDone]] = {
    "response.content_part.added": ContentPartAdded,
    "response.content_part.done": ContentPartDone,
}
_FLAT = (
    OutputTextDelta
    | OutputTextDone
    | RefusalDelta
    | RefusalDone
    | ReasoningSummaryPartAdded
    | ReasoningSummaryTextDelta
    | ReasoningSummaryTextDone
    | ReasoningSummaryPartDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | CustomToolCallInputDelta
    | CustomToolCallInputDone
    | ErrorEvent
)


def decode_event(data: bytes | str) -> Event:
    """Return the event in one frame of a stream.

    A frame that is not JSON, and an event of unknown type or shape, is ``Unknown``:
    a stream is never ended by a frame that nobody needs. The exception is a
    ``response.completed`` (or failed, incomplete) that cannot be read: it raises
    ``BadRequest``, since nothing after it would end the stream.
    """
    try:
        obj = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return _unknown(text)
    tag = _tag(obj)
    if tag in _LIFE:
        return _life(_LIFE[tag], obj)
    try:
        number, index = obj.get("sequence_number") or 0, obj.get("output_index") or 0
        if kind := _ITEM_EVENTS.get(tag):
            item = item_from(obj["item"])
            return kind(sequence_number=number, output_index=index, item=item)
        if kind := _PART_EVENTS.get(tag):
            return kind(
                sequence_number=number,
                output_index=index,
                item_id=obj.get("item_id") or "",
                content_index=obj.get("content_index") or 0,
                part=decode_part(obj.get("part")),
            )
        return msgspec.convert(obj, _FLAT)
    except (msgspec.ValidationError, KeyError, AttributeError):
        return _unknown(obj)


def _life(
    kind: type[Created | InProgress | Completed | Failed | IncompleteResponse],
    obj: _Object,
) -> Event:
    number = obj.get("sequence_number") or 0
    try:
        return kind(sequence_number=number, response=response_from(obj.get("response")))
    except msgspec.ValidationError as error:
        if kind in (Created, InProgress):
            return _unknown(obj)
        raise BadRequest(f"failed to parse {kind.__name__}: {error}") from error
