"""A request's input items as turns: what was said, and whole answers of the model.

A Responses conversation is a flat list of items. Chat Completions wants what one
answer thought, said and called in one message, and the outputs of its calls right
after it.
"""

from collections.abc import Iterable
from typing import Any, cast

import msgspec

from codex_oss.items import (
    Call,
    CallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
    ToolSearchCall,
    ToolSearchOutput,
    Unknown,
    user,
)
from codex_oss.translate.tools import SEARCH
from codex_oss.wire.responses import part_from

Output = CallOutput | ToolSearchOutput


class Reply:
    """One answer of the model, and the output of each of its calls.

    ``calls`` and ``outputs`` go in pairs; an output that never came is None.
    """

    __slots__ = ("calls", "outputs", "texts", "thoughts")

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        self.texts: list[str] = []
        self.calls: list[Call] = []
        self.outputs: list[Output | None] = []


Turn = Message | Reply


def turns(items: Iterable[Item]) -> list[Turn]:
    """Return the conversation in its order; what models cannot read is left out.

    An output whose call is not there (compaction may have dropped it) is something
    that the user said.
    """
    history = _History()
    for item in items:
        history.add(item)
    return history.turns


class _History:
    """The turns so far, and the calls that wait for their outputs."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._reply: Reply | None = None
        self._waiting: dict[str, tuple[Reply, int]] = {}

    def add(self, item: Item) -> None:
        match item:
            case Message(role="assistant"):
                self._open().texts.append(_said(item.content))
            case Message():
                self._say(item)
            case Reasoning():
                self._open().thoughts.append(_thought(item))
            case FunctionCall() | CustomToolCall():
                self._call(item)
            case FunctionCallOutput() | CustomToolCallOutput():
                self._answer(item)
            case ToolSearchCall():
                arguments = msgspec.json.encode(item.arguments).decode()
                self._call(
                    FunctionCall(name=SEARCH, arguments=arguments, call_id=item.call_id)
                )
            case ToolSearchOutput():
                self._answer(item)
            case Unknown():
                self._add_foreign(item)
            case _:
                pass  # tools, which ``ToolMap`` reads

    def _add_foreign(self, item: Unknown) -> None:
        """Add what other clients' shell tools did; searches and blobs say nothing."""
        foreign = _foreign(item)
        if foreign.type in _SHELL_CALLS:
            call_id = foreign.call_id or foreign.id or ""
            arguments = msgspec.json.encode(foreign.action).decode()
            self._call(FunctionCall(name="shell", arguments=arguments, call_id=call_id))
        elif foreign.type.endswith("_call_output"):
            call_id = foreign.call_id or foreign.id or ""
            output = _output_of(foreign)
            self._answer(FunctionCallOutput(call_id=call_id, output=output))

    def _open(self) -> Reply:
        if self._reply is None:
            self._reply = Reply()
            self.turns.append(self._reply)
        return self._reply

    def _say(self, message: Message) -> None:
        self._reply = None
        self.turns.append(message)

    def _call(self, call: Call) -> None:
        reply = self._open()
        self._waiting[call.call_id] = (reply, len(reply.calls))
        reply.calls.append(call)
        reply.outputs.append(None)

    def _answer(self, output: Output) -> None:
        self._reply = None
        if output.call_id not in self._waiting:
            if content := _parts(output):
                self._say(Message(role="user", content=content))
            return
        reply, place = self._waiting.pop(output.call_id)
        reply.outputs[place] = output


def _thought(item: Reasoning) -> str:
    """Return the reasoning itself, or its summary when it is hidden."""
    return "\n".join(part.text for part in item.content or item.summary)


def _said(content: list[Part]) -> str:
    """Return the model's words, also those by which it declined."""
    texts = (
        part.refusal if isinstance(part, Refusal) else part.text
        for part in content
        if isinstance(part, InputText | OutputText | Refusal)
    )
    return "".join(texts)


def _parts(output: Output) -> list[Part]:
    """Return what an output without its call is as the user's words."""
    if isinstance(output, ToolSearchOutput):
        return []
    given = output.output
    if isinstance(given, str):
        return user(given).content if given else []
    return given


# --- items of other kinds ----------------------------------------------------------

_SHELL_CALLS = frozenset(("local_shell_call", "shell_call"))
"""Calls of OpenAI's own shell tools; ``action`` says what is run."""
_SHELL_OUTPUTS = frozenset(f"{call}_output" for call in _SHELL_CALLS)


class _Foreign(msgspec.Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    action: dict[str, Any] = {}
    output: Any = None


def _foreign(item: Unknown) -> _Foreign:
    """Return the fields that matter; an item of another shape says nothing."""
    try:
        return msgspec.json.decode(item.raw, type=_Foreign)
    except msgspec.DecodeError:
        return _Foreign()


def _output_of(item: _Foreign) -> str | list[Part]:
    """Return an output: a shell's, or one without ``call_id``, as Codex tells goals."""
    output = item.output
    match output:
        case str():
            return output
        case list() if all(_is_part(each) for each in cast("list[Any]", output)):
            return [part_from(each) for each in cast("list[Any]", output)]
        case _ if item.type in _SHELL_OUTPUTS:
            return msgspec.json.encode(output).decode()
        case _:
            return ""


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) and "type" in value
