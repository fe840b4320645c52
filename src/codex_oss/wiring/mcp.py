"""MCP servers of a session: started early, their tools offered when they are there."""

from codex_oss.mcp.servers import Servers
from codex_oss.ports import Tool
from codex_oss.tools.mcp_call import McpTool, note, open_desk, tools_of
from codex_oss.tools.mcp_resources import resource_tools
from codex_oss.tools.mcp_search import McpCall, McpSearch, too_many
from codex_oss.tools.output import Budget
from codex_oss.tools.permit import Permit
from codex_oss.wire.responses import FunctionTool
from codex_oss.wire.responses import Tool as Spec
from codex_oss.wiring.ending import Endings
from codex_oss.wiring.limits import max_output
from codex_oss.wiring.permissions import Job


class Remote:
    """The servers, and the places where their tools are offered.

    ``tools`` are all that can be called, ``specs`` those that the model is told of;
    both are changed in place when servers change.
    """

    def __init__(self, job: Job, end: Endings) -> None:
        config = self._config = job.loaded.config
        self._news: list[str] = []
        self._servers = Servers(
            config.mcp_servers,
            cwd=job.cwd,
            env=job.env,
            tell=lambda message: note(self._news, message),
            login_port=config.mcp_oauth_callback_port,
        )
        end.append(self._servers.close)
        self._servers.begin()

    async def join(
        self,
        tools: dict[str, Tool],
        specs: list[Spec],
        permit: Permit,
        window: int | None,
    ) -> list[str]:
        """Add the servers' tools, now and whenever they change; return warnings.

        Raises ``errors.McpError`` when a required server does not start.
        """
        warnings = await self._servers.ready()
        budget = Budget(max_output(self._config, window))
        desks = [
            open_desk(server, permit, budget, self._news)
            for server in self._servers.all
        ]
        own, told_of = dict(tools), set[str]()

        def offer() -> None:
            found = tools_of(desks)
            more = resource_tools(self._servers.all, budget)
            every: list[Tool] = [*found, *more]
            told = _doors(found, every) if _crowd(every, window) else every
            tools.clear()
            tools.update(own)
            # A model calls what it has read the name of, in a search's answer or in
            # an earlier conversation: only what it is told of depends on the window.
            for tool in (*told, *every):
                tools.setdefault(tool.spec.name, tool)
            # What else is offered may have changed too, such as forms of edits.
            others = [
                spec for spec in specs if getattr(spec, "name", "") not in told_of
            ]
            specs[:] = [*others, *(tool.spec for tool in told)]
            told_of.clear()
            told_of.update(tool.spec.name for tool in told)

        self._servers.on_change = offer
        offer()
        said, self._news[:] = [*self._news], []
        return [*warnings, *said]


def _crowd(tools: list[Tool], window: int | None) -> bool:
    specs = [spec for tool in tools if isinstance(spec := tool.spec, FunctionTool)]
    return too_many(specs, window)


def _doors(found: list[McpTool], every: list[Tool]) -> list[Tool]:
    """Return the tools by which the model finds and calls all others."""
    named = {tool.spec.name: tool for tool in every}
    groups: dict[str, list[str]] = {}
    for tool in found:
        groups.setdefault(tool.server, []).append(tool.remote.name)
    if len(every) > len(found):
        groups["resources"] = [tool.spec.name for tool in every[len(found) :]]
    return [McpSearch(named, groups), McpCall(named)]
