"""Servers that are started, asked, break down, and are ended."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import mcp_scripted
from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp import server
from codex_oss.mcp.pipes import MAX_LINE
from codex_oss.mcp.restarts import Breakdowns, Patience
from codex_oss.policy import AnswerServer, Reply
from mcp_sessions import TIMEOUT_S, Session, nobody

DEMO = ["echo", "fail", "img", "rpcerr", "write-thing"]
LISTS = 3
LOOPS = 10
"""Of the event loop: more than a time that is up needs to be heard of."""


def scripted(mode: str, *more: str, **settings: Any) -> McpServer:
    """Return a server's settings; a busy machine has all the time to start it."""
    args = (mcp_scripted.__file__, mode, *more)
    timeouts: dict[str, Any] = {"startup_timeout_sec": TIMEOUT_S} | settings
    return McpServer(command=sys.executable, args=args, **timeouts)


async def nothing() -> None:
    """Ask for nothing."""


def call(session: Session, tool: str = "echo", /, **arguments: Any) -> list[Any]:
    """Start the servers, call a tool of server `a`; return its result or its error."""
    found: list[Any] = []

    async def work() -> None:
        try:
            found.append(await session["a"].call(tool, arguments, nobody))
        except McpError as error:
            found.append(str(error))

    assert session.run(work) == []
    return found


def test_a_server_is_started_asked_and_ended() -> None:
    session = Session(a=scripted("demo"))
    (result,) = call(session, text="hi")
    assert result == {
        "content": [{"type": "text", "text": "echo: hi"}],
        "isError": False,
    }
    assert [tool.name for tool in session["a"].tools] == DEMO
    assert session.told == []


def test_servers_that_are_not_enabled_are_not_started() -> None:
    session = Session(a=scripted("demo", enabled=False))
    assert session.run(nothing) == []
    assert session.servers.all == []


def test_only_the_tools_that_are_wanted_are_offered() -> None:
    session = Session(
        a=scripted("demo", enabled_tools=("echo", "img", "none")),
        b=scripted("demo", disabled_tools=("echo",)),
    )
    session.run(nothing)
    assert [tool.name for tool in session["a"].tools] == ["echo", "img"]
    assert [tool.name for tool in session["b"].tools] == DEMO[1:]


def test_servers_that_do_not_start_are_said_and_survived() -> None:
    session = Session(
        absent=McpServer(command="/there/is/none"),
        astray=McpServer(command="cat", cwd="/there/is/none"),
        ends=scripted("never starts"),
        good=scripted("demo"),
        http=McpServer(url="http://127.0.0.1:9/mcp"),
        loud=McpServer(command="yes"),
        neither=McpServer(),
        silent=scripted("silent", startup_timeout_ms=300),
        token=McpServer(url="http://127.0.0.1:9/", bearer_token_env_var="NO_SUCH_VAR"),
        wide=McpServer(command="cat", args=("/dev/zero",)),
    )
    said = {
        "absent": "cannot start /there/is/none: No such file or directory. Is it "
        "installed, and on the PATH? `mcp_servers.absent.command` may be a whole path.",
        "astray": "there is no folder /there/is/none to start it in. Mend "
        "`mcp_servers.astray.cwd`.",
        "ends": "it ended with exit code 1: no such database",
        "http": "cannot connect to http://127.0.0.1:9/mcp: All connection attempts "
        "failed. Is the server running, and `mcp_servers.http.url` right?",
        "loud": "it sends what is no MCP message",
        "neither": "it has neither `command` nor `url`",
        "silent": "it did not start within 0.3 s. Give it more by "
        "`mcp_servers.silent.startup_timeout_sec`.",
        "token": "environment variable NO_SUCH_VAR for its token is not set. Set "
        "NO_SUCH_VAR, or remove `bearer_token_env_var`.",
        "wide": f"it sent a message of more than {MAX_LINE // 2**20} MiB",
    }
    assert session.run(nothing) == [
        f"MCP server {name} is left out: {why}" for name, why in said.items()
    ]
    assert [tool.name for tool in session["good"].tools] == DEMO


def test_a_required_server_that_does_not_start_is_an_error_in_codex_words() -> None:
    session = Session(a=scripted("never starts", required=True), b=scripted("demo"))
    with pytest.raises(McpError) as caught:
        session.run(nothing)
    assert str(caught.value) == (
        "required MCP servers failed to initialize: a: it ended with exit code 1: "
        "no such database"
    )


def test_a_slow_server_is_not_waited_for_and_its_tools_come_later() -> None:
    session = Session(a=scripted("demo"))

    async def later() -> None:
        assert session["a"].tools == []
        await session["a"].settle()
        assert [tool.name for tool in session["a"].tools] == DEMO

    assert session.run(later, grace_s=0) == [
        "MCP server a still starts: its tools are offered when it has."
    ]


def test_a_server_that_still_starts_is_not_waited_for_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "CLOSE_S", 10 * TIMEOUT_S)
    session = Session(a=scripted("silent"))

    async def whole() -> None:
        session.servers.begin()
        await session.servers.ready(0)
        async with asyncio.timeout(TIMEOUT_S):
            await session.servers.close()

    asyncio.run(whole())


def test_a_server_that_dies_is_started_again(tmp_path: Path) -> None:
    session = Session(a=scripted("die once", str(tmp_path / "died")))
    results: list[Any] = []

    async def work() -> None:
        with pytest.raises(McpError, match="it ended with exit code 7: out of luck"):
            await session["a"].call("echo", {"text": "x"}, nobody)
        results.append(await session["a"].call("echo", {"text": "x"}, nobody))

    session.run(work)
    assert results[0]["content"] == [{"type": "text", "text": "echo: x"}]
    assert session.told == [
        "MCP server a broke down (it ended with exit code 7: out of luck); it restarts"
    ]


def test_a_server_that_dies_again_and_again_is_given_up_for_a_while() -> None:
    session = Session(a=scripted("die"))

    async def work() -> None:
        for _ in range(3):
            with pytest.raises(McpError, match="it ended with exit code 7"):
                await session["a"].call("echo", {"text": "x"}, nobody)
        with pytest.raises(
            McpError, match="a is not running: it ended with exit code 7"
        ):
            await session["a"].call("echo", {"text": "x"}, nobody)

    session.run(work)
    broke = "MCP server a broke down (it ended with exit code 7); it restarts"
    assert session.told[:2] == [broke, broke]
    gone = "MCP server a is gone: it ended with exit code 7; it is tried again in "
    assert session.told[2].startswith(gone)


def test_a_server_that_was_given_up_for_a_while_is_offered_again() -> None:
    session = Session(Patience(restarts=0, within_s=0.01), a=scripted("die"))

    async def work() -> None:
        with pytest.raises(McpError, match="it ended with exit code 7"):
            await session["a"].call("echo", {"text": "x"}, nobody)
        while not session.told:
            await session.changes.get()
        while session["a"].why:
            await session.changes.get()
        await session["a"].ask("tools/list", {})

    session.run(work)
    assert session.told == [
        "MCP server a is gone: it ended with exit code 7; it is tried again in 0 s"
    ]


def test_breakdowns_are_forgotten_and_restarts_are_put_off_ever_longer() -> None:
    broken = Breakdowns(Patience(restarts=3, within_s=600, backoff_s=1))
    assert [broken.add(now) for now in (0, 1, 2, 3)] == [0, 1, 2, None]
    assert broken.rest(3) == 597
    assert broken.add(601) == 2  # those at 2 and 3 still count
    assert [broken.add(86_400 * day) for day in (1, 2, 3, 4)] == [0, 0, 0, 0]


def test_a_call_that_hangs_ends_with_codex_words() -> None:
    session = Session(a=scripted("hang", tool_timeout_sec=0.3))
    assert call(session) == ["timed out awaiting tools/call after 0.3s"]


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("no newline", f"it sent a message of more than {MAX_LINE // 2**20} MiB"),
        ("nonsense", "it sends what is no MCP message"),
        ("flood", "it sends too much that it was not asked for"),
    ],
)
def test_a_server_that_floods_is_ended(mode: str, why: str) -> None:
    session = Session(a=scripted(mode))
    assert call(session) == [why]


def test_an_error_of_the_server_is_told_in_codex_words() -> None:
    assert call(Session(a=scripted("demo")), "rpcerr") == ["Mcp error: -32000: boom"]


def test_a_list_that_never_ends_is_cut() -> None:
    session = Session(a=scripted("endless"))
    session.run(nothing)
    assert [tool.name for tool in session["a"].tools] == DEMO


def test_a_changed_list_of_tools_is_read_anew() -> None:
    session = Session(a=scripted("grow"))

    async def work() -> None:
        while not session.changes.empty():
            session.changes.get_nowait()
        await session["a"].call("echo", {"text": "x"}, nobody)
        await session.changes.get()
        assert "new" in [tool.name for tool in session["a"].tools]

    session.run(work)


def test_a_server_whose_tools_change_without_end_is_not_asked_without_end(
    tmp_path: Path,
) -> None:
    file = tmp_path / "lists"
    file.touch()
    session = Session(a=scripted("changes without end", str(file)))
    calls = 0

    async def work() -> None:
        nonlocal calls
        while len(file.read_text()) < LISTS:
            await session["a"].call("echo", {"text": "x"}, nobody)
            calls += 1

    began = time.monotonic()
    session.run(work)
    took = time.monotonic() - began
    assert calls >= LISTS - 1
    # The first list, the one that comes at once, and those after a rest.
    assert len(file.read_text()) <= 2 + took / server.RELIST_S


def test_a_program_gets_few_variables_and_those_that_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET", "s")
    monkeypatch.setenv("WANTED", "w")
    server = scripted("environment", env={"SET": "x"}, env_vars=("WANTED", "ABSENT"))
    (result,) = call(Session(a=server))
    text = result["content"][0]["text"]
    assert '"WANTED": "w"' in text
    assert '"SET": "x"' in text
    assert "SECRET" not in text


def test_a_server_that_asks_without_end_ends_with_its_time() -> None:
    session = Session(a=scripted("ask without end", tool_timeout_sec=0.3))
    assert call(session) == ["timed out awaiting tools/call after 0.3s"]


def test_the_time_in_which_a_person_is_asked_does_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = Session(a=scripted("ask", tool_timeout_sec=TIMEOUT_S / 3))
    results: list[Any] = []

    async def person(asked: AnswerServer) -> Reply:
        del asked
        loop = asyncio.get_running_loop()
        clock = loop.time
        monkeypatch.setattr(loop, "time", lambda: clock() + TIMEOUT_S / 2)
        for _ in range(LOOPS):
            await asyncio.sleep(0)
        return Reply("accept")

    async def work() -> None:
        results.append(await session["a"].call("echo", {}, person))

    session.run(work)
    assert results[0]["content"][0]["text"] == '{"action": "accept", "content": {}}'
