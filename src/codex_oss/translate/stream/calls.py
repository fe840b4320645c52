"""Pieces of tool calls, put together and handed out as items in their order.

Servers differ in how they cut calls: token by token, whole, several under one index,
without index or id, the id new in every piece, the name in pieces or in every piece.
"""

import msgspec

from codex_oss.translate.stream.call_items import OpenCustomCall, OpenFunctionCall
from codex_oss.translate.stream.mend import arguments_for, target_of
from codex_oss.translate.stream.output import Output
from codex_oss.translate.tools import Target, ToolMap
from codex_oss.wire.chat import CallDelta

OpenCall = OpenFunctionCall | OpenCustomCall


class Draft:
    """A call as far as it has come."""

    __slots__ = ("_pieces", "call_id", "item", "name")

    def __init__(self) -> None:
        self.call_id = ""
        self.name = ""
        self.item: OpenCall | None = None
        self._pieces: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether there are arguments: from here on the name is whole."""
        return bool(self._pieces)

    @property
    def arguments(self) -> str:
        """All of the arguments' text so far."""
        return "".join(self._pieces)

    @property
    def complete(self) -> bool:
        """Whether the arguments are a whole JSON value."""
        try:
            msgspec.json.decode(self.arguments)
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def add(self, delta: CallDelta) -> str:
        """Take a piece and return its part of the arguments."""
        name, arguments = delta.function.name, delta.function.arguments or ""
        if name and name != self.name and not self.begun:
            self.name += name
        if not self.call_id and delta.id:
            self.call_id = delta.id
        if arguments:
            self._pieces.append(arguments)
        return arguments

    def continued_by(self, delta: CallDelta) -> bool:
        """Whether a piece with this call's index is more of it, not another call."""
        name = delta.function.name
        if not name or (delta.id and delta.id == self.call_id):
            return True
        if not self.begun:
            return not (delta.id and self.call_id)
        return name == self.name and not self.complete


class Calls:
    """A run of calls. The first that is not whole streams; those behind it wait.

    ``taken`` holds the call ids of the conversation: some servers count from zero in
    every answer.
    """

    def __init__(self, output: Output, tools: ToolMap, taken: set[str]) -> None:
        self._output = output
        self._tools = tools
        self._taken = taken
        self._waiting: list[Draft] = []
        self._by_index: dict[int | None, Draft] = {}
        self._last: Draft | None = None

    def write(self, delta: CallDelta) -> None:
        """Take a piece of a call."""
        draft = self._last if delta.index is None else self._by_index.get(delta.index)
        if draft is None or not draft.continued_by(delta):
            draft = self._begin(delta.index)
        self._last = draft
        added = draft.add(delta)
        if added and draft is self._waiting[0]:
            self._stream(draft, added)

    def close(self, *, cut: bool) -> None:
        """Hand out the calls. Of a cut answer only whole ones: nobody may run half."""
        for draft in self._waiting:
            if draft.name and (draft.complete or not cut):
                self._finish(draft)
        self._waiting.clear()

    def _begin(self, index: int | None) -> Draft:
        while self._waiting and self._waiting[0].complete:
            self._finish(self._waiting.pop(0))
        draft = Draft()
        self._waiting.append(draft)
        self._by_index[index] = draft
        return draft

    def _stream(self, draft: Draft, added: str) -> None:
        if draft.item:
            draft.item.write(added)
        elif target := target_of(draft.name, self._tools):
            self._open(draft, target).write(draft.arguments)

    def _open(self, draft: Draft, target: Target) -> OpenCall:
        call_id = draft.call_id
        if not call_id or call_id in self._taken:
            call_id = self._output.new_id("call_")
        self._taken.add(call_id)
        kind = OpenCustomCall if target.custom else OpenFunctionCall
        draft.item = kind(self._output, target, call_id)
        return draft.item

    def _finish(self, draft: Draft) -> None:
        target = target_of(draft.name, self._tools) or Target(draft.name)
        arguments = arguments_for(target, draft.arguments)
        item = draft.item
        if item is None:
            item = self._open(draft, target)
            item.write(arguments)
        item.close(arguments)
