"""Logins to MCP servers, at the SDK's own OAuth server."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.bearer import Bearer
from codex_oss.mcp.credentials import Credentials, Login, store_key
from mcp_oauth import Accounts, OAuthServer
from mcp_sessions import Session, nobody

CODEX = os.environ.get("CODEX_BIN", "")
LIMIT_S = 180
BROWSER = """
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=180).read()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def server() -> Generator[OAuthServer]:
    with OAuthServer(Accounts()) as server:
        yield server


def configure(home: Path, server: OAuthServer, more: str = "") -> None:
    table = f'[mcp_servers.a]\nurl = "{server.url}"\n{more}'
    (home / "config.toml").write_text(f'mcp_oauth_credentials_store = "file"\n{table}')


def ours(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codex_oss", "mcp", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def log_in(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Log in with a browser that follows the page's redirect."""
    script = home / "browser.py"
    script.write_text(BROWSER)
    return ours(home, "login", "a", *words, BROWSER=f"{sys.executable} {script} %s")


def login(home: Path, server: OAuthServer) -> Login:
    found = Credentials(home).find("a", server.url)
    assert found is not None
    return found


def used(server: OAuthServer, **settings: Any) -> tuple[Any, list[str]]:
    """Call the tool in a session; return the text, and what was said of the server."""
    session = Session(a=McpServer(url=server.url, **settings))
    results: list[Any] = []

    async def work() -> None:
        if not session["a"].why:
            results.append(await session["a"].call("echo", {"text": "hi"}, nobody))

    said = session.run(work)
    return results[0]["content"][0]["text"] if results else None, said


def test_a_login_is_kept_as_codex_keeps_it_and_used_without_a_question(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    ran = log_in(home)
    assert (ran.returncode, ran.stderr) == (0, "")
    head, page, *rest = ran.stdout.splitlines()
    assert head == "Authorize `a` by opening this URL in your browser:"
    assert rest == ["", "Successfully logged in to MCP server 'a'."]
    asked = parse_qs(urlsplit(page).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["scope"] == ["a b c"]
    assert asked["resource"] == [server.url]
    file = home / ".credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (client,) = server.accounts.clients.values()
    kept = json.loads(file.read_bytes())
    entry = kept[store_key("a", server.url)]
    assert abs(entry.pop("expires_at") / 1000 - time.time() - 3600) < LIMIT_S
    assert entry == {
        "server_name": "a",
        "server_url": server.url,
        "issuer": f"{server.origin}/",
        "client_id": client.client_id,
        "access_token": "access-1",
        "refresh_token": "refresh-1",
        "scopes": ["a", "b", "c"],
        "resource": server.url,
    }
    assert used(server) == ("echo: hi", [])
    assert len(server.accounts.asked) == 1


def test_the_key_is_the_one_that_codex_wrote() -> None:
    key = store_key("srv", "http://127.0.0.1:43841/mcp")
    assert key == "srv|029568c661d7c7ed"


@pytest.mark.parametrize(
    ("words", "more", "scopes"),
    [
        (("--scopes", "a,b"), 'scopes = ["c"]', ["a", "b"]),
        ((), 'scopes = ["b"]', ["b"]),
    ],
    ids=["option", "key"],
)
def test_scopes_are_those_that_a_person_wants(
    home: Path,
    server: OAuthServer,
    words: tuple[str, ...],
    more: str,
    scopes: list[str],
) -> None:
    configure(home, server, more)
    assert log_in(home, *words).returncode == 0
    assert server.accounts.asked[0].scopes == scopes
    assert login(home, server).scopes == scopes


def test_a_resource_a_port_and_a_page_are_those_that_are_configured(
    home: Path, server: OAuthServer
) -> None:
    configure(
        home,
        server,
        'oauth_resource = "https://r.example/x"\n'
        '[mcp_servers.a.oauth]\ncallback_url = "http://localhost/back"\n',
    )
    assert log_in(home).returncode == 0
    (asked,) = server.accounts.asked
    assert asked.resource == "https://r.example/x"
    back = urlsplit(str(asked.redirect_uri))
    assert (back.hostname, back.path) == ("localhost", "/back")
    assert login(home, server).resource == "https://r.example/x"


def test_a_client_that_is_configured_is_not_registered(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server, '[mcp_servers.a.oauth]\nclient_id = "nobody-knows-it"\n')
    ran: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "codex_oss", "mcp", "login", "a", "--no-browser"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ran:
        assert ran.stdout is not None
        ran.stdout.readline()
        line: str = ran.stdout.readline()
        page = parse_qs(urlsplit(line.strip()).query)
        refusal = "error=access_denied&error_description=no%1B%5B2J"
        other = f"{page['redirect_uri'][0]}?{refusal}&state=other"
        back = f"{page['redirect_uri'][0]}?{refusal}&state={page['state'][0]}"
        _, err = ran.communicate(f"{other}\n\n{back}\n", timeout=LIMIT_S)
    assert page["client_id"] == ["nobody-knows-it"]
    assert server.accounts.clients == {}
    assert ran.returncode == 1
    assert err.splitlines() == [
        "This is not the login that is waited for, which goes on waiting.",
        "Error: the server refused the login: access_denied: no\\x1b[2J",
    ]


def test_a_refusal_is_told_and_nothing_is_kept(home: Path, server: OAuthServer) -> None:
    configure(home, server)
    server.accounts.refuses = True
    ran = log_in(home)
    told = "Error: the server refused the login: access_denied: the person said no\n"
    assert (ran.returncode, ran.stderr) == (1, told)
    assert not (home / ".credentials.json").exists()


def test_without_a_login_a_server_is_left_out_and_the_command_is_named(
    home: Path, server: OAuthServer
) -> None:
    said = (
        f"MCP server a is left out: {server.url} lets nobody in without a login "
        "(HTTP 401). Run `codex-oss mcp login a`."
    )
    assert used(server) == (None, [said])
    assert server.accounts.clients == {}


def test_an_expired_token_is_renewed_and_the_new_one_is_kept(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    server.accounts.lifetime_s = 1  # less than a token must still last
    assert log_in(home).returncode == 0
    server.accounts.lifetime_s = 3600
    assert used(server) == ("echo: hi", [])
    renewed = login(home, server)
    assert (renewed.access_token, renewed.refresh_token) == ("access-2", "refresh-2")
    assert renewed.scopes == ["a", "b", "c"]
    assert used(server) == ("echo: hi", [])
    assert login(home, server).access_token == "access-2"


def test_of_two_who_renew_a_login_at_the_same_time_one_does(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    server.accounts.lifetime_s = 1
    assert log_in(home).returncode == 0
    server.accounts.lifetime_s = 3600

    async def both() -> list[str]:
        # Two processes have nothing in common but the file and its locks.
        each = [Bearer("a", server.url, Credentials(home)) for _ in range(2)]
        async with asyncio.timeout(LIMIT_S):
            return await asyncio.gather(*(one.token() for one in each))

    assert asyncio.run(both()) == ["access-2", "access-2"]


def test_a_token_that_the_server_refuses_is_renewed_once(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    assert log_in(home).returncode == 0
    server.accounts.expire()
    assert used(server) == ("echo: hi", [])
    assert server.accounts.count == 2


def test_a_login_that_counts_no_more_is_said_and_nobody_is_asked(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    assert log_in(home).returncode == 0
    server.accounts.expire()
    server.accounts.refresh.clear()
    said = (
        "MCP server a is left out: it wants a login, and there is none that counts. "
        "Run `codex-oss mcp login a`."
    )
    assert used(server) == (None, [said])
    assert len(server.accounts.asked) == 1


def test_a_login_that_ends_in_a_session_is_said_and_counts_again_when_renewed(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)
    assert log_in(home).returncode == 0
    session = Session(a=McpServer(url=server.url))
    kept = (home / ".credentials.json").read_bytes()
    results: list[Any] = []

    async def work() -> None:
        await session["a"].call("echo", {"text": "1"}, nobody)
        access, refresh = dict(server.accounts.access), dict(server.accounts.refresh)
        server.accounts.expire()
        server.accounts.refresh.clear()
        with pytest.raises(McpError, match="Run `codex-oss mcp login a`"):
            await session["a"].call("echo", {"text": "2"}, nobody)
        server.accounts.access, server.accounts.refresh = access, refresh
        (home / ".credentials.json").write_bytes(kept)
        while session["a"].why or not session["a"].settled:
            await session.changes.get()
        results.append(await session["a"].call("echo", {"text": "3"}, nobody))

    assert session.run(work) == []
    assert results[0]["content"][0]["text"] == "echo: 3"
    assert session.told[0].startswith("MCP server a broke down (it wants a login, ")
    gone = [told for told in session.told if "is gone" in told]
    assert all(told.endswith(". Run `codex-oss mcp login a`.") for told in gone)


def test_the_list_says_who_is_logged_in_and_a_logout_ends_it(
    home: Path, server: OAuthServer
) -> None:
    configure(home, server)

    def status() -> str:
        (listed,) = json.loads(ours(home, "list", "--json").stdout)
        return listed["auth_status"]

    assert status() == "not_logged_in"
    assert log_in(home).returncode == 0
    assert status() == "o_auth"
    table = ours(home, "list").stdout
    assert table.splitlines()[1].split()[-1] == "OAuth"
    assert "access-" not in table + ours(home, "get", "a", "--json").stdout
    removed = ours(home, "logout", "a")
    assert (removed.returncode, removed.stdout) == (
        0,
        "Removed OAuth credentials for 'a'.\n",
    )
    again = ours(home, "logout", "a")
    assert (again.returncode, again.stdout) == (
        0,
        "No OAuth credentials stored for 'a'.\n",
    )
    assert json.loads((home / ".credentials.json").read_bytes()) == {}
    assert status() == "not_logged_in"


def test_logins_of_others_stay(home: Path, server: OAuthServer) -> None:
    configure(home, server)
    other = {"b|0": {"server_name": "b", "new_field": [1]}}
    (home / ".credentials.json").write_text(json.dumps(other))
    assert log_in(home).returncode == 0
    kept = json.loads((home / ".credentials.json").read_bytes())
    assert kept.pop(store_key("a", server.url))["access_token"] == "access-1"
    assert kept == other


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("login", "none"), "No MCP server named 'none' found."),
        (("logout", "none"), "No MCP server named 'none' found in configuration."),
        (
            ("login", "p"),
            "OAuth login is only supported for streamable HTTP servers.",
        ),
        (
            ("logout", "p"),
            "OAuth logout is only supported for streamable_http transports.",
        ),
    ],
    ids=" ".join,
)
def test_what_has_no_login_is_an_error_in_codex_words(
    home: Path, words: tuple[str, ...], told: str
) -> None:
    (home / "config.toml").write_text('[mcp_servers.p]\ncommand = "p"\n')
    ran = ours(home, *words)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"Error: {told}\n")


@pytest.mark.skipif(not CODEX, reason="CODEX_BIN does not name the Codex CLI")
def test_codex_takes_our_login_for_its_own(home: Path, server: OAuthServer) -> None:
    configure(home, server)
    assert log_in(home).returncode == 0
    theirs = subprocess.run(
        [CODEX, "mcp", "list", "--json"],
        env=os.environ | {"CODEX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    (listed,) = json.loads(theirs.stdout)
    assert listed["auth_status"] == "o_auth"


@pytest.mark.skipif(not CODEX, reason="CODEX_BIN does not name the Codex CLI")
def test_we_take_and_renew_a_login_of_codex(home: Path, server: OAuthServer) -> None:
    configure(home, server)
    server.accounts.lifetime_s = 1
    theirs: subprocess.Popen[str] = subprocess.Popen(
        [CODEX, "mcp", "login", "a", "--no-browser"],
        env=os.environ | {"CODEX_HOME": str(home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with theirs:
        assert theirs.stdout is not None
        page = next(line for line in theirs.stdout if line.startswith("http"))
        urllib.request.urlopen(page.strip(), timeout=LIMIT_S).read()
        assert theirs.wait(LIMIT_S) == 0
    server.accounts.lifetime_s = 3600
    assert used(server) == ("echo: hi", [])
    assert login(home, server).access_token == "access-2"
