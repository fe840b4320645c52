"""Calls of a model that may not call now: they go nowhere, but it can be told so.

Not every server has a word for "no calls", and not every model heeds it. An answer of
such calls alone says nothing: a client that asked for a summary would go on with none.
"""

from codex_oss.translate.again import Rejected, forbidden
from codex_oss.translate.stream.draft import Draft
from codex_oss.translate.stream.output import Output
from codex_oss.wire import chat

TRIES = 2
"""After the first answer: the model is told, then it is asked without tools."""


class Forbidden:
    """The calls of one answer, to be shown to the model again."""

    __slots__ = ("_output", "rejected", "said")

    def __init__(self, output: Output) -> None:
        self.rejected: list[Rejected] = []
        self.said: list[chat.ToolCall] = []
        self._output = output

    def stream(self, draft: Draft, added: str) -> None:
        """Show nothing of a call."""

    def finish(self, draft: Draft) -> None:
        """Keep a whole call back."""
        if not draft.name:
            return
        call_id = draft.call_id or self._output.new_id("call_")
        shown = chat.ToolFunction(draft.name, draft.arguments)
        self.said.append(chat.ToolCall(call_id, shown))
        self.rejected.append(forbidden(call_id, draft.name, draft.arguments))

    def again(self) -> None:
        """Begin the next answer."""
        self.rejected.clear()
        self.said.clear()
