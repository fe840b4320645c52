"""Servers over streamable HTTP."""

from typing import Any

import pytest

from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.failure import shown_url
from mcp_http import McpHttp
from mcp_sessions import Session, nobody


def called(server: McpHttp, **settings: Any) -> tuple[Any, list[str]]:
    """Return what a call gave, or its error; and what was said of the server."""
    session = Session(a=McpServer(url=server.url, **settings))
    found: list[Any] = []

    async def work() -> None:
        try:
            found.append(await session["a"].call("echo", {"text": "hi"}, nobody))
        except McpError as error:
            found.append(str(error))

    warnings = session.run(work)
    return found[0], [*warnings, *session.told]


@pytest.mark.parametrize("mode", ["demo", "events"])
def test_a_call_is_answered_as_json_or_as_events(mode: str) -> None:
    with McpHttp(mode) as server:
        result, said = called(server)
    assert result["content"] == [{"type": "text", "text": "echo: hi"}]
    assert said == []


def test_headers_and_the_token_come_from_where_they_are_said_to_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    monkeypatch.setenv("VALUE", "v")
    with McpHttp() as server:
        called(
            server,
            bearer_token_env_var="TOKEN",
            http_headers={"X-One": "1"},
            env_http_headers={"X-Two": "VALUE", "X-Three": "ABSENT"},
        )
    for headers in server.headers:
        assert headers["authorization"] == "Bearer secret"
        assert (headers["x-one"], headers["x-two"]) == ("1", "v")
        assert "x-three" not in headers


@pytest.mark.parametrize(
    ("mode", "settings", "why"),
    [
        (
            "unauthorized",
            {},
            "lets nobody in without a login (HTTP 401). Run `codex-oss mcp login a`.",
        ),
        (
            "unauthorized",
            {"bearer_token_env_var": "TOKEN"},
            "lets nobody in without a login (HTTP 401). Is the token in TOKEN right?",
        ),
        (
            "unauthorized",
            {"http_headers": {"authorization": "Basic x"}},
            (
                "lets nobody in without a login (HTTP 401). Is the header "
                "Authorization right?"
            ),
        ),
        (
            "absent",
            {},
            "answers with HTTP 404. Is its path right? With many servers it is /mcp.",
        ),
    ],
    ids=["login", "token", "header", "path"],
)
def test_a_server_that_refuses_is_left_out_and_what_to_do_is_said(
    monkeypatch: pytest.MonkeyPatch, mode: str, settings: dict[str, Any], why: str
) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    with McpHttp(mode) as server:
        result, (said,) = called(server, **settings)
    assert result.startswith("MCP server a is not running: ")
    assert said == f"MCP server a is left out: {server.url} {why}"


def test_an_address_is_shown_without_its_secrets() -> None:
    shown = shown_url("https://me:key@h.example:1/mcp?api_key=x#y")
    assert shown == "https://h.example:1/mcp"


@pytest.mark.parametrize(
    "mode", ["huge", "endless event", "compressed", "html", "error"]
)
def test_a_bad_answer_is_an_error_of_the_call(mode: str) -> None:
    with McpHttp(mode) as server:
        result, _ = called(server)
    assert isinstance(result, str)
    assert result


def test_why_a_compressed_answer_is_refused_is_told() -> None:
    with McpHttp("compressed") as server:
        result, _ = called(server)
    assert result == "the answer is compressed, which nobody wanted"


def test_a_server_that_floods_is_ended() -> None:
    with McpHttp("flood") as server:
        result, _ = called(server)
    assert result == "it sends too much that it was not asked for"


def test_nothing_is_asked_for_in_a_form_that_could_become_large() -> None:
    with McpHttp() as server:
        called(server)
    assert {each["accept-encoding"] for each in server.headers} == {"identity"}


def test_a_call_that_hangs_ends() -> None:
    with McpHttp("hang") as server:
        result, said = called(server, tool_timeout_sec=0.3)
    assert result == "timed out awaiting tools/call after 0.3s"
    assert said == []


def test_a_server_that_has_forgotten_the_session_is_asked_for_a_new_one() -> None:
    session_results: list[Any] = []
    with McpHttp("forgets") as server:
        session = Session(a=McpServer(url=server.url))

        async def work() -> None:
            with pytest.raises(McpError):
                await session["a"].call("echo", {"text": "hi"}, nobody)
            result = await session["a"].call("echo", {"text": "hi"}, nobody)
            session_results.append(result)

        session.run(work)
    assert session_results[0]["content"] == [{"type": "text", "text": "echo: hi"}]
