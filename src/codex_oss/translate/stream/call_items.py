"""Calls while they are written: of functions, freeform tools and the tool search."""

from typing import Any

import msgspec
from msgspec import UNSET

from codex_oss.items import CustomToolCall, FunctionCall, ToolSearchCall
from codex_oss.translate.stream.mend import Meant
from codex_oss.translate.stream.output import Output
from codex_oss.translate.tools import Target
from codex_oss.wire import responses
from codex_oss.wire.json_text import NOT_JSON


class OpenFunctionCall:
    """A call of a function. Its arguments are told as they come."""

    def __init__(self, output: Output, target: Target, call_id: str) -> None:
        self._output = output
        self._id = output.new_id("fc_")
        self._target = target
        self._call_id = call_id
        self._index = output.add_item(self._item("", "in_progress"))

    def write(self, delta: str) -> None:
        """Add JSON text."""
        self._output.emit(
            responses.FunctionCallArgumentsDelta(
                item_id=self._id, output_index=self._index, delta=delta
            )
        )

    def close(self, meant: Meant) -> None:
        """End the item. Mended arguments are not what the deltas add up to."""
        self._target, arguments = meant.target, meant.text
        self._output.emit(
            responses.FunctionCallArgumentsDone(
                item_id=self._id,
                output_index=self._index,
                name=self._target.name,
                arguments=arguments,
            )
        )
        self._output.finish_item(self._index, self._item(arguments, "completed"))

    def _item(self, arguments: str, status: str) -> FunctionCall:
        return FunctionCall(
            id=self._id,
            call_id=self._call_id,
            name=self._target.name,
            namespace=self._target.namespace or UNSET,
            arguments=arguments,
            status=status,
        )


class OpenCustomCall:
    """A call of a freeform tool, which the model made as a function's.

    The input is known only when the JSON around it is whole. Until then, empty deltas
    show that the stream is alive.
    """

    def __init__(self, output: Output, target: Target, call_id: str) -> None:
        self._output = output
        self._id = output.new_id("ctc_")
        self._target = target
        self._call_id = call_id
        self._index = output.add_item(self._item("", "in_progress"))

    def write(self, delta: str) -> None:  # noqa: ARG002  read whole in close()
        """Note that there is more JSON text."""
        self._delta("")

    def close(self, meant: Meant) -> None:
        """End the item with its input."""
        self._target, text = meant.target, meant.text
        self._delta(text)
        self._output.emit(
            responses.CustomToolCallInputDone(
                item_id=self._id, output_index=self._index, input=text
            )
        )
        self._output.finish_item(self._index, self._item(text, "completed"))

    def _delta(self, text: str) -> None:
        self._output.emit(
            responses.CustomToolCallInputDelta(
                item_id=self._id, output_index=self._index, delta=text
            )
        )

    def _item(self, text: str, status: str) -> CustomToolCall:
        return CustomToolCall(
            id=self._id,
            call_id=self._call_id,
            name=self._target.name,
            namespace=self._target.namespace or UNSET,
            input=text,
            status=status,
        )


class OpenSearch:
    """A call of the client's search for tools. It has no events for its arguments."""

    def __init__(self, output: Output, target: Target, call_id: str) -> None:  # noqa: ARG002  as of the others
        self._output = output
        self._id = output.new_id("tsc_")
        self._call_id = call_id
        self._index = output.add_item(self._item({}, "in_progress"))

    def write(self, delta: str) -> None:
        """Note that there is more JSON text."""

    def close(self, meant: Meant) -> None:
        """End the item."""
        try:
            arguments = msgspec.json.decode(meant.text, type=dict[str, Any])
        except NOT_JSON:
            arguments = {"query": meant.text}
        self._output.finish_item(self._index, self._item(arguments, "completed"))

    def _item(self, arguments: dict[str, Any], status: str) -> ToolSearchCall:
        return ToolSearchCall(
            id=self._id, call_id=self._call_id, arguments=arguments, status=status
        )


OpenCall = OpenFunctionCall | OpenCustomCall | OpenSearch


def open_call(output: Output, target: Target, call_id: str) -> OpenCall:
    """Announce a call of ``target``."""
    return _KINDS[target.kind](output, target, call_id)


_KINDS: dict[str, type[OpenCall]] = {
    "function": OpenFunctionCall,
    "custom": OpenCustomCall,
    "search": OpenSearch,
}
