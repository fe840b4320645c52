"""The SDK's server with both tools: calls in; events, questions and answers out."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, assert_never

import anyio
import msgspec
from mcp import types
from mcp.server import Server, ServerRequestContext
from mcp.server.context import CallNext, HandlerResult
from mcp.server.lowlevel import NotificationOptions
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError

from codex_oss import __version__
from codex_oss.errors import UsageError
from codex_oss.mcp_server import approval, asking, calls
from codex_oss.mcp_server.conversation import TakenTurn
from codex_oss.mcp_server.listening import stream_of
from codex_oss.mcp_server.news import Ended, Notified, Pending
from codex_oss.mcp_server.progress import progress
from codex_oss.mcp_server.threads import Threads

NAME, TITLE = "codex-mcp-server", "Codex"
QUESTION = "approval"
"""The key of a question in a result that asks for input (protocol of 2026-07-28)."""
MAX_PARKED = 64
"""Turns that wait for a call to come again with an answer; more are ended."""
PARKED_S = 900.0
"""How long such a turn waits; then it is ended, and its conversation is free."""

_Context = ServerRequestContext[Any, Any]
_CLOSED = (anyio.ClosedResourceError, anyio.BrokenResourceError)
"""What the SDK raises where the client's stream is closed meanwhile."""


class _Server(Server[Any]):
    """Says the same of itself over every transport."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        """Return what ``initialize`` is answered with, as Codex answers it."""
        return super().create_initialization_options(
            notification_options or NotificationOptions(tools_changed=True),
            experimental_capabilities,
            extensions,
        )


class Agent:
    """Answers the requests of all clients of one process."""

    def __init__(
        self, threads: Threads, listed: Callable[[bool], None] = lambda _: None
    ) -> None:
        """Take the conversations, and who is told that a client lists the tools.

        That is told whether a person can be asked through this client.
        """
        self._threads = threads
        self._listed = listed
        self._parked: dict[str, TakenTurn] = {}
        self.server: Server[Any] = _Server(
            NAME,
            title=TITLE,
            version=__version__,
            on_list_tools=self._list,
            on_call_tool=self._call,
        )
        self.server.middleware.append(_once)

    async def _list(
        self,
        ctx: _Context,
        params: types.PaginatedRequestParams | None,  # noqa: ARG002  the SDK's
    ) -> types.ListToolsResult:
        self._listed(_asks(ctx))
        return types.ListToolsResult(tools=[_tool(each) for each in calls.tools()])

    async def _call(
        self, ctx: _Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        try:
            turn = self._again(ctx, params) or self._begin(ctx, params)
        except UsageError as error:
            return _result(calls.Told(text=str(error), failed=True))
        watching = asyncio.ensure_future(_end_when_lost(ctx, turn))
        parked = False
        try:
            result = await self._follow(ctx, turn)
            parked = isinstance(result, types.InputRequiredResult)
            return result
        finally:
            watching.cancel()
            if not parked:
                turn.end()

    def _begin(self, ctx: _Context, params: types.CallToolRequestParams) -> TakenTurn:
        asks = _asks(ctx)
        match params.name:
            case "codex":
                call = calls.read(calls.CodexCall, params.arguments)
                return self._threads.begin(call, asks=asks)
            case "codex-reply":
                reply = calls.read(calls.ReplyCall, params.arguments)
                return self._threads.reply(reply, asks=asks)
            case unknown:
                raise UsageError(f"Unknown tool '{calls.shown(unknown)}'")

    def _again(
        self, ctx: _Context, params: types.CallToolRequestParams
    ) -> TakenTurn | None:
        """Return the turn that waits for the answer which this call brings."""
        if params.request_state is None:
            return None
        turn = self._parked.pop(params.request_state, None)
        if turn is None or turn.waiting is None or turn.waiting.answer.done():
            raise UsageError("This question is no longer open.")
        given = (params.input_responses or {}).get(QUESTION)
        reply = given if isinstance(given, Mapping) else _plain(given)
        _settle(turn.waiting, reply)
        turn.waiting, turn.asks = None, _asks(ctx)
        return turn

    async def _follow(
        self, ctx: _Context, turn: TakenTurn
    ) -> types.CallToolResult | types.InputRequiredResult:
        """Tell the client what happens, until the turn ends or must be asked about."""
        count, asking_tasks = 0, set[asyncio.Task[None]]()
        try:
            while True:
                news = await turn.news.get()
                match news:
                    case Notified():
                        count += 1
                        await self._tell(ctx, news, count)
                    case Pending() if ctx.session.can_send_request:
                        task = asyncio.ensure_future(_ask(ctx, news))
                        task.add_done_callback(partial(_asked, news))
                        asking_tasks.add(task)
                    case Pending():
                        return self._park(ctx, turn, news)
                    case Ended(told):
                        return _result(told)
                    case _:
                        assert_never(news)
        finally:
            # What is still asked is taken back: nobody needs the answer.
            for task in asking_tasks:
                task.cancel()

    async def _tell(self, ctx: _Context, news: Notified, count: int) -> None:
        request_id = ctx.request_id
        assert request_id is not None
        meta = {"requestId": request_id, "threadId": news.thread_id}
        params = {"_meta": meta, "id": news.turn_id, "msg": news.msg}
        await asking.notify(ctx.session, params, request_id)
        if text := progress(news.msg):
            # Does nothing for who has sent no token.
            await ctx.session.report_progress(count, None, text)

    def _park(
        self, ctx: _Context, turn: TakenTurn, news: Pending
    ) -> types.InputRequiredResult:
        state = secrets.token_urlsafe(16)
        turn.waiting = news
        self._parked[state] = turn
        while len(self._parked) > MAX_PARKED:
            self._let_go(next(iter(self._parked)))
        asyncio.get_running_loop().call_later(PARKED_S, self._let_go, state)
        asked = approval.elicitation(
            news.question, news.asked, str(ctx.request_id), pages=_opens(ctx)
        )
        words = approval.in_words(asked)
        params: types.ElicitRequestParams = (
            types.ElicitRequestURLParams(message=words, url=asked.url)
            if asked.url
            else types.ElicitRequestFormParams(
                message=words, requested_schema=asked.requestedSchema or {}
            )
        )
        requests: types.InputRequests = {QUESTION: types.ElicitRequest(params=params)}
        return types.InputRequiredResult(input_requests=requests, request_state=state)

    def _let_go(self, state: str) -> None:
        """End a turn that no call has come again for."""
        turn = self._parked.pop(state, None)
        if turn is not None:
            turn.end()


async def _end_when_lost(ctx: _Context, turn: TakenTurn) -> None:
    """End the turn when nobody listens any more; over stdio the server ends then."""
    stream = stream_of(ctx.request)
    if stream is not None:
        await stream.lost()
        turn.end()


async def _once(ctx: _Context, call_next: CallNext) -> HandlerResult:
    """Refuse a second ``initialize``: the SDK would begin anew."""
    if ctx.method == "initialize" and ctx.session.client_params is not None:
        raise MCPError(types.INVALID_REQUEST, "initialize called more than once")
    return await call_next(ctx)


def _asks(ctx: _Context) -> bool:
    """Tell whether a person can be asked through this client."""
    capabilities = ctx.session.client_capabilities
    asks = capabilities.elicitation if capabilities is not None else None
    # Only `url` is for opening pages; without any kind, forms are meant.
    return asks is not None and (asks.form is not None or asks.url is None)


def _opens(ctx: _Context) -> bool:
    """Tell whether this client can be asked to open a page."""
    capabilities = ctx.session.client_capabilities
    asks = capabilities.elicitation if capabilities is not None else None
    return asks is not None and asks.url is not None


async def _ask(ctx: _Context, news: Pending) -> None:
    request_id = ctx.request_id
    assert request_id is not None
    asked = approval.elicitation(
        news.question, news.asked, str(request_id), pages=_opens(ctx)
    )
    params = msgspec.to_builtins(asked)
    try:
        reply = await asking.elicit(ctx.session, params, request_id)
    except (MCPError, *_CLOSED):
        reply = None
    _settle(news, reply)


def _asked(news: Pending, task: asyncio.Task[None]) -> None:
    """Say no where the question could not be asked because of a bug of ours."""
    if not task.cancelled():
        _settle(news, None)


def _settle(pending: Pending, reply: object) -> None:
    if not pending.answer.done():
        pending.answer.set_result(approval.answer(reply, pending.question))


def _plain(given: Any) -> object:
    return None if given is None else given.model_dump(by_alias=True)


def _tool(tool: calls.ToolText) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
    )


def _result(told: calls.Told) -> types.CallToolResult:
    text = types.TextContent(type="text", text=told.text)
    return types.CallToolResult(
        content=[text], structured_content=told.structured, is_error=told.failed
    )
