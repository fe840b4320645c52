"""A login to an MCP server: OAuth with a code and PKCE, by the SDK's client.

The server says who its authorization server is, we register there as a client unless
one is configured, a person agrees in a browser, and the browser brings the code to a
page on this machine (``callback``).
"""

import logging
from collections.abc import Callable, Mapping

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
from codex_oss.mcp.bearer import UNAUTHORIZED, expiry
from codex_oss.mcp.callback import Callback, listening
from codex_oss.mcp.credentials import Credentials, Login

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
    logging.getLogger().addHandler(logging.NullHandler())
    async with listening(server.oauth.get("callback_url", ""), wish.port) as callback:
        kept = _Kept(server, callback.url)
        provider = _provider(server, kept, callback, wish)
        status = await _asked(server.url, wish.headers, provider)
    token, client = kept.token, kept.client
    if token is None or client is None:
        raise McpError(
            f"{server.url} answers without a login (HTTP {status})",
            hint="It needs none, or none by OAuth: see `codex-oss mcp test`.",
        )
    if status == UNAUTHORIZED:
        raise McpError(f"{server.url} refuses the token that the login gave")
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


async def _asked(
    url: str, headers: Mapping[str, str], provider: OAuthClientProvider
) -> int:
    """Ask the server for something, which makes the SDK log in; return the status."""
    shown = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": LATEST_HANDSHAKE_VERSION,
    }
    try:
        async with (
            httpx2.AsyncClient(
                auth=provider, timeout=STEP_S, headers=dict(headers) | shown
            ) as client,
            client.stream("POST", url, json=HELLO) as response,
        ):
            return response.status_code
    except httpx2.HTTPError as error:
        raise McpError(
            f"cannot log in at {url}: {error or type(error).__name__}",
            hint="Is the address right, and the server running?",
        ) from error
    except (OAuthFlowError, ValidationError) as error:
        raise McpError(f"cannot log in at {url}: {str(error)[:MAX_ERROR]}") from error


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
        secret = server.oauth.get("client_secret")
        if client_id := server.oauth.get("client_id"):
            self.client = OAuthClientInformationFull(
                client_id=client_id,
                client_secret=secret,
                redirect_uris=[AnyUrl(callback)],
                token_endpoint_auth_method="client_secret_post" if secret else "none",
            )

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.token = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info
