"""The official SDK's client against ``codex-oss mcp-server``, over stdio and HTTP."""

import asyncio
import json
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from codex_oss.policy import NO_ESCALATION
from fake_server import FakeServer, call, message, turn
from mcp_http_peer import HttpPeer
from mcp_server_peer import WAIT_S, Peer, command, environment, home
from serving_mcp import served

TOUCH = {
    "cmd": "touch ../made",
    "sandbox_permissions": "require_escalated",
    "justification": "May I?",
}
SCRIPT = [turn(call("exec_command", TOUCH)), turn(message("done"))]
HOW = {"sandbox": "workspace-write", "approval-policy": "on-request"}
ERAS = ["legacy", "auto"]
"""With the handshake, and as the newest protocol has it: without."""


def stdio(place: Path) -> Any:
    line = command()
    return stdio_client(
        StdioServerParameters(
            command=line[0],
            args=line[1:],
            env=environment(place),
            cwd=place / "work",
        )
    )


@asynccontextmanager
async def client(transport: Any, era: Any, reply: str) -> AsyncGenerator[Client]:
    async def answer(
        context: Any,
        params: Any,
    ) -> types.ElicitResult:
        assert params.message.startswith("Allow Codex to run `")
        return types.ElicitResult(action=reply, content={})  # type: ignore[arg-type]

    async with (
        asyncio.timeout(WAIT_S),
        Client(transport, mode=era, elicitation_callback=answer) as connected,
    ):
        yield connected


async def two_turns(connected: Client) -> tuple[list[str], list[Any]]:
    tools = await connected.list_tools()
    first = await connected.call_tool("codex", {"prompt": "hi", **HOW})
    thread = first.structured_content["threadId"]
    again = {"prompt": "more", "threadId": thread}
    second = await connected.call_tool("codex-reply", again)
    names = [tool.name for tool in tools.tools]
    return names, [first.structured_content, second.structured_content]


def check(names: list[str], results: list[Any]) -> None:
    assert names == ["codex", "codex-reply"]
    assert results == [{"threadId": results[0]["threadId"], "content": "done"}] * 2


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("reply", "made"), [("accept", True), ("decline", False)])
def test_a_client_over_stdio_lists_calls_and_approves(
    tmp_path: Path, era: str, reply: str, *, made: bool
) -> None:
    async def talk() -> None:
        async with client(stdio(tmp_path), era, reply) as connected:
            check(*await two_turns(connected))

    with FakeServer(SCRIPT) as server:
        home(tmp_path, server.url)
        asyncio.run(talk())
    assert (tmp_path / "made").exists() is made


@pytest.mark.parametrize("era", ERAS)
def test_a_client_over_http_lists_calls_and_approves(tmp_path: Path, era: str) -> None:
    async def talk(url: str) -> None:
        async with client(streamable_http_client(url), era, "accept") as connected:
            check(*await two_turns(connected))

    with FakeServer(SCRIPT) as server, served(home(tmp_path, server.url)) as url:
        asyncio.run(talk(url))
    assert (tmp_path / "made").exists()


def test_who_is_asked_is_who_calls_and_the_policy_stays_the_conversations(
    tmp_path: Path,
) -> None:
    elsewhere = TOUCH | {"cmd": "touch ../never"}
    script = [
        turn(message("hello")),
        *SCRIPT,
        turn(call("exec_command", elsewhere)),
        turn(message("done")),
    ]

    async def talk(url: str) -> None:
        asks = await HttpPeer(url, elicitation={}).begin()
        cannot = await HttpPeer(url).begin()
        async with cannot.call("codex", **HOW) as begun:
            thread = (await begun.result())["structuredContent"]["threadId"]
        async with asks.call("codex-reply", threadId=thread) as answer:
            question = await answer.question()
            await asks.post({"id": question["id"], "result": {"decision": "approved"}})
            await answer.result()
        async with cannot.call("codex-reply", threadId=thread) as answer:
            await answer.result()
        await asks.close()
        await cannot.close()

    with FakeServer(script) as server, served(home(tmp_path, server.url)) as url:
        asyncio.run(asyncio.wait_for(talk(url), WAIT_S))
        last = server.posts[-1].json
    assert (tmp_path / "made").exists()
    assert not (tmp_path / "never").exists()
    assert NO_ESCALATION in last["input"][-1]["output"]


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "lab", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


def test_it_says_the_same_of_itself_over_both_transports(tmp_path: Path) -> None:
    place = home(tmp_path, "http://127.0.0.1:9")
    with served(place) as url:
        answer = httpx2.post(url, json=INITIALIZE, headers=ACCEPT)
    (told,) = (
        json.loads(line.removeprefix("data: "))
        for line in answer.text.splitlines()
        if line.startswith("data: {")
    )
    with Peer(place) as peer:
        assert told == peer.initialize()
    assert told["result"]["capabilities"] == {"tools": {"listChanged": True}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "evil.example:8484"}, 421),
        ({"Origin": "http://evil.example"}, 403),
    ],
)
def test_pages_of_elsewhere_do_not_reach_it(
    tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    with served(home(tmp_path, "http://127.0.0.1:9")) as url:
        answer = httpx2.post(url, json=INITIALIZE, headers=ACCEPT | headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("", 401),
        ("Bearer no", 401),
        ("Basic k1", 401),
        ("k1", 401),
        ("Bearer k1", 200),
        ("bearer k1", 200),
    ],
)
def test_a_key_is_asked_for_where_there_is_one(
    tmp_path: Path, key: str, status: int
) -> None:
    place = home(tmp_path, "http://127.0.0.1:9")
    with served(place, "--key-env", "MCP_KEY", MCP_KEY="k1") as url:
        headers = ACCEPT | {"Authorization": key}
        answer = httpx2.post(url, json=INITIALIZE, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--http", "0.0.0.0:0"], "can be reached from other machines"),
        (["--http", "nonsense"], "not HOST:PORT"),
        (["--http", "--key-env", "NOT_SET"], "has no key"),
    ],
)
def test_an_open_door_needs_a_key(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    place = home(tmp_path, "http://127.0.0.1:9")
    ended = subprocess.run(
        command(*arguments),
        env=environment(place),
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert ended.returncode == 2
    assert words in ended.stderr.decode()
