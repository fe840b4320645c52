"""The events of a Responses stream, in the order a response goes through them."""

from codex_oss.items import Item, Part, ReasoningText, SummaryText, Tagged, Unknown
from codex_oss.wire.responses.body import Response


class _Event(Tagged, frozen=True, kw_only=True):
    sequence_number: int = 0


class Created(_Event, frozen=True, kw_only=True, tag="response.created"):
    """The response has an id."""

    response: Response


class InProgress(_Event, frozen=True, kw_only=True, tag="response.in_progress"):
    """The model is at work; also sent to keep a slow stream alive."""

    response: Response


class OutputItemAdded(
    _Event, frozen=True, kw_only=True, tag="response.output_item.added"
):
    """An item begins. Its text or arguments are still empty."""

    output_index: int
    item: Item


class OutputItemDone(
    _Event, frozen=True, kw_only=True, tag="response.output_item.done"
):
    """An item is whole. The only event that creates items at the receiver."""

    output_index: int = 0
    item: Item


class ContentPartAdded(
    _Event, frozen=True, kw_only=True, tag="response.content_part.added"
):
    """A part of a message or of reasoning begins."""

    item_id: str
    output_index: int
    content_index: int
    part: Part | ReasoningText


class ContentPartDone(
    _Event, frozen=True, kw_only=True, tag="response.content_part.done"
):
    """A part of a message or of reasoning is whole."""

    item_id: str
    output_index: int
    content_index: int
    part: Part | ReasoningText


class OutputTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.output_text.delta"
):
    """More text of a message."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str


class OutputTextDone(
    _Event, frozen=True, kw_only=True, tag="response.output_text.done"
):
    """The text of a message part, whole."""

    item_id: str
    output_index: int
    content_index: int
    text: str


class RefusalDelta(_Event, frozen=True, kw_only=True, tag="response.refusal.delta"):
    """More text of a refusal."""

    item_id: str
    output_index: int
    content_index: int
    delta: str


class RefusalDone(_Event, frozen=True, kw_only=True, tag="response.refusal.done"):
    """A refusal, whole."""

    item_id: str
    output_index: int
    content_index: int
    refusal: str


class ReasoningSummaryPartAdded(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_part.added"
):
    """A paragraph of a reasoning summary begins."""

    item_id: str = ""
    output_index: int = 0
    summary_index: int = 0
    part: SummaryText


class ReasoningSummaryTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_text.delta"
):
    """More text of a reasoning summary."""

    item_id: str = ""
    output_index: int = 0
    summary_index: int = 0
    delta: str


class ReasoningSummaryTextDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_text.done"
):
    """A paragraph of a reasoning summary, its text whole."""

    item_id: str
    output_index: int
    summary_index: int
    text: str


class ReasoningSummaryPartDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_summary_part.done"
):
    """A paragraph of a reasoning summary is whole."""

    item_id: str
    output_index: int
    summary_index: int
    part: SummaryText


class ReasoningTextDelta(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_text.delta"
):
    """More of the model's own reasoning."""

    item_id: str = ""
    output_index: int = 0
    content_index: int = 0
    delta: str


class ReasoningTextDone(
    _Event, frozen=True, kw_only=True, tag="response.reasoning_text.done"
):
    """The model's own reasoning, whole."""

    item_id: str
    output_index: int
    content_index: int
    text: str


class FunctionCallArgumentsDelta(
    _Event, frozen=True, kw_only=True, tag="response.function_call_arguments.delta"
):
    """More of a call's JSON arguments."""

    item_id: str = ""
    output_index: int = 0
    delta: str


class FunctionCallArgumentsDone(
    _Event, frozen=True, kw_only=True, tag="response.function_call_arguments.done"
):
    """A call's JSON arguments, whole."""

    item_id: str
    output_index: int
    name: str = ""
    arguments: str


class CustomToolCallInputDelta(
    _Event, frozen=True, kw_only=True, tag="response.custom_tool_call_input.delta"
):
    """More of a freeform call's input."""

    item_id: str = ""
    output_index: int = 0
    delta: str


class CustomToolCallInputDone(
    _Event, frozen=True, kw_only=True, tag="response.custom_tool_call_input.done"
):
    """A freeform call's input, whole."""

    item_id: str
    output_index: int
    input: str


class Completed(_Event, frozen=True, kw_only=True, tag="response.completed"):
    """The response is whole; the stream ends."""

    response: Response


class Failed(_Event, frozen=True, kw_only=True, tag="response.failed"):
    """The response failed; ``response.error`` says why; the stream ends."""

    response: Response


class IncompleteResponse(_Event, frozen=True, kw_only=True, tag="response.incomplete"):
    """The response was cut; ``response.incomplete_details`` says why."""

    response: Response


class ErrorEvent(_Event, frozen=True, kw_only=True, tag="error"):
    """An error outside the response's own life cycle."""

    code: str | None = None
    message: str | None = None
    param: str | None = None


LIFE_SIGNS = (Created, InProgress)
"""Events before anything of an answer."""
ENDS = (Completed, Failed, IncompleteResponse)
"""The events one of which is a stream's last."""

FlatEvent = (
    OutputTextDelta
    | OutputTextDone
    | RefusalDelta
    | RefusalDone
    | ReasoningSummaryPartAdded
    | ReasoningSummaryTextDelta
    | ReasoningSummaryTextDone
    | ReasoningSummaryPartDone
    | ReasoningTextDelta
    | ReasoningTextDone
    | FunctionCallArgumentsDelta
    | FunctionCallArgumentsDone
    | CustomToolCallInputDelta
    | CustomToolCallInputDone
    | ErrorEvent
)
Event = (
    Created
    | InProgress
    | Completed
    | Failed
    | IncompleteResponse
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | FlatEvent
    | Unknown
)
