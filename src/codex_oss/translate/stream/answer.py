"""The items of one answer: one is open at a time, and the next closes it."""

from collections.abc import Iterable

from codex_oss.translate.found import FoundCall
from codex_oss.translate.stream.calls import Calls
from codex_oss.translate.stream.items import OpenMessage, OpenReasoning, OpenRefusal
from codex_oss.translate.stream.output import Output
from codex_oss.translate.tools import ToolMap
from codex_oss.wire.chat import CallDelta, FunctionDelta

OpenText = OpenMessage | OpenReasoning | OpenRefusal


class Answer:
    """Opens and closes items as text and calls come.

    ``taken`` holds the call ids of the conversation so far.
    """

    def __init__(self, output: Output, tools: ToolMap, taken: set[str]) -> None:
        self._output = output
        self._tools = tools
        self._taken = taken
        self._open: OpenText | Calls | None = None

    def write(self, kind: type[OpenText], text: str) -> None:
        """Add text to the open item, or to a new one when that is of another kind.

        Blank text opens none.
        """
        item = self._open
        if not isinstance(item, kind):
            if not text.strip():
                return
            self.close()
            item = self._open = kind(self._output)
        item.write(text)

    def add_call(self, delta: CallDelta) -> None:
        """Add a piece of a call."""
        run = self._open
        if not isinstance(run, Calls):
            self.close()
            run = self._open = Calls(self._output, self._tools, self._taken)
        run.write(delta)

    def add_calls(self, calls: Iterable[FoundCall]) -> None:
        """Add calls that stood in the text."""
        for call in calls:
            self.add_call(CallDelta(function=FunctionDelta(call.name, call.arguments)))

    def close(self, *, cut: bool = False) -> None:
        """Close the open item; ``cut``: the answer ends before its end."""
        item, self._open = self._open, None
        match item:
            case None:
                pass
            case Calls():
                item.close(cut=cut)
            case _:
                item.close("incomplete" if cut else "completed")
