"""A request's input items as turns: what was said, and whole answers of the model.

A Responses conversation is a flat list of items. Chat Completions wants what one
answer thought, said and called in one message, and the outputs of its calls right
after it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from codex_oss.items import (
    Call,
    CallOutput,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
    Message,
    Part,
    Reasoning,
    Unknown,
    text_of,
    text_of_output,
    user,
)


class Reply:
    """One answer of the model, and the output of each of its calls.

    ``calls`` and ``outputs`` go in pairs; an output that never came is None.
    """

    __slots__ = ("calls", "outputs", "texts", "thoughts")

    def __init__(self) -> None:
        self.thoughts: list[str] = []
        self.texts: list[str] = []
        self.calls: list[Call] = []
        self.outputs: list[CallOutput | None] = []


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
                self._open().texts.append(text_of(item.content))
            case Message():
                self._say(item)
            case Reasoning():
                self._open().thoughts.append(_thought(item))
            case FunctionCall() | CustomToolCall():
                self._call(item)
            case FunctionCallOutput() | CustomToolCallOutput():
                self._answer(item)
            case Unknown():
                if text := _stray_output(item):
                    self._say(user(text))

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

    def _answer(self, output: CallOutput) -> None:
        self._reply = None
        if output.call_id not in self._waiting:
            self._say(Message(role="user", content=_parts(output)))
            return
        reply, place = self._waiting.pop(output.call_id)
        reply.outputs[place] = output


def _thought(item: Reasoning) -> str:
    """Return the reasoning itself, or its summary when it is hidden."""
    return "\n".join(part.text for part in item.content or item.summary)


def _parts(output: CallOutput) -> list[Part]:
    given = output.output
    return user(given).content if isinstance(given, str) else given


class _StrayOutput(msgspec.Struct):
    type: str = ""
    output: Any = None


def _stray_output(item: Unknown) -> str:
    """Return the text of an output without ``call_id``: Codex tells goals so."""
    try:
        stray = msgspec.json.decode(item.raw, type=_StrayOutput)
    except msgspec.DecodeError:
        return ""
    if not stray.type.endswith("_call_output") or not isinstance(stray.output, str):
        return ""
    return text_of_output(stray.output)
