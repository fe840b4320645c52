"""Which call of the model an event or a question is about: Codex names calls by id.

The agent's own events do not know of calls. A call is in the history before anything
happens because of it, and its output is not, so what is open can be told apart.
"""

from collections.abc import Callable
from typing import Any

from codex_oss.items import (
    Call,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    Item,
)
from codex_oss.mcp.offer import flat_name
from codex_oss.mcp_server.patches import hunks_in
from codex_oss.wire.json_text import fields

BY_NAME = "mcp_call"
"""The tool that calls another by its name, where there are many."""


class OpenCalls:
    """The calls without an output, and the items that belong to them."""

    def __init__(self) -> None:
        self._open: dict[str, Call] = {}
        self._items: dict[str, str] = {}

    def keep(self, item: Item) -> None:
        """Take note of an item of the history."""
        match item:
            case FunctionCall() | CustomToolCall():
                self._open[item.call_id] = item
            case FunctionCallOutput() | CustomToolCallOutput():
                self._open.pop(item.call_id, None)
            case _:
                return

    def of_command(self, command: str) -> Call | None:
        """Return the call that runs ``command``, the script without its shell."""
        return self._find(lambda call: arguments(call).get("cmd") == command)

    def of_patch(self) -> Call | None:
        """Return the call that changes files."""
        return self._find(lambda call: bool(hunks_in(call)))

    def of_tool(self, server: str, tool: str, given: str) -> Call | None:
        """Return the call of an MCP server's tool with the arguments ``given``."""
        name, wanted = flat_name(server, tool, ()), fields(given)

        def is_it(call: Call) -> bool:
            told = arguments(call)
            if call.name == BY_NAME:
                return told.get("name") == name and told.get("arguments") == wanted
            return call.name == name and told == wanted

        return self._find(is_it)

    def take(self, item_id: str, call: Call | None) -> str:
        """Return the call's id as the item's from now on; its own without a call."""
        return self._items.setdefault(item_id, call.call_id if call else item_id)

    def _find(self, is_it: Callable[[Call], bool]) -> Call | None:
        taken = self._items.values()
        return next(
            (c for c in self._open.values() if c.call_id not in taken and is_it(c)),
            None,
        )


def arguments(call: Call) -> dict[str, Any]:
    """Return a call's arguments; none where they are no JSON object."""
    return fields(call.arguments) if isinstance(call, FunctionCall) else {}
