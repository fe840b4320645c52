"""One MCP server: started, asked, started again when it breaks down, ended.

The SDK's contexts must be left by the task that entered them, so one task owns the
server from begin to end; everybody else only sends requests through the session that
it holds open.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.offer import MAX_TOOLS, RemoteTool, read_tools
from codex_oss.mcp.place import Agree, Place
from codex_oss.mcp.restarts import Breakdowns
from codex_oss.policy import AnswerServer, Reply

if TYPE_CHECKING:
    from codex_oss.mcp.link import Link

MAX_PAGES = 32
"""Answers to ``tools/list``; the rest of an endless list is left out."""
RELIST_S = 0.5
"""Between two lists of tools; a server may say without end that they have changed."""
CLOSE_S = 5.0
"""For the end of a server's task; it is cancelled then, and has as long again."""


class Server:
    """A server of tools. ``begin`` starts it, ``close`` must be called.

    ``why`` says why it cannot be used, and ``hint`` what to do; both are empty while it
    can, or starts.
    """

    def __init__(self, name: str, settings: McpServer, place: Place) -> None:
        self.name = name
        self.settings = settings
        self.tools: list[RemoteTool] = []
        self.resources = False
        self.why = ""
        self.hint = ""
        self.late = False
        """Whether the first request did not wait for it."""
        self._place = place
        self._began = False
        self._link: Link | None = None
        self._settled = asyncio.Event()
        self._stop = asyncio.Event()
        self._relist = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._asked: list[Agree] = []

    @property
    def startup_s(self) -> float:
        """How long it may take to start."""
        given = self.settings.startup_timeout_ms
        return self.settings.startup_timeout_sec if given is None else given / 1000

    def begin(self) -> None:
        """Start it in the background."""
        self._task = asyncio.create_task(self._own(), name=f"mcp {self.name}")

    async def settle(self) -> None:
        """Wait until it can be used, or cannot; bounded by its own timeout."""
        await self._settled.wait()

    @property
    def settled(self) -> bool:
        """Whether it can be used, or cannot: it does not start any more."""
        return self._settled.is_set()

    async def call(self, tool: str, arguments: Any, agree: Agree) -> dict[str, Any]:
        """Call a tool and return the result as the server sent it.

        ``agree`` is asked what the server wants to know meanwhile. Raises ``McpError``.
        """
        self._asked.append(agree)
        try:
            params = {"name": tool, "arguments": arguments}
            return await self.ask("tools/call", params)
        finally:
            self._asked.remove(agree)

    async def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return its result; raises ``McpError``.

        A server that starts again is waited for.
        """
        if self._link is not None and self._link.ended.is_set():
            self._fall()
        await self._settled.wait()
        if self._link is None:
            raise McpError(f"MCP server {self.name} is not running: {self.why}")
        return await self._link.ask(method, params, self.settings.tool_timeout_sec)

    async def close(self) -> None:
        """End it."""
        self._stop.set()
        if self._task is None:
            return
        if not self._settled.is_set():  # nobody waits for what still starts
            self._task.cancel()
        done, _ = await asyncio.wait([self._task], timeout=CLOSE_S)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_S)

    # --- the owner's task -------------------------------------------------------------

    async def _own(self) -> None:
        breakdowns = Breakdowns(self._place.patience)
        now = asyncio.get_running_loop().time
        began = False
        while True:
            self._began = False
            why = await self._live()
            self._fall()
            began = began or self._began
            if self._stop.is_set() or not began:
                break
            wait_s = breakdowns.add(now())
            if wait_s is None:
                wait_s = breakdowns.rest(now())
                self._give_up(why, f"; it is tried again in {wait_s:.0f} s")
            else:
                self._place.tell(
                    f"MCP server {self.name} broke down ({why}); it restarts"
                )
            if await self._stopped_within(wait_s):
                break
            self._fall()
        if not self._stop.is_set():
            self._give_up(why)
        self._settled.set()

    def _give_up(self, why: str, then: str = "") -> None:
        """Do without it, for now or for good."""
        self.why = why
        if then or self.late:
            next_step = f". {self.hint}" if self.hint else ""
            self._place.tell(f"MCP server {self.name} is gone: {why}{then}{next_step}")
        self._place.changed()
        self._settled.set()

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return False
        return True

    def _fall(self) -> None:
        """Take note that nothing can be asked for now."""
        self._link = None
        self._settled.clear()

    async def _live(self) -> str:
        """Hold a connection open until it ends or is ended; return why it did."""
        try:
            async with self._connected() as link:
                self._link = link
                self._began = True
                back, self.why, self.hint = bool(self.why), "", ""
                self._settled.set()
                if back:
                    self._place.changed()
                return await self._attend(link)
        except Exception as error:  # noqa: BLE001  whatever the SDK makes of an answer
            if isinstance(error, TimeoutError):
                self.hint = (
                    f"Give it more by `mcp_servers.{self.name}.startup_timeout_sec`."
                )
                return f"it did not start within {self.startup_s:g} s"
            self.hint = error.hint if isinstance(error, McpError) else ""
            return str(error) or type(error).__name__

    @asynccontextmanager
    async def _connected(self) -> "AsyncGenerator[Link, None]":
        # 0.7 s of imports, in a thread: other things are prepared meanwhile.
        link_module = await asyncio.to_thread(_import_link)
        async with link_module.open_link(
            self.name, self.settings, self._place, self._agree
        ) as link:
            link.on_tools_changed = self._relist.set
            async with asyncio.timeout(self.startup_s):
                await link.begin()
                self.resources = link.has("resources")
                self._take(await self._list(link))
            yield link

    async def _attend(self, link: "Link") -> str:
        """Wait for the end; list the tools anew whenever they have changed."""
        now = asyncio.get_running_loop().time
        next_list = 0.0
        while True:
            waits = [
                asyncio.ensure_future(each.wait())
                for each in (self._stop, link.ended, self._relist)
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            if self._stop.is_set() or link.ended.is_set():
                return link.why
            if await self._stopped_within(max(0.0, next_list - now())):
                return link.why
            next_list = now() + RELIST_S
            self._relist.clear()
            try:
                self._take(await self._list(link))
            except McpError as error:
                self._place.tell(f"MCP server {self.name}: {error}")

    async def _list(self, link: "Link") -> list[RemoteTool]:
        tools: dict[str, RemoteTool] = {}
        if not link.has("tools"):
            return []
        cursor: object = None
        for _ in range(MAX_PAGES):
            params = {} if cursor is None else {"cursor": cursor}
            page = await link.ask("tools/list", params, self.startup_s)
            listed, cursor = page.get("tools"), page.get("nextCursor")
            # Page by page: what is left out must not add up in the memory.
            found = cast("list[object]", listed) if isinstance(listed, list) else []
            for tool in read_tools(found):
                tools.setdefault(tool.name, tool)
            if not isinstance(cursor, str) or len(tools) >= MAX_TOOLS:
                break
        return sorted(tools.values(), key=lambda tool: tool.name)[:MAX_TOOLS]

    def _take(self, listed: list[RemoteTool]) -> None:
        enabled, disabled = self.settings.enabled_tools, self.settings.disabled_tools
        tools = [
            tool
            for tool in listed
            if (enabled is None or tool.name in enabled) and tool.name not in disabled
        ]
        if tools != self.tools:
            self.tools = tools
            self._place.changed()

    async def _agree(self, asked: AnswerServer) -> Reply:
        """Ask the person on behalf of the call that runs; without one, nobody.

        Servers do not say for which of several calls they ask. All are of one session,
        and so of one turn and one person.
        """
        if not self._asked:
            return Reply("decline", why="no call of its tools runs")
        return await self._asked[-1](asked)


def _import_link() -> Any:
    from codex_oss.mcp import link  # noqa: PLC0415  the SDK: 0.7 s

    return link
