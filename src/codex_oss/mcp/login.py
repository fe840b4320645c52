"""A login to an MCP server: OAuth with a code and PKCE, by the SDK's client.

The server says who its authorization server is, we register there as a client unless
one is configured, a person agrees in a browser, and the browser brings the code to a
page on this machine (``callback``).
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from urllib.parse import parse_qs, urlsplit

import httpx2
import msgspec
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.exceptions import OAuthFlowError
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from mcp_types.version import LATEST_HANDSHAKE_VERSION
from pydantic import AnyUrl, ValidationError

from codex_oss import __version__
from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp import bounded
from codex_oss.mcp.bearer import UNAUTHORIZED, expiry, secret_method
from codex_oss.mcp.callback import Callback, listening
from codex_oss.mcp.credentials import Credentials, Login
from codex_oss.mcp.failure import BAD, shown_url
from codex_oss.mcp.quiet import quiet

STEP_S = 30.0
"""For each request; how long a person may take is ``callback.LOGIN_S``."""
MAX_ERROR = 500
"""Letters of an error that are shown."""
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": {},
        "clientInfo": {"name": "codex-oss", "version": __version__},
    },
}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """How to log in. ``port`` is that of the page that waits, 0: any."""

    show: Callable[[Callback, str], None]
    """Gets the page that waits, and the address that a person must open."""
    headers: Mapping[str, str] = {}
    scopes: tuple[str, ...] = ()
    port: int = 0


async def log_in(name: str, server: McpServer, logins: Credentials, wish: Wish) -> None:
    """Log in and keep what comes of it; raises ``McpError``."""
    assert server.url is not None
    quiet()
    bounded.refuse_clear(server.url)
    async with listening(server.oauth.get("callback_url", ""), wish.port) as callback:
        kept = _Kept(server, callback.url)
        provider = _provider(server, kept, callback, wish)
        status = await _asked(server.url, wish.headers, provider)
    token, client = kept.token, kept.client
    if token is None or client is None or status == UNAUTHORIZED:
        url = shown_url(server.url)
        raise McpError(f"{url} refuses the token that the login gave")
    context = provider.context
    issuer = str(context.oauth_metadata.issuer) if context.oauth_metadata else None
    included = context.should_include_resource_param(context.protocol_version)
    logins.put(
        Login(
            server_name=name,
            server_url=server.url,
            client_id=client.client_id,
            access_token=token.access_token,
            issuer=issuer,
            expires_at=expiry(token),
            refresh_token=token.refresh_token,
            scopes=token.scope.split() if token.scope else [],
            client_secret=client.client_secret,
            token_endpoint_auth_method=client.token_endpoint_auth_method
            if client.client_secret
            else None,
            resource=context.get_resource_url() if included else None,
        )
    )


def _provider(
    server: McpServer, kept: "_Kept", callback: Callback, wish: Wish
) -> OAuthClientProvider:
    async def redirect(url: str) -> None:
        if kept.secret and kept.client is not None:
            method = secret_method(provider.context, kept.secret)
            kept.client.token_endpoint_auth_method = method
        if (metadata := provider.context.oauth_metadata) is not None:
            issuer = str(metadata.issuer)
            for place in (url, str(metadata.token_endpoint)):
                bounded.refuse_clear(place, issuer)
        bounded.refuse_clear(url)
        callback.expect(parse_qs(urlsplit(url).query).get("state", [""])[0])
        wish.show(callback, url)

    async def answer() -> AuthorizationCodeResult:
        granted = await callback.wait()
        return AuthorizationCodeResult(
            code=granted.code, state=granted.state, iss=granted.iss
        )

    metadata = _Wanted(
        client_name="codex-oss",
        redirect_uris=[AnyUrl(callback.url)],
        token_endpoint_auth_method="none",  # noqa: S106  a method, no password
        scope=" ".join(wish.scopes or server.scopes) or None,
    )
    provider = OAuthClientProvider(
        server_url=server.url or "",
        client_metadata=metadata,
        storage=kept,
        redirect_handler=redirect,
        callback_handler=answer,
    )
    resource = server.oauth_resource
    if resource:
        provider.context.get_resource_url = lambda: resource
    return provider


class _Anyway(httpx2.Auth):
    """Logs in also where a server answers this one question without a login."""

    def __init__(self, provider: OAuthClientProvider) -> None:
        self.status = 0
        self._provider = provider

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Go through the SDK's flow."""
        flow = self._provider.async_auth_flow(request)
        try:
            response = yield await anext(flow)
            self.status = response.status_code
            if self.status != UNAUTHORIZED:
                response = httpx2.Response(
                    UNAUTHORIZED, headers=response.headers, request=request
                )
            while True:
                response = yield await flow.asend(response)
        except StopAsyncIteration:
            return
        finally:
            await flow.aclose()


async def _asked(
    url: str, headers: Mapping[str, str], provider: OAuthClientProvider
) -> int:
    """Ask the server for something, which makes the SDK log in; return the status."""
    auth = _Anyway(provider)
    shown = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": LATEST_HANDSHAKE_VERSION,
    }
    client = bounded.client(auth=auth, timeout=STEP_S, headers=dict(headers) | shown)
    client.event_hooks["request"].append(bounded.nothing_secret_in_clear)
    try:
        async with (
            client,
            client.stream("POST", url, json=HELLO) as response,
        ):
            return response.status_code
    except httpx2.HTTPError as error:
        raise McpError(
            f"cannot log in at {shown_url(url)}: {error or type(error).__name__}",
            hint="Is the address right, and the server running?",
        ) from error
    except (OAuthFlowError, ValidationError) as error:
        free = auth.status and auth.status < BAD and auth.status != UNAUTHORIZED
        raise McpError(
            f"cannot log in at {shown_url(url)}: {str(error)[:MAX_ERROR]}",
            hint="It answers without a login, so that it may need none."
            if free
            else "",
        ) from error


class _Wanted(OAuthClientMetadata):
    """What we say of ourselves; scopes that a person wants are not changed.

    The SDK would replace them by those that the server suggests.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name != "scope" or not self.scope:
            super().__setattr__(name, value)


class _Kept:
    """What the SDK learns, kept for the end; a client that is configured."""

    def __init__(self, server: McpServer, callback: str) -> None:
        self.token: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None
        self.secret = server.oauth.get("client_secret")
        if client_id := server.oauth.get("client_id"):
            self.client = OAuthClientInformationFull(
                client_id=client_id,
                client_secret=self.secret,
                redirect_uris=[AnyUrl(callback)],
            )

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.token = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info
