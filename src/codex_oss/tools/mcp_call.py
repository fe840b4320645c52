"""A tool of an MCP server, as the model calls it: ``mcp__server__tool``."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import msgspec

from codex_oss import events
from codex_oss.errors import McpError
from codex_oss.items import Call
from codex_oss.mcp.offer import RemoteTool, flat_name
from codex_oss.mcp.server import Server
from codex_oss.policy import Allow, CallTool, Deny
from codex_oss.ports import Output, Scope
from codex_oss.tools.mcp_result import output
from codex_oss.tools.output import Budget
from codex_oss.tools.permit import BY_USER, Permit
from codex_oss.tools.spec import json_arguments
from codex_oss.wire.responses import FunctionTool

NOT_BY_USER = "user rejected MCP tool call"
INTERRUPTED = "the call was interrupted"


class Desk(msgspec.Struct, frozen=True):
    """What the calls of one server have in common.

    ``turns`` lets one call run after the other, unless the server is made for more.
    """

    server: Server
    permit: Permit
    budget: Budget
    turns: asyncio.Semaphore
    news: list[str]
    """What happened to servers meanwhile; told at the next occasion."""


MAX_NEWS = 16
"""What is told at one occasion; a server can make more happen than anybody reads."""
MAX_PARALLEL = 8
"""Calls of one server at the same time, where it can do that."""


def note(news: list[str], message: str) -> None:
    """Keep what is to be told: the same once, and not without end."""
    if message not in news and len(news) < MAX_NEWS:
        news.append(message)


def open_desk(server: Server, permit: Permit, budget: Budget, news: list[str]) -> Desk:
    """Return what the calls of ``server`` have in common."""
    parallel = server.settings.supports_parallel_tool_calls
    turns = asyncio.Semaphore(MAX_PARALLEL if parallel else 1)
    return Desk(server, permit, budget, turns, news)


class McpTool:
    """One tool of one server (``ports.Tool``)."""

    def __init__(self, name: str, remote: RemoteTool, desk: Desk) -> None:
        self.remote = remote
        self._desk = desk
        self._spec = FunctionTool(
            name=name,
            description=remote.description,
            strict=False,
            parameters=remote.parameters,
        )

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return self._spec

    @property
    def server(self) -> str:
        """The name of its server."""
        return self._desk.server.name

    async def run(self, call: Call, scope: Scope) -> Output:
        """Call the tool and return what the model reads; errors are told, not raised.

        Raises ``ToolError`` for arguments that are no JSON object.
        """
        arguments = json_arguments(call)
        self.end_turn(scope)
        async with self._desk.turns:
            return await self._run(arguments, scope)

    def end_turn(self, scope: Scope) -> None:
        """Tell what happened to servers since the last call."""
        while self._desk.news:
            item = events.ErrorItem(
                id=scope.new_item_id(), message=self._desk.news.pop(0)
            )
            scope.emit(events.ItemCompleted(item=item))

    async def close(self) -> None:
        """End nothing: who started the server ends it."""

    async def _run(self, arguments: dict[str, Any], scope: Scope) -> Output:
        item = events.McpToolCall(
            id=scope.new_item_id(),
            server=self.server,
            tool=self.remote.name,
            arguments=arguments,
        )
        scope.emit(events.ItemStarted(item=item))
        try:
            item, told = await self._called(item, scope)
        except asyncio.CancelledError:
            scope.emit(events.ItemCompleted(item=failed(item, INTERRUPTED)))
            raise
        scope.emit(events.ItemCompleted(item=item))
        return told

    async def _called(
        self, item: events.McpToolCall, scope: Scope
    ) -> tuple[events.McpToolCall, Output]:
        """Return the event of a finished call, and what the model is told of it."""
        try:
            refused = await self._refused(item.arguments, scope)
            if refused:
                return failed(item, refused), Output(refused, success=False)
            if not self.remote.read_only:
                await scope.changing(None)
            result = await self._desk.server.call(
                item.tool,
                item.arguments,
                lambda asked: self._desk.permit.reply(asked, scope),
            )
        except McpError as error:
            place = f"{item.server}/{item.tool}"
            told = f"tool call error: tool call failed for `{place}`\n\nCaused by:\n"
            why = f"{told}    {error}"
            return failed(item, why), Output(why, success=False)
        content, structured = result.get("content"), result.get("structuredContent")
        parts = cast("list[Any]", content) if isinstance(content, list) else []
        wrong = result.get("isError") is True
        done = msgspec.structs.replace(
            item,
            result={"content": parts, "structured_content": structured},
            status="failed" if wrong else "completed",
        )
        told = await output(parts, structured, self._desk.budget)
        return done, Output(told, success=not wrong)

    async def _refused(self, arguments: dict[str, Any], scope: Scope) -> str:
        """Return why the call may not be made; nothing if it may."""
        settings = self._desk.server.settings
        own = settings.tools.get(self.remote.name)
        action = CallTool(
            server=self.server,
            tool=self.remote.name,
            arguments=msgspec.json.encode(arguments).decode(),
            read_only=self.remote.read_only,
            mode=(own and own.approval_mode) or settings.default_tools_approval_mode,
        )
        match await self._desk.permit.decide(action, scope):
            case Allow():
                return ""
            case Deny(reason=reason):
                return NOT_BY_USER if reason == BY_USER else reason


def failed(item: events.McpToolCall, why: str) -> events.McpToolCall:
    """Return the event of a call that has failed."""
    return msgspec.structs.replace(item, error=events.McpError(why), status="failed")


def tools_of(desks: Iterable[Desk]) -> list[McpTool]:
    """Return all tools of all servers that can be used, in a lasting order."""
    tools: dict[str, McpTool] = {}
    for desk in desks:
        for remote in desk.server.tools if not desk.server.why else ():
            name = flat_name(desk.server.name, remote.name, tools)
            tools[name] = McpTool(name, remote, desk)
    return [tools[name] for name in sorted(tools)]
