"""Logins never go where others could read them."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp import bounded
from codex_oss.mcp.bearer import Bearer
from codex_oss.mcp.credentials import Credentials, Login
from codex_oss.mcp.login import Wish, log_in

SERVER, ISSUER = "https://mcp.example/mcp", "https://login.example"
TOLD = "what a login sends could be read on the way"
CLEAR = ["http://login.example/token", "http://127.0.0.1:9/token"]


class Net:
    """An MCP server and its authorization server, and what they were asked."""

    def __init__(self, token_endpoint: str) -> None:
        self.asked: list[str] = []
        self._token_endpoint = token_endpoint

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        path = request.url.path
        if "oauth-protected-resource" in path:
            told = {"resource": SERVER, "authorization_servers": [ISSUER]}
            return httpx2.Response(200, json=told)
        if "oauth-authorization-server" in path:
            return httpx2.Response(
                200,
                json={
                    "issuer": ISSUER,
                    "authorization_endpoint": f"{ISSUER}/authorize",
                    "token_endpoint": self._token_endpoint,
                    "registration_endpoint": f"{ISSUER}/register",
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                },
            )
        if path == "/register":
            told = {"client_id": "me", "redirect_uris": ["http://127.0.0.1/callback"]}
            return httpx2.Response(201, json=told)
        if path == "/token":
            told = {"access_token": "new", "token_type": "Bearer"}
            return httpx2.Response(200, json=told)
        return httpx2.Response(401)

    def client(
        self, *, auth: httpx2.Auth | None = None, **_: object
    ) -> httpx2.AsyncClient:
        transport = httpx2.MockTransport(self.answer)
        return httpx2.AsyncClient(transport=transport, auth=auth)


Nets = Callable[[str], Net]


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Nets:
    def made(token_endpoint: str) -> Net:
        net = Net(token_endpoint)
        monkeypatch.setattr(bounded, "client", net.client)
        return net

    return made


def renew(home: Path, **fields: Any) -> str:
    logins = Credentials(home)
    login = Login(
        server_name="a",
        server_url=SERVER,
        issuer=ISSUER,
        client_id="me",
        access_token="old",
        refresh_token="secret",
        expires_at=1,
    )
    login = msgspec.structs.replace(login, **fields)
    logins.put(login)
    return asyncio.run(Bearer("a", login.server_url, logins).token())


@pytest.mark.parametrize("endpoint", CLEAR)
def test_a_refresh_token_is_not_sent_in_clear(
    net: Nets, tmp_path: Path, endpoint: str
) -> None:
    asked = net(endpoint).asked
    with pytest.raises(McpError, match=TOLD):
        renew(tmp_path)
    assert endpoint not in asked
    assert asked


def test_a_refresh_token_is_sent_over_https(net: Nets, tmp_path: Path) -> None:
    assert net(f"{ISSUER}/token").asked == []
    assert renew(tmp_path) == "new"


def test_a_login_from_before_is_not_renewed_over_http(
    net: Nets, tmp_path: Path
) -> None:
    asked = net(CLEAR[0]).asked
    with pytest.raises(McpError, match=TOLD):
        renew(tmp_path, server_url="http://mcp.example/mcp", issuer=None)
    assert asked == []


def begin(home: Path, url: str) -> list[str]:
    pages: list[str] = []
    wish = Wish(show=lambda _, page: pages.append(page))
    with pytest.raises(McpError, match=TOLD):
        asyncio.run(log_in("a", McpServer(url=url), Credentials(home), wish))
    return pages


@pytest.mark.parametrize("endpoint", CLEAR)
def test_nobody_is_sent_to_log_in_where_the_token_would_come_in_clear(
    net: Nets, tmp_path: Path, endpoint: str
) -> None:
    asked = net(endpoint).asked
    assert begin(tmp_path, SERVER) == []
    assert f"{ISSUER}/register" in asked


def test_no_login_begins_over_http_beyond_this_machine(
    net: Nets, tmp_path: Path
) -> None:
    asked = net(CLEAR[0]).asked
    assert begin(tmp_path, "http://mcp.example/mcp") == []
    assert asked == []


@pytest.mark.parametrize(
    ("url", "named_by", "taken"),
    [
        ("https://a.example/x", "", True),
        ("http://127.0.0.1:1/x", "", True),
        ("http://localhost/x", "http://localhost", True),
        ("http://[::1]:1/x", "", True),
        ("http://127.0.0.1:1/x", "https://a.example", False),
        ("http://a.example/x", "", False),
        ("http://127.0.0.1@a.example/x", "", False),
        ("http://127.0.0.1.a.example/x", "", False),
        ("http://10.0.0.1/x", "", False),
        ("ftp://127.0.0.1/x", "", False),
    ],
)
def test_what_may_be_asked_in_a_login(url: str, named_by: str, *, taken: bool) -> None:
    if taken:
        bounded.refuse_clear(url, named_by)
    else:
        with pytest.raises(McpError, match=TOLD):
            bounded.refuse_clear(url, named_by)
