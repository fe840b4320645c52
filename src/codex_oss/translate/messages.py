"""The conversation of a request as Chat Completions messages.

Servers keep what they have read of a prompt and read on where the next one differs.
So messages are only ever appended: the same items give the same messages, whatever
comes after them, and nothing is moved towards the head.
"""

from typing import Any

import msgspec

from codex_oss.items import (
    Call,
    CallOutput,
    FunctionCall,
    InputImage,
    InputText,
    Message,
    Part,
    Refusal,
    ToolSearchOutput,
    Unknown,
)
from codex_oss.translate import constrain
from codex_oss.translate.history import Output, Reply, Turn, turns
from codex_oss.translate.options import answer_form, given, offered_in, sends_form
from codex_oss.translate.quirks import Quirks
from codex_oss.translate.tools import ToolMap
from codex_oss.wire import chat, responses
from codex_oss.wire.json_text import NOT_JSON

ABORTED = "aborted"
"""The output of a call that never got one; templates refuse a call without."""

_FORM = "Your last answer must be JSON only, without a fence, of this schema:\n"
_FOUND = "You can call these tools now:"
_FOUND_NONE = "No tool was found."
_IMAGE_FOLLOWS = "The image follows."
_IMAGE_LEFT_OUT = "(an image stood here; this model cannot see images)"
_DETAILS = ("auto", "low", "high")


def messages_of(
    request: responses.Request, tools: ToolMap, quirks: Quirks
) -> list[chat.Message]:
    """Return the instructions and the conversation of ``request``."""
    return _Writer(tools, quirks).messages(request)


def silenced(messages: list[chat.Message], word: str) -> list[chat.Message]:
    """Return the messages with the word that keeps a model from thinking.

    It stands behind the last user message, where it counts for this answer only: the
    next request has read all but that message. Where the instructions have it already,
    they stay as they are, and so does all else.
    """
    last = -1
    for index, message in enumerate(messages):
        match message:
            case chat.System(content=text) | chat.Developer(content=text) if (
                word in text
            ):
                return messages
            case chat.User():
                last = index
            case _:
                pass
    said = messages[last] if word and last >= 0 else None
    if not isinstance(said, chat.User):
        return messages
    content = said.content
    if isinstance(content, str):
        content = f"{content} {word}"
    else:
        content = [*content, chat.TextPart(word)]
    told = msgspec.structs.replace(said, content=content)
    return [*messages[:last], told, *messages[last + 1 :]]


class _Writer:
    """Turns as messages, as one model on one server can read them."""

    def __init__(self, tools: ToolMap, quirks: Quirks) -> None:
        self._tools = tools
        self._quirks = quirks
        self._constrained = quirks.tool_mode == "constrained"

    def messages(self, request: responses.Request) -> list[chat.Message]:
        instructions, rest = _split_head(request)
        written = self._head([*instructions, *self._rules(request)])
        for turn in rest:
            match turn:
                case Reply() if self._constrained:
                    written += self._constrained_reply(turn)
                case Reply():
                    written += self._reply(turn)
                case Message(role="user"):
                    written.append(chat.User(content=self._content(turn.content)))
                case Message():
                    written.append(self._late_instructions(turn))
        return _alternating(written) if self._quirks.alternate else written

    # --- instructions ------------------------------------------------------------

    def _head(self, instructions: list[str]) -> list[chat.Message]:
        text = "\n\n".join(instructions)
        if not text:
            return []
        developer = self._quirks.developer_role
        return [
            chat.Developer(content=text) if developer else chat.System(content=text)
        ]

    def _rules(self, request: responses.Request) -> list[str]:
        """Return what must be said in words, for the server has no field for it."""
        form = answer_form(request)
        if not form and not self._constrained:
            return []
        offered = offered_in(self._tools)
        rules: list[str] = []
        unsent = self._constrained or not sends_form(self._tools, self._quirks)
        if form and offered and unsent:
            rules.append(_FORM + msgspec.json.encode(form.get("schema")).decode())
        if offered and self._constrained:
            rules.append(constrain.prompt(offered))
        return rules

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
            chat.Tool(tool_call_id=call.call_id, content=self._told(output))
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

    def _constrained_reply(self, reply: Reply) -> list[chat.Message]:
        """Write calls as the text they were, and outputs as the user's words."""
        said = [msgspec.json.encode({"answer": t}).decode() for t in reply.texts if t]
        told: list[str] = []
        for call, output in zip(reply.calls, reply.outputs, strict=True):
            name = self._tools.chat_name(call.name, call.namespace)
            said.append(constrain.render_call(name, _arguments(call)))
            told.append(constrain.render_output(name, self._told(output)))
        if not said:
            return []
        outputs = [chat.User(content="\n\n".join(told))] if told else []
        assistant = chat.Assistant(content="\n".join(said))
        return [assistant, *outputs, *self._images(reply.outputs)]

    # --- what the model sees -----------------------------------------------------

    def _content(self, parts: list[Part]) -> str | list[chat.Part]:
        """Return one text, as all servers read it, or parts when there are images."""
        if len(parts) == 1 and isinstance(only := parts[0], InputText):
            return only.text
        content = [self._part(part) for part in parts]
        texts = [part.text for part in content if isinstance(part, chat.TextPart)]
        return "\n".join(texts) if len(texts) == len(content) else content

    def _part(self, part: Part) -> chat.Part:
        match part:
            case InputImage() if self._quirks.images:
                detail = given(part.detail)
                known = detail if detail in _DETAILS else None
                return chat.ImagePart(chat.ImageUrl(part.image_url, known))
            case _:
                return chat.TextPart(_part_text(part))

    def _told(self, output: Output | None) -> str:
        """Return what a tool answered, as text."""
        if isinstance(output, ToolSearchOutput):
            return self._found(output)
        return _output_text(output)

    def _found(self, output: ToolSearchOutput) -> str:
        """Name the tools that a search found: they are offered from now on."""
        found = ToolMap(map(responses.tool_from, output.tools)).chat_tools()
        lines = [
            f"- {tool.function.name}: {(tool.function.description or '').strip()}"
            for tool in found
        ]
        return "\n".join([_FOUND, *lines]) if lines else _FOUND_NONE

    def _images(self, outputs: list[Output | None]) -> list[chat.Message]:
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
            return f"({_name_of(part)} stood here; it cannot be sent)"
        case _:
            return part.text


class _Named(msgspec.Struct):
    filename: str | None = None


def _name_of(part: Unknown) -> str:
    """Return what a part is, with its file's name."""
    try:
        name = msgspec.json.decode(part.raw, type=_Named).filename
    except msgspec.DecodeError:
        name = None
    kind = part.type or "something"
    return f"{kind} {name!r}" if name else kind


def _output_text(output: CallOutput | None) -> str:
    if output is None:
        return ABORTED
    if isinstance(output.output, str):
        return output.output
    texts = [_part_text(p) for p in output.output if not isinstance(p, InputImage)]
    return "\n".join(texts) if texts else _IMAGE_FOLLOWS


def _images_in(output: Output | None) -> list[InputImage]:
    if output is None or isinstance(output, ToolSearchOutput):
        return []
    if isinstance(output.output, str):
        return []
    return [part for part in output.output if isinstance(part, InputImage)]


def _arguments(call: Call) -> str:
    """Return a JSON object's text; templates refuse a history with anything else."""
    if not isinstance(call, FunctionCall):
        return msgspec.json.encode({"input": call.input}).decode()
    try:
        msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except NOT_JSON:
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
