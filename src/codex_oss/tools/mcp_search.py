"""Many MCP tools in a small prompt: their names, a search for them, and a call.

The names stand in the search tool's description as far as they fit; schemas are given
in its answers. The prompt stays as it is, whatever is found.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call, FunctionCall
from codex_oss.ports import Output, Scope, Tool
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.translate import repair
from codex_oss.wire.responses import FunctionTool

MAX_SHOWN_TOOLS = 32
"""With more tools than this, small models choose wrongly more often than not (see the
guide); only names are shown then."""
WINDOW_SHARE = 8
"""The part of the window that schemas may fill; a token is 4 bytes."""
WINDOW = 32_768
"""Tokens of a window that nobody knows."""
NAMES = 900
"""Bytes of names in the prompt."""
FOUND = 5
"""Tools in one answer."""
MAX_DESCRIPTION = 1000
"""Letters of a tool's description in an answer."""
_NAME_COUNTS = 3
"""A word in a tool's name counts as much as so many in its description."""


def too_many(specs: Sequence[FunctionTool], window: int | None) -> bool:
    """Return whether so many tools would crowd the window, or confuse the model."""
    size = sum(len(msgspec.json.encode(spec)) for spec in specs)
    return (
        len(specs) > MAX_SHOWN_TOOLS or size // 4 > (window or WINDOW) // WINDOW_SHARE
    )


class SearchArguments(msgspec.Struct, frozen=True):
    """The arguments of ``mcp_search``."""

    query: str


class CallArguments(msgspec.Struct, frozen=True):
    """The arguments of ``mcp_call``."""

    name: str
    arguments: Any = None


class McpSearch:
    """Finds tools by words (``ports.Tool``). ``groups`` are their names by server."""

    def __init__(
        self, tools: Mapping[str, Tool], groups: Mapping[str, list[str]]
    ) -> None:
        self._tools = tools
        spec = function_tool(
            "mcp_search", {"query": {"type": "string"}}, required=("query",)
        )
        told = f"{spec.description} {names_within(groups, NAMES)}"
        self._spec = msgspec.structs.replace(spec, description=told)

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return self._spec

    async def run(self, call: Call, scope: Scope) -> Output:  # noqa: ARG002  the port
        """Return the tools that fit best, each with its schema, as JSON."""
        query = arguments(call, SearchArguments).query
        found = search(query, self._tools)[:FOUND]
        if not found:
            return Output("No tool has such words: search with others.", success=False)
        return Output("\n".join(map(_shown, found)))

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


class McpCall:
    """Calls any of the tools by name (``ports.Tool``)."""

    def __init__(self, tools: Mapping[str, Tool]) -> None:
        self._tools = tools

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return function_tool(
            "mcp_call",
            {"name": {"type": "string"}, "arguments": {"type": "object"}},
            required=("name", "arguments"),
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        """Run the tool that is named; name and arguments are mended as in any call."""
        asked = arguments(call, CallArguments)
        name = repair.mend_name(asked.name, self._tools) or asked.name
        tool = self._tools.get(name)
        if tool is None:
            raise ToolError(f"there is no tool {asked.name}: find one with mcp_search")
        given = asked.arguments
        text = given if isinstance(given, str) else _json(given or {})
        spec = tool.spec
        schema = spec.parameters if isinstance(spec, FunctionTool) else None
        text = repair.mend_arguments(text, schema) or text
        if lacking := repair.missing(text, schema):
            raise ToolError(f"{name} lacks {', '.join(lacking)}: {_json(schema)}")
        inner = FunctionCall(name=name, arguments=text, call_id=call.call_id)
        return await tool.run(inner, scope)

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


def search(query: str, tools: Mapping[str, Tool]) -> list[FunctionTool]:
    """Return the tools that have words of ``query``, the best first."""
    # "issues" is to find "create_issue".
    words = {word.removesuffix("s") or word for word in _words(query)}
    scored: list[tuple[int, str, FunctionTool]] = []
    for name, tool in tools.items():
        spec = cast("FunctionTool", tool.spec)
        if name == query.strip():
            return [spec]
        own = _words(name)
        about = f" {' '.join(_words(spec.description or ''))} "
        score = sum(
            _NAME_COUNTS * any(word in each for each in own) + (f" {word}" in about)
            for word in words
        )
        if score:
            scored.append((-score, name, spec))
    return [spec for _, _, spec in sorted(scored, key=lambda each: each[:2])]


def names_within(groups: Mapping[str, list[str]], size: int) -> str:
    """Return names by server in at most about ``size`` bytes, each server its share."""
    share = size // max(len(groups), 1)
    return "; ".join(_group(name, tools, share) for name, tools in groups.items())


def _group(server: str, tools: list[str], size: int) -> str:
    head = f"{server[: size // 2]}: "
    shown: list[str] = []
    used = len(head)
    for tool in tools:
        used += len(tool.encode()) + 2
        if used > size:
            break
        shown.append(tool)
    more = len(tools) - len(shown)
    listed = ", ".join(shown)
    if not more:
        return head + listed
    return f"{head}{listed} and {more} more" if shown else f"{head}{more} tools"


def _words(text: str) -> list[str]:
    plain = "".join(letter if letter.isalnum() else " " for letter in text.lower())
    return plain.split()


def _shown(spec: FunctionTool) -> str:
    told: dict[str, Any] = {
        "name": spec.name,
        "description": (spec.description or "")[:MAX_DESCRIPTION],
        "arguments": spec.parameters,
    }
    return _json(told)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
