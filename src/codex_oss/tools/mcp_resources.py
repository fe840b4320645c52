"""Resources of MCP servers, by the three tools that the Codex CLI has for them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec

from codex_oss import events
from codex_oss.errors import McpError, ToolError
from codex_oss.items import Call
from codex_oss.mcp.server import Server
from codex_oss.ports import Output, Scope
from codex_oss.tools.mcp_call import INTERRUPTED, failed
from codex_oss.tools.output import Budget, truncate
from codex_oss.tools.spec import arguments, function_tool, json_arguments
from codex_oss.wire.responses import FunctionTool

MAX_LISTED = 1000
"""Resources in one answer."""
SHOWN_AS = "codex"
"""The server that these calls are shown under; Codex's events have this one."""


class ListArguments(msgspec.Struct, frozen=True):
    """The arguments of both tools that list."""

    server: str | None = None
    cursor: str | None = None


class ReadArguments(msgspec.Struct, frozen=True):
    """The arguments of ``read_mcp_resource``."""

    server: str
    uri: str


_TEXT = {"type": "string"}
_LIST: dict[str, dict[str, Any]] = {"server": _TEXT, "cursor": _TEXT}
_READ: dict[str, dict[str, Any]] = {"server": _TEXT, "uri": _TEXT}


class ResourceTool:
    """One of the three tools (``ports.Tool``)."""

    def __init__(
        self,
        spec: FunctionTool,
        answer: Callable[[Call], Awaitable[dict[str, Any]]],
        budget: Budget,
    ) -> None:
        self._spec = spec
        self._answer = answer
        self._budget = budget

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return self._spec

    async def run(self, call: Call, scope: Scope) -> Output:
        """Ask the servers and return what they say as JSON."""
        item = events.McpToolCall(
            id=scope.new_item_id(),
            server=SHOWN_AS,
            tool=self._spec.name,
            arguments=json_arguments(call),
        )
        scope.emit(events.ItemStarted(item=item))
        try:
            text = msgspec.json.encode(await self._answer(call)).decode()
        except (McpError, ToolError) as error:
            scope.emit(events.ItemCompleted(item=failed(item, str(error))))
            return Output(str(error), success=False)
        except asyncio.CancelledError:
            scope.emit(events.ItemCompleted(item=failed(item, INTERRUPTED)))
            raise
        content = [{"type": "text", "text": text}]
        result = {"content": content, "structured_content": None}
        item = msgspec.structs.replace(item, result=result, status="completed")
        scope.emit(events.ItemCompleted(item=item))
        return Output(truncate(text, self._budget))

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


def resource_tools(servers: Sequence[Server], budget: Budget) -> list[ResourceTool]:
    """Return the tools for the resources of ``servers``; none if nobody has any."""
    having = {each.name: each for each in servers if each.resources and not each.why}
    if not having:
        return []
    lists = (
        ("list_mcp_resources", "resources/list", "resources"),
        (
            "list_mcp_resource_templates",
            "resources/templates/list",
            "resourceTemplates",
        ),
    )
    tools = [
        ResourceTool(
            function_tool(name, _LIST, required=()),
            lambda call, method=method, key=key: _list(having, call, method, key),
            budget,
        )
        for name, method, key in lists
    ]
    read = function_tool("read_mcp_resource", _READ, required=("server", "uri"))
    tools.append(ResourceTool(read, lambda call: _read(having, call), budget))
    return tools


async def _list(
    having: dict[str, Server], call: Call, method: str, key: str
) -> dict[str, Any]:
    asked = arguments(call, ListArguments)
    servers = [_named(having, asked.server)] if asked.server else having.values()
    params = {"cursor": asked.cursor} if asked.server and asked.cursor else {}
    found: list[dict[str, Any]] = []
    told: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for server in servers:
        try:
            page = await server.ask(method, params)
        except McpError as error:
            if asked.server:
                raise
            failed[server.name] = str(error)
            continue
        entries = page.get(key)
        for entry in cast("list[Any]", entries) if isinstance(entries, list) else []:
            if isinstance(entry, dict) and len(found) < MAX_LISTED:
                found.append({"server": server.name, **cast("dict[str, Any]", entry)})
        if asked.server and isinstance(page.get("nextCursor"), str):
            told["nextCursor"] = page["nextCursor"]
    if failed:
        told["failed"] = failed
    return {key: found, **told}


async def _read(having: dict[str, Server], call: Call) -> dict[str, Any]:
    asked = arguments(call, ReadArguments)
    server = _named(having, asked.server)
    result = await server.ask("resources/read", {"uri": asked.uri})
    return {"server": server.name, "uri": asked.uri, "contents": result.get("contents")}


def _named(having: dict[str, Server], name: str) -> Server:
    if name not in having:
        known = ", ".join(having)
        raise ToolError(f"no MCP server {name} has resources; these have: {known}")
    return having[name]
