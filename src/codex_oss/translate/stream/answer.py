"""The items of one response: one is open at a time, and the next closes it."""

from collections.abc import Iterable

from codex_oss.items import Message, Reasoning, text_of
from codex_oss.translate.found import FoundCall
from codex_oss.translate.stream.calls import Calls
from codex_oss.translate.stream.desk import Desk
from codex_oss.translate.stream.forbidden import Forbidden
from codex_oss.translate.stream.items import OpenMessage, OpenReasoning, OpenRefusal
from codex_oss.translate.stream.output import Output
from codex_oss.wire import chat
from codex_oss.wire.chat import CallDelta, FunctionDelta

OpenText = OpenMessage | OpenReasoning | OpenRefusal


class Answer:
    """Opens and closes items as text and calls come.

    Without a ``desk`` the model may not call, and its calls are ``forbidden``.
    """

    __slots__ = ("_desk", "_dropped", "_forbidden", "_late", "_open", "_output")

    def __init__(self, output: Output, desk: Desk | None, forbidden: Forbidden) -> None:
        self._output = output
        self._desk = desk
        self._forbidden = forbidden
        self._dropped: Calls | None = None
        self._open: OpenText | Calls | None = None
        self._late: list[tuple[type[OpenText], str]] = []

    def write(self, kind: type[OpenText], text: str) -> None:
        """Add text to the open item, or to a new one when that is of another kind.

        Blank text opens none.
        """
        item = self._open
        if not isinstance(item, kind):
            if self._desk and self._desk.stuck:
                self._desk.nudge()
                self._late.append((kind, text))
                return
            if not text.strip():
                return
            self.close()
            if self._desk and self._desk.stuck:
                self._late.append((kind, text))
                return
            item = self._open = kind(self._output)
        item.write(text)

    def add_call(self, delta: CallDelta) -> None:
        """Add a piece of a call."""
        if self._desk is None:
            if self._dropped is None:
                self._dropped = Calls(self._forbidden)
            self._dropped.write(delta)
            return
        run = self._open
        if not isinstance(run, Calls):
            self.close()
            run = self._open = Calls(self._desk)
        run.write(delta)

    def add_calls(self, calls: Iterable[FoundCall]) -> None:
        """Add calls that stood in the text."""
        for call in calls:
            self.add_call(CallDelta(function=FunctionDelta(call.name, call.arguments)))

    def close(self, *, cut: bool = False) -> None:
        """Close the open item; ``cut``: the answer ends before its end."""
        item, self._open = self._open, None
        if self._dropped:
            self._dropped.close(cut=cut)
            self._dropped = None
        match item:
            case None:
                pass
            case Calls():
                item.close(cut=cut)
            case _:
                item.close("incomplete" if cut else "completed")

    def rethink(self) -> None:
        """Make the open message reasoning: its words turned out to be that."""
        item, self._open = self._open, None
        if isinstance(item, OpenMessage):
            self.write(OpenReasoning, item.take_back())

    def unthink(self) -> str:
        """Take the open reasoning back: its text turned out to be words. Return it."""
        item = self._open
        if isinstance(item, OpenReasoning):
            self._open = None
            return item.take_back()
        texts: list[str] = []
        while self._late and self._late[-1][0] is OpenReasoning:
            texts.append(self._late.pop()[1])
        return "".join(reversed(texts))

    # --- the second answer -------------------------------------------------------

    def said(self) -> chat.Assistant:
        """Return what the model said and called in its first answer."""
        done = self._output.items
        texts = [text_of(item.content) for item in done if isinstance(item, Message)]
        texts += [text for kind, text in self._late if kind is OpenMessage]
        return chat.Assistant(
            content="\n".join(texts),
            tool_calls=[*(self._desk or self._forbidden).said],
        )

    def thought(self) -> str:
        """Return what the model thought in its first answer."""
        done = [item for item in self._output.items if isinstance(item, Reasoning)]
        return "\n".join(part.text for item in done for part in item.summary)

    def resolve(self, *, cut: bool) -> None:
        """End the second answer: close and hand out what waited for it."""
        if self._desk is None:
            return
        silent = not any(text.strip() for _, text in self._late)
        self._desk.resolve(silent=silent, cut=cut)
        if self._desk.stuck:
            return
        late, self._late = self._late, []
        for kind, text in late:
            self.write(kind, text)
        self.close(cut=cut)
