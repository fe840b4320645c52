"""Constrained replies on their way out: calls and answers that are written as JSON."""

from typing import assert_never

from codex_oss.translate.constrain import (
    AnswerText,
    CallArguments,
    CallClosed,
    CallOpened,
    Piece,
    ReplyDecoder,
)
from codex_oss.translate.stream.answer import Answer
from codex_oss.translate.stream.content import Content
from codex_oss.wire.chat import CallDelta, FunctionDelta


class Replies:
    """Takes replies apart. What they say goes on as text.

    So does text of another form, from servers that ignore the schema.
    """

    def __init__(self, answer: Answer, content: Content) -> None:
        self._answer = answer
        self._content = content
        self._decoder = ReplyDecoder()
        self._calls = 0

    def feed(self, text: str) -> None:
        """Take more of the text."""
        for piece in self._decoder.feed(text):
            self._take(piece)

    def finish(self, *, cut: bool = False) -> None:
        """Let go of what is held back: the text, or this run of it, is over."""
        for piece in self._decoder.finish():
            if not cut or isinstance(piece, AnswerText):
                self._take(piece)
        self._content.finish(cut=cut)

    def _take(self, piece: Piece) -> None:
        match piece:
            case AnswerText():
                self._content.feed(piece.text)
            case CallOpened():
                self._content.finish()
                self._calls += 1
                self._call(name=piece.name)
            case CallArguments():
                self._call(arguments=piece.text)
            case CallClosed():
                pass
            case _:
                assert_never(piece)

    def _call(self, name: str | None = None, arguments: str | None = None) -> None:
        function = FunctionDelta(name, arguments)
        self._answer.add_call(CallDelta(self._calls, None, function))
