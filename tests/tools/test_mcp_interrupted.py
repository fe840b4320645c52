"""Calls of MCP servers that a person interrupts: each has an end in the events."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from codex_oss import events
from codex_oss.config.schema import McpServer
from codex_oss.items import FunctionCall
from codex_oss.mcp.offer import ANYTHING, RemoteTool
from codex_oss.mcp.server import Server
from codex_oss.policy import Permissions
from codex_oss.ports import Output, Scope, Tool
from codex_oss.tools import mcp_call
from codex_oss.tools.mcp_call import McpTool, open_desk
from codex_oss.tools.mcp_resources import resource_tools
from codex_oss.tools.output import Budget
from codex_oss.tools.permit import Permit
from people import Person

LIMIT_S = 180.0
READS = RemoteTool(name="look", description="", parameters=ANYTHING, read_only=True)


class Slow:
    """A server that never answers, unless what it answers is never read."""

    name, why, resources = "a", "", True
    settings = McpServer(command="a")

    def __init__(self, *, answers: bool = False) -> None:
        self.asked = asyncio.Event()
        self._answers = answers

    async def call(self, *_: object) -> dict[str, Any]:
        return await self.ask()

    async def ask(self, *_: object) -> dict[str, Any]:
        if self._answers:
            return {"content": []}
        return await self.wait()

    async def wait(self, *_: object) -> Any:
        self.asked.set()
        return await asyncio.Event().wait()


def ends(
    answers: bool,  # noqa: FBT001  one server or the other
    tool_of: Callable[[Slow], Tool],
) -> list[events.Event]:
    """Call a tool, interrupt it when its server is asked, and return the events."""
    told: list[events.Event] = []
    scope = Scope(cwd=Path("/"), emit=told.append, new_item_id=lambda: "item_0")
    arguments = FunctionCall(name="x", arguments="{}", call_id="c")

    async def work() -> None:
        server = Slow(answers=answers)
        running = asyncio.ensure_future(tool_of(server).run(arguments, scope))
        async with asyncio.timeout(LIMIT_S):
            await server.asked.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(work())
    return told


def told_of(server: str, tool: str) -> list[events.Event]:
    began = events.McpToolCall(id="item_0", server=server, tool=tool, arguments={})
    ended = events.McpToolCall(
        id="item_0",
        server=server,
        tool=tool,
        arguments={},
        error=events.McpError("the call was interrupted"),
        status="failed",
    )
    return [events.ItemStarted(item=began), events.ItemCompleted(item=ended)]


def called(server: Slow) -> Tool:
    permit = Permit(Permissions(mode="read-only"), Person())
    desk = open_desk(cast("Server", server), permit, Budget(1000), [])
    return McpTool("mcp__a__look", READS, desk)


def listed(server: Slow) -> Tool:
    return resource_tools([cast("Server", server)], Budget(1000))[0]


def test_a_call_that_is_interrupted_has_failed() -> None:
    assert ends(False, called) == told_of("a", "look")


def test_so_has_one_whose_answer_is_still_being_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def reading(server: Slow) -> Tool:
        slow: Callable[..., Awaitable[Output]] = server.wait
        monkeypatch.setattr(mcp_call, "output", slow)
        return called(server)

    assert ends(True, reading) == told_of("a", "look")


def test_so_has_a_call_for_resources() -> None:
    assert ends(False, listed) == told_of("codex", "list_mcp_resources")
