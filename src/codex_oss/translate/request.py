"""A Responses request as a Chat Completions request.

Servers keep what they have read of a prompt and read on where the next one differs.
So messages are only ever appended: the same items give the same messages, whatever
comes after them, and nothing is moved towards the head.
"""

from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from codex_oss.items import (
    Call,
    CallOutput,
    FunctionCall,
    InputImage,
    Message,
    Part,
    Refusal,
    Unknown,
)
from codex_oss.translate.history import Reply, Turn, turns
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses

ABORTED = "aborted"
"""The output of a call that never got one; templates refuse a call without."""

_IMAGE_FOLLOWS = "The image follows."
_IMAGE_LEFT_OUT = "(an image stood here; this model cannot see images)"
_DETAILS = ("auto", "low", "high")
_NEAREST_EFFORT = {"minimal": "low", "xhigh": "high", "max": "high"}


def to_chat(request: responses.Request, tools: ToolMap, quirks: Quirks) -> chat.Request:
    """Return the Chat Completions request that asks for the same answer."""
    functions = tools.chat_tools(bounds=quirks.schema_bounds)
    limit = {quirks.max_tokens_field: request.max_output_tokens or None}
    return chat.Request(
        model=request.model,
        messages=_Writer(tools, quirks).messages(request),
        tools=functions,
        tool_choice=_tool_choice(request.tool_choice, tools) if functions else None,
        parallel_tool_calls=_parallel(request, quirks) if functions else None,
        response_format=_response_format(request.text),
        reasoning_effort=_effort(request.reasoning, quirks.efforts),
        temperature=_given(request.temperature),
        top_p=_given(request.top_p),
        stream=True,
        stream_options=chat.StreamOptions(True) if quirks.stream_usage else None,
        max_tokens=limit.get("max_tokens"),
        max_completion_tokens=limit.get("max_completion_tokens"),
        extra=quirks.extra,
    )


class _Writer:
    """Turns as messages, as one model on one server can read them."""

    def __init__(self, tools: ToolMap, quirks: Quirks) -> None:
        self._tools = tools
        self._quirks = quirks

    def messages(self, request: responses.Request) -> list[chat.Message]:
        instructions, rest = _split_head(request)
        written = self._head(instructions)
        for turn in rest:
            match turn:
                case Reply():
                    written += self._reply(turn)
                case Message(role="user"):
                    written.append(chat.User(content=self._content(turn.content)))
                case Message():
                    written.append(self._late_instructions(turn))
        return _alternating(written) if self._quirks.alternate else written

    def _head(self, instructions: list[str]) -> list[chat.Message]:
        text = "\n\n".join(instructions)
        if not text:
            return []
        developer = self._quirks.developer_role
        return [
            chat.Developer(content=text) if developer else chat.System(content=text)
        ]

    def _late_instructions(self, message: Message) -> chat.Message:
        text = _instructions(message)
        if self._quirks.late_system == "user":
            return chat.User(content=text)
        developer = self._quirks.developer_role
        return chat.Developer(content=text) if developer else chat.System(content=text)

    # --- what the model said -----------------------------------------------------

    def _reply(self, reply: Reply) -> list[chat.Message]:
        text = "\n\n".join(filter(None, reply.texts))
        if not text and not reply.calls:
            return []
        calls = [self._call(call) for call in reply.calls]
        said = chat.Assistant(content=text, tool_calls=calls)
        outputs = [
            chat.Tool(tool_call_id=call.call_id, content=_output_text(output))
            for call, output in zip(reply.calls, reply.outputs, strict=True)
        ]
        return [self._thinking(said, reply), *outputs, *self._images(reply.outputs)]

    def _thinking(self, said: chat.Assistant, reply: Reply) -> chat.Assistant:
        """Add the reasoning that led to calls; templates drop what led to text."""
        field, thoughts = self._quirks.reasoning_back, "\n\n".join(reply.thoughts)
        if not field or not thoughts or not reply.calls:
            return said
        return msgspec.structs.replace(said, **{field: thoughts})

    def _call(self, call: Call) -> chat.ToolCall:
        name = self._tools.chat_name(call.name, call.namespace)
        arguments: str | dict[str, Any] = _arguments(call)
        if self._quirks.arguments_as_object:
            arguments = msgspec.json.decode(arguments, type=dict[str, Any])
        return chat.ToolCall(call.call_id, chat.ToolFunction(name, arguments))

    # --- what the model sees -----------------------------------------------------

    def _content(self, parts: list[Part]) -> str | list[chat.Part]:
        """Return one text, as all servers read it, or parts when there are images."""
        content = [self._part(part) for part in parts]
        texts = [part.text for part in content if isinstance(part, chat.TextPart)]
        return "\n".join(texts) if len(texts) == len(content) else content

    def _part(self, part: Part) -> chat.Part:
        match part:
            case InputImage() if self._quirks.images:
                detail = _given(part.detail)
                known = detail if detail in _DETAILS else None
                return chat.ImagePart(chat.ImageUrl(part.image_url, known))
            case _:
                return chat.TextPart(_part_text(part))

    def _images(self, outputs: list[CallOutput | None]) -> list[chat.Message]:
        """Return the outputs' images as a user's message: a tool cannot show any."""
        images = [image for output in outputs for image in _images_in(output)]
        return [chat.User(content=self._content(list(images)))] if images else []


# --- instructions ------------------------------------------------------------------


def _split_head(request: responses.Request) -> tuple[list[str], list[Turn]]:
    """Return the instructions at the head of the conversation, and the rest."""
    instructions = [request.instructions] if request.instructions else []
    rest = turns(request.input)
    while rest and isinstance(first := rest[0], Message) and _instructs(first):
        instructions.append(_instructions(first))
        del rest[0]
    return instructions, rest


def _instructs(message: Message) -> bool:
    return message.role in ("developer", "system")


def _instructions(message: Message) -> str:
    return "\n\n".join(_part_text(part) for part in message.content)


# --- parts -------------------------------------------------------------------------


def _part_text(part: Part) -> str:
    match part:
        case InputImage():
            return _IMAGE_LEFT_OUT
        case Refusal():
            return part.refusal
        case Unknown():
            return f"({part.type or 'something'} stood here; it cannot be sent)"
        case _:
            return part.text


def _output_text(output: CallOutput | None) -> str:
    if output is None:
        return ABORTED
    if isinstance(output.output, str):
        return output.output
    texts = [_part_text(p) for p in output.output if not isinstance(p, InputImage)]
    return "\n".join(texts) if texts else _IMAGE_FOLLOWS


def _images_in(output: CallOutput | None) -> list[InputImage]:
    if output is None or isinstance(output.output, str):
        return []
    return [part for part in output.output if isinstance(part, InputImage)]


def _arguments(call: Call) -> str:
    """Return a JSON object's text; templates refuse a history with anything else."""
    if not isinstance(call, FunctionCall):
        return msgspec.json.encode({"input": call.input}).decode()
    try:
        msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        return msgspec.json.encode({"arguments": call.arguments}).decode()
    return call.arguments or "{}"


def _alternating(messages: list[chat.Message]) -> list[chat.Message]:
    """Return the messages with each run of user messages made one."""
    merged: list[chat.Message] = []
    for message in messages:
        last = merged[-1] if merged else None
        if isinstance(message, chat.User) and isinstance(last, chat.User):
            merged[-1] = chat.User(content=_joined(last.content, message.content))
        else:
            merged.append(message)
    return merged


def _joined(
    one: str | list[chat.Part], two: str | list[chat.Part]
) -> str | list[chat.Part]:
    if isinstance(one, str) and isinstance(two, str):
        return f"{one}\n\n{two}"
    return [*_as_parts(one), *_as_parts(two)]


def _as_parts(content: str | list[chat.Part]) -> list[chat.Part]:
    return [chat.TextPart(content)] if isinstance(content, str) else content


# --- parameters --------------------------------------------------------------------

_T = TypeVar("_T")


def _given(value: _T | None | UnsetType) -> _T | None:
    return None if value is UNSET else value


def _parallel(request: responses.Request, quirks: Quirks) -> bool | None:
    return _given(request.parallel_tool_calls) if quirks.parallel_tool_calls else None


def _effort(
    params: responses.ReasoningParams | None | UnsetType, known: tuple[str, ...]
) -> str | None:
    """Return the asked-for effort, or the nearest that the server knows."""
    asked = (params or responses.ReasoningParams()).effort
    if not asked or asked in known:
        return asked or None
    nearest = _NEAREST_EFFORT.get(asked)
    return nearest if nearest in known else None


def _response_format(
    text: responses.TextParams | None | UnsetType,
) -> dict[str, Any] | None:
    """Return the answer's form as Chat Completions nests it; plain text is not sent."""
    match text and text.format:
        case {"type": "json_schema", **schema}:
            return {"type": "json_schema", "json_schema": schema}
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case _:
            return None


def _tool_choice(
    choice: str | dict[str, Any] | UnsetType, tools: ToolMap
) -> str | dict[str, Any] | None:
    """Return whether the model must call; "auto" is what servers do unasked."""
    match choice:
        case "none" | "required":
            return choice
        case {"type": "function" | "custom", "name": str(name)}:
            return {"type": "function", "function": {"name": tools.chat_name(name)}}
        case {"type": "allowed_tools", "mode": str(mode)}:
            return _tool_choice(mode, tools)
        case _:
            return None
