"""The token of a login in every request to an MCP server, renewed when it is due.

Nobody is ever asked anything here: where no token can be had, ``McpError`` says which
command gets one. Login and renewal are apart from each other because the SDK's client
forgets between two processes when a token expires and where it is renewed.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

import httpx2
import msgspec
from mcp.client.auth.oauth2 import OAuthContext
from mcp.client.auth.utils import (
    build_oauth_authorization_server_metadata_discovery_urls,
    create_oauth_metadata_request,
    handle_auth_metadata_response,
    issuers_match,
)
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl, ValidationError

from codex_oss.errors import McpError
from codex_oss.mcp import bounded
from codex_oss.mcp.credentials import Credentials, Login

SKEW_S = 30.0
"""So long before its end a token is renewed."""
RENEW_S = 30.0
"""For a renewal."""
GONE = (400, 401, 403)
"""What an authorization server says when a login counts no more (RFC 6749, 5.2)."""
UNAUTHORIZED = 401
OK = 200
BASIC = "client_secret_basic"


class Bearer(httpx2.Auth):
    """Puts the token of one server's login into requests."""

    def __init__(
        self, name: str, url: str, logins: Credentials, secret: str | None = None
    ) -> None:
        self.lost: Callable[[str], None] = _nothing
        """Is told why there is no token any more."""
        self._name = name
        self._url = url
        self._logins = logins
        self._secret = secret
        self._turn = asyncio.Lock()

    async def async_auth_flow(
        self, request: httpx2.Request
    ) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Send a request with the token; once more with a new one if it is refused."""
        try:
            token = await self.token()
            request.headers["Authorization"] = f"Bearer {token}"
            response = yield request
            if response.status_code == UNAUTHORIZED:
                token = await self.token(refused=token)
                request.headers["Authorization"] = f"Bearer {token}"
                yield request
        except McpError as error:
            self.lost(f"{error}. {error.hint}")
            raise

    async def token(self, refused: str = "") -> str:
        """Return a token that counts and is not ``refused``; raises ``McpError``."""
        async with self._turn:
            login = self._login(refused)
            if login is None:
                async with self._logins.alone(self._name, self._url):
                    # Another process may have renewed it meanwhile.
                    login = self._login(refused) or await self._renewed()
            return login.access_token

    def _login(self, refused: str) -> Login | None:
        """Return the login if its token can be used as it is."""
        login = self._logins.find(self._name, self._url)
        if login is None:
            raise ended(self._name)
        due = login.expired(time.time(), skew_s=SKEW_S)
        return None if due or login.access_token == refused else login

    async def _renewed(self) -> Login:
        login = self._logins.find(self._name, self._url)
        if login is None or login.refresh_token is None:
            raise ended(self._name)
        try:
            async with (
                asyncio.timeout(RENEW_S),
                bounded.client(timeout=RENEW_S) as client,
            ):
                client.event_hooks["request"].append(bounded.nothing_secret_in_clear)
                context = await _context(client, login, self._secret)
                told = await client.send(_asked(context, login))
        except (httpx2.HTTPError, TimeoutError) as error:
            raise self._failed(str(error) or type(error).__name__) from error
        if told.status_code in GONE:
            raise ended(self._name)
        if told.status_code != OK:
            raise self._failed(f"HTTP {told.status_code}")
        try:
            token = OAuthToken.model_validate_json(told.content)
        except ValidationError as error:
            raise self._failed("the answer has no token") from error
        renewed = _with(login, token)
        self._logins.put(renewed)
        return renewed

    def _failed(self, why: str) -> McpError:
        return McpError(
            f"the login cannot be renewed: {why}",
            hint=f"`codex-oss mcp login {self._name}` logs in anew.",
        )


def ended(name: str) -> McpError:
    """Return the error of a server that has to be logged in to."""
    return McpError(
        "it wants a login, and there is none that counts",
        hint=f"Run `codex-oss mcp login {name}`.",
    )


def _with(login: Login, token: OAuthToken) -> Login:
    """Return a login with a new token; what the answer leaves out stays (RFC 6749)."""
    return msgspec.structs.replace(
        login,
        access_token=token.access_token,
        refresh_token=token.refresh_token or login.refresh_token,
        expires_at=expiry(token),
        scopes=token.scope.split() if token.scope else login.scopes,
    )


def expiry(token: OAuthToken) -> int | None:
    """Return when a token that has just come expires, in milliseconds since 1970."""
    lasts = token.expires_in
    return None if lasts is None else int((time.time() + lasts) * 1000)


async def _context(
    client: httpx2.AsyncClient, login: Login, secret: str | None
) -> OAuthContext:
    """Return what the SDK wants to know about a client and its server."""
    context = OAuthContext(
        server_url=login.server_url,
        client_metadata=OAuthClientMetadata(redirect_uris=[AnyUrl("http://localhost")]),
        storage=_Nothing(),
        redirect_handler=None,
        callback_handler=None,
    )
    places = build_oauth_authorization_server_metadata_discovery_urls(
        login.issuer, login.server_url
    )
    for place in places:
        answer = await client.send(create_oauth_metadata_request(place))
        goes_on, metadata = await handle_auth_metadata_response(answer)
        if metadata is not None:
            if login.issuer is None or issuers_match(
                str(metadata.issuer), login.issuer
            ):
                context.oauth_metadata = metadata
            break
        if not goes_on:
            break
    secret = login.client_secret or secret
    context.client_info = OAuthClientInformationFull(
        client_id=login.client_id,
        client_secret=secret,
        token_endpoint_auth_method=login.token_endpoint_auth_method
        or secret_method(context, secret),
    )
    return context


def secret_method(context: OAuthContext, secret: str | None) -> str:
    """Return how a secret that is configured is sent.

    As all servers must take it (RFC 6749, 2.3.1), unless this one says otherwise.
    """
    metadata = context.oauth_metadata
    taken = metadata.token_endpoint_auth_methods_supported if metadata else None
    if not secret:
        return "none"
    return BASIC if taken is None or BASIC in taken else "client_secret_post"


def _asked(context: OAuthContext, login: Login) -> httpx2.Request:
    """Return the request for a new token (RFC 6749, 6)."""
    base = context.get_authorization_base_url(login.issuer or login.server_url)
    metadata = context.oauth_metadata
    url = str(metadata.token_endpoint) if metadata else f"{base}/token"
    bounded.refuse_clear(url, login.issuer or login.server_url)
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": login.refresh_token or "",
        "client_id": login.client_id,
        **({"resource": login.resource} if login.resource else {}),
    }
    fields, headers = context.prepare_token_auth(fields, {})
    return httpx2.Request("POST", url, data=fields, headers=headers)


class _Nothing:
    """No storage: what is kept is kept by ``Credentials``."""

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        del tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        del client_info


def _nothing(why: str) -> None:
    """Nobody hears."""
