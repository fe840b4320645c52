"""Items while they are written: each opens, gets deltas, and closes.

Source of the order of events: OpenAI's Responses API reference.
"""

from typing import Literal

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from codex_oss.items import (
    Message,
    OutputText,
    Part,
    Reasoning,
    ReasoningText,
    Refusal,
    SummaryText,
)
from codex_oss.translate.stream.output import Output
from codex_oss.wire import responses

Status = Literal["in_progress", "completed", "incomplete"]
_TextDelta = responses.OutputTextDelta


class OpenMessage:
    """A message of one part of text."""

    __slots__ = ("_id", "_index", "_output", "_texts")

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = output.new_id("msg_")
        self._texts: list[str] = []
        self._index = output.add_item(_message(self._id, "in_progress"))
        output.emit(
            responses.ContentPartAdded(
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                part=OutputText(text=""),
            )
        )

    def write(self, delta: str) -> None:
        """Add text."""
        self._texts.append(delta)
        output = self._output
        output.events.append(
            _TextDelta(
                sequence_number=output.number,
                item_id=self._id,
                output_index=self._index,
                delta=delta,
            )
        )
        output.number += 1

    def close(self, status: Status) -> None:
        """End the item."""
        self._end("".join(self._texts), status)

    def take_back(self) -> str:
        """End the item without its text, which was none of the answer; return that.

        What clients showed of it they cannot unsee, but none keeps it: the item that
        is done counts. Its phase is what Codex calls words that do not answer.
        """
        self._end("", "completed", "commentary")
        return "".join(self._texts)

    def _end(self, text: str, status: Status, phase: str | UnsetType = UNSET) -> None:
        part = OutputText(text=text)
        self._output.emit(
            responses.OutputTextDone(
                item_id=self._id, output_index=self._index, content_index=0, text=text
            )
        )
        _close_part(self._output, self._id, self._index, part)
        done = _message(self._id, status, part)
        self._output.finish_item(self._index, replace(done, phase=phase))


class OpenRefusal:
    """A message of one refusal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = output.new_id("msg_")
        self._texts: list[str] = []
        self._index = output.add_item(_message(self._id, "in_progress"))
        output.emit(
            responses.ContentPartAdded(
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                part=Refusal(refusal=""),
            )
        )

    def write(self, delta: str) -> None:
        """Add text."""
        self._texts.append(delta)
        self._output.emit(
            responses.RefusalDelta(
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                delta=delta,
            )
        )

    def close(self, status: Status) -> None:
        """End the item."""
        text = "".join(self._texts)
        part = Refusal(refusal=text)
        self._output.emit(
            responses.RefusalDone(
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                refusal=text,
            )
        )
        _close_part(self._output, self._id, self._index, part)
        self._output.finish_item(self._index, _message(self._id, status, part))


class OpenReasoning:
    """Reasoning, told twice: as itself, and as the summary that clients show."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._id = output.new_id("rs_")
        self._texts: list[str] = []
        self._index = output.add_item(Reasoning(id=self._id, status="in_progress"))
        output.emit(
            responses.ReasoningSummaryPartAdded(
                item_id=self._id, output_index=self._index, part=SummaryText(text="")
            )
        )
        output.emit(
            responses.ContentPartAdded(
                item_id=self._id,
                output_index=self._index,
                content_index=0,
                part=ReasoningText(text=""),
            )
        )

    def write(self, delta: str) -> None:
        """Add text."""
        self._texts.append(delta)
        self._output.emit(
            responses.ReasoningSummaryTextDelta(
                item_id=self._id, output_index=self._index, delta=delta
            )
        )
        self._output.emit(
            responses.ReasoningTextDelta(
                item_id=self._id, output_index=self._index, delta=delta
            )
        )

    def close(self, status: Status) -> None:
        """End the item."""
        text = "".join(self._texts)
        self._tell_whole(text)
        item = Reasoning(
            id=self._id,
            summary=[SummaryText(text=text)],
            content=[ReasoningText(text=text)],
            status=status,
        )
        self._output.finish_item(self._index, item)

    def take_back(self) -> str:
        """End the item without its text, which was no reasoning; return that."""
        self._tell_whole("")
        item = Reasoning(id=self._id, status="completed")
        self._output.finish_item(self._index, item)
        return "".join(self._texts)

    def _tell_whole(self, text: str) -> None:
        emit, item_id, index = self._output.emit, self._id, self._index
        emit(
            responses.ReasoningTextDone(
                item_id=item_id, output_index=index, content_index=0, text=text
            )
        )
        _close_part(self._output, item_id, index, ReasoningText(text=text))
        emit(
            responses.ReasoningSummaryTextDone(
                item_id=item_id, output_index=index, summary_index=0, text=text
            )
        )
        emit(
            responses.ReasoningSummaryPartDone(
                item_id=item_id,
                output_index=index,
                summary_index=0,
                part=SummaryText(text=text),
            )
        )


def _message(item_id: str, status: Status, *parts: Part) -> Message:
    return Message(role="assistant", content=list(parts), id=item_id, status=status)


def _close_part(
    output: Output, item_id: str, index: int, part: Part | ReasoningText
) -> None:
    output.emit(
        responses.ContentPartDone(
            item_id=item_id, output_index=index, content_index=0, part=part
        )
    )
