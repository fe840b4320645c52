"""An open session with an MCP server, by the official SDK.

Results are taken as they come: the SDK's models would refuse all tools of a server for
one that is described wrongly.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from mcp import types
from mcp.client.session import ClientRequestContext, ClientSession, IncomingMessage
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher

from codex_oss import __version__
from codex_oss.config.load import codex_home
from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.asked import asked, needed, result
from codex_oss.mcp.bearer import Bearer
from codex_oss.mcp.credentials import Credentials
from codex_oss.mcp.failure import FORBIDDEN, reworded
from codex_oss.mcp.place import Agree, Place
from codex_oss.mcp.quiet import quiet
from codex_oss.mcp.wire import Wire
from codex_oss.policy import AnswerServer

MAX_QUESTIONS = 4
"""Questions of one server that wait for a person at the same time."""
MAX_REFUSED = 4
"""Questions that are not agreed to while a call runs; then nobody is asked for it any
more. Who is asked again and again could not even interrupt."""
MAX_ERROR = 2000
"""Letters of a server's error message."""
_CLOSED = "Connection closed"
"""What the SDK says of a request whose connection has ended."""
_REFUSED = "Server returned an error response"
"""What the SDK says where an HTTP server refuses a request."""
_FORGOTTEN = "Session terminated"
"""What the SDK says where an HTTP server does not know our session any more."""
INHERITED = (
    *("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR"),
    *("TZ", "USER", "USERNAME"),
)
"""Variables that every program gets (those of the Codex CLI); others are named in
``env_vars``."""


class Link:
    """A session. ``ended`` is set when the server is gone, and ``why`` says why."""

    def __init__(self, name: str, wire: Wire, agree: Agree, place: Place) -> None:
        self.on_tools_changed: Callable[[], None] = _nothing
        self.ended = wire.ended
        self._wire = wire
        self._name = name
        self._agree = agree
        self._tell = place.tell
        self.widen: Callable[[tuple[str, ...], Agree], Awaitable[bool]] | None = None
        """Logs in with more rights, where there is a login."""
        self._wanted: set[tuple[str, ...]] = set()
        """Rights that were asked for."""
        self._questions = 0
        self._refused = 0
        self._deadlines: dict[asyncio.Timeout, float] = {}
        """Of the requests that wait; the seconds each has left while clocks stand."""
        self._headers: dict[str, str] = {}
        self._capabilities: dict[str, Any] = {}
        self.dispatcher: JSONRPCDispatcher[Any] = JSONRPCDispatcher(
            wire.incoming, wire.outgoing
        )
        # No roots, as the Codex CLI has none: a server of files would take them for
        # the folders that it may use, in the place of those it is configured with.
        self.session = ClientSession(
            dispatcher=self.dispatcher,
            elicitation_callback=self._elicit,
            message_handler=self._hear,
            client_info=types.Implementation(
                name="codex-oss", title="codex-oss", version=__version__
            ),
        )

    @property
    def why(self) -> str:
        """Why the server is gone."""
        return self._wire.why

    def has(self, capability: str) -> bool:
        """Return whether the server says that it has such as ``tools``."""
        return self._capabilities.get(capability) is not None

    async def begin(self) -> None:
        """Agree on a version of the protocol; raises ``McpError``."""
        try:
            told = await self.session.initialize()
        except MCPError as error:
            raise McpError(self._said(error)) from error
        self._headers = {MCP_PROTOCOL_VERSION_HEADER: str(told.protocol_version)}
        self._capabilities = told.capabilities.model_dump()

    async def ask(
        self, method: str, params: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        """Send a request and return its result; raises ``McpError``.

        One that needs pages opened before, or more rights, is sent once more when a
        person has seen to that. The time in which a person is asked does not count.
        """
        try:
            return await self._ask(method, params, timeout_s)
        except MCPError as error:
            if not (await self._visited(error) or await self._widened(error)):
                raise McpError(self._said(error)) from error
        try:
            return await self._ask(method, params, timeout_s)
        except MCPError as error:
            raise McpError(self._said(error)) from error

    async def _ask(
        self, method: str, params: dict[str, Any], timeout_s: float
    ) -> dict[str, Any]:
        if not self._deadlines:
            self._refused = 0
        options: Any = {"headers": self._headers}
        try:
            async with asyncio.timeout(timeout_s) as deadline:
                self._deadlines[deadline] = timeout_s
                try:
                    return await self.dispatcher.send_raw_request(
                        method, params, options
                    )
                finally:
                    del self._deadlines[deadline]
        except TimeoutError as error:
            what = f"timed out awaiting {method} after {timeout_s:g}s"
            raise McpError(what) from error

    def _said(self, error: MCPError) -> str:
        # Servers use the SDK's number for this, too: -32000.
        if error.code == types.CONNECTION_CLOSED and error.message == _CLOSED:
            self._wire.end("the connection was closed")
            return self.why
        if error.message == _REFUSED and self._wire.status == FORBIDDEN:
            return (
                "it does not allow this to the token that it got (HTTP 403); more may "
                f"be allowed by `codex-oss mcp login {self._name} --scopes …`"
            )
        if error.message == _FORGOTTEN:
            self._wire.end("it has forgotten the session")
            return self.why
        return f"Mcp error: {error.code}: {error.message[:MAX_ERROR]}"

    # --- what the server wants ------------------------------------------------------

    async def _elicit(
        self,
        context: ClientRequestContext,  # noqa: ARG002  the SDK's signature
        params: types.ElicitRequestParams,
    ) -> types.ElicitResult:
        try:
            question = asked(self._name, params)
        except McpError as error:
            return self._declined(str(error))
        return await self._answered(question)

    async def _visited(self, error: MCPError) -> bool:
        """Ask a person to open what an error asks for; return whether that is done."""
        try:
            questions = needed(self._name, error)
        except McpError as refused:
            self._declined(str(refused))
            return False
        for question in questions:
            if (await self._answered(question)).action != "accept":
                return False
        return bool(questions)

    async def _widened(self, error: MCPError) -> bool:
        """Ask for the rights that a refusal names, once; return whether they came."""
        wire, scopes = self._wire, self._wire.scopes
        wire.scopes = ()
        refused = error.message == _REFUSED and wire.status == FORBIDDEN
        if not (refused and scopes and self.widen) or scopes in self._wanted:
            return False
        self._wanted.add(scopes)
        try:
            return await self.widen(scopes, self._agree)
        except McpError as failed:
            self._tell(f"MCP server {self._name}: {failed}")
            return False

    async def _answered(self, question: AnswerServer) -> types.ElicitResult:
        if self._questions >= MAX_QUESTIONS:
            return self._declined("too much at the same time")
        if self._refused >= MAX_REFUSED:
            return types.ElicitResult(action="decline")
        self._questions += 1
        self._wait(counting=False)
        try:
            reply = await self._agree(question)
        finally:
            self._questions -= 1
            self._wait(counting=not self._questions)
        if reply.action != "accept":
            self._refuse()
        if reply.why:
            self._tell(
                f"MCP server {self._name} asked for something, and that was declined: "
                f"{reply.why}"
            )
        try:
            return result(question, reply)
        except McpError as error:
            return self._declined(str(error))

    def _refuse(self) -> None:
        self._refused += 1
        if self._refused == MAX_REFUSED:
            self._tell(
                f"MCP server {self._name} has asked {MAX_REFUSED} times in vain: until "
                "its call is over, all else is declined"
            )

    def _declined(self, what: str) -> types.ElicitResult:
        self._tell(f"MCP server {self._name} asks for {what}: that was declined")
        return types.ElicitResult(action="decline")

    def _wait(self, *, counting: bool) -> None:
        """Stop the clocks of the requests that wait, or let them go on.

        They go on where they stood: a server that asks without end ends all the same.
        """
        now = asyncio.get_running_loop().time()
        for deadline, left in self._deadlines.items():
            if deadline.expired():
                continue
            when = deadline.when()
            if counting and when is None:
                deadline.reschedule(now + left)
            elif not counting and when is not None:
                self._deadlines[deadline] = when - now
                deadline.reschedule(None)

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.on_tools_changed()


@asynccontextmanager
async def open_link(
    name: str, settings: McpServer, place: Place, agree: Agree
) -> AsyncGenerator[Link, None]:
    """Connect to a server and yield the session; raises ``McpError``."""
    quiet()
    wire: Wire | None = None
    try:
        async with _wire(name, settings, place) as wire:
            link = Link(name, wire, agree, place)
            link.widen = _widening(name, settings, place)
            async with link.session:
                yield link
    except Exception as error:
        status = 0 if wire is None else wire.status
        raise reworded(error, name, settings, status) from error


def _wire(
    name: str, settings: McpServer, place: Place
) -> AbstractAsyncContextManager[Wire]:
    if settings.url is not None:
        from codex_oss.mcp.http import endpoint  # noqa: PLC0415  not for programs

        silence = max(settings.tool_timeout_sec, settings.startup_timeout_sec)
        headers = request_headers(settings, place.env)
        auth = _auth(name, settings, headers, place.env)
        return endpoint(settings.url, headers, silence_s=silence, auth=auth)
    if settings.command is None:
        raise McpError("it has neither `command` nor `url`")
    from codex_oss.mcp.pipes import program  # noqa: PLC0415  not for addresses

    cwd = place.cwd / os.path.expanduser(settings.cwd or "")  # noqa: PTH111  total
    if not cwd.is_dir():
        raise McpError(
            f"there is no folder {cwd} to start it in",
            hint=f"Mend `mcp_servers.{name}.cwd`.",
        )
    names = (*INHERITED, *settings.env_vars)
    env = {name: place.env[name] for name in names if name in place.env}
    argv = (settings.command, *settings.args)
    return program(argv, cwd=cwd, env=env | settings.env)


def _auth(
    name: str,
    settings: McpServer,
    headers: Mapping[str, str],
    env: Mapping[str, str],
) -> Bearer | None:
    """Return the login to a server, if there is one and no token is configured."""
    url = settings.url or ""
    if "authorization" in {header.lower() for header in headers}:
        return None
    logins = Credentials(codex_home(env))
    if logins.find(name, url) is None:
        return None
    return Bearer(name, url, logins, settings.oauth.get("client_secret"))


def _widening(
    name: str, settings: McpServer, place: Place
) -> Callable[[tuple[str, ...], Agree], Awaitable[bool]] | None:
    """Return what gets more rights, where a login is what lets us in."""
    if settings.url is None:
        return None
    headers = request_headers(settings, place.env)
    if _auth(name, settings, headers, place.env) is None:
        return None

    async def widen(scopes: tuple[str, ...], agree: Agree) -> bool:
        from codex_oss.mcp import wider  # noqa: PLC0415  few are asked for that

        return await wider.widen(name, settings, place, headers, scopes, agree)

    return widen


def request_headers(settings: McpServer, env: Mapping[str, str]) -> dict[str, str]:
    """Return what is sent with every request; raises ``McpError``."""
    headers = dict(settings.http_headers)
    for header, variable in settings.env_http_headers.items():
        if value := env.get(variable):
            headers[header] = value
    if (name := settings.bearer_token_env_var) is not None:
        token = env.get(name, "")
        if not token:
            raise McpError(
                f"environment variable {name} for its token is not set",
                hint=f"Set {name}, or remove `bearer_token_env_var`.",
            )
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _nothing() -> None:
    """Nobody hears."""
