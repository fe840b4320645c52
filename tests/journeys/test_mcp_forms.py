"""Forms and pages of MCP servers: at a terminal, for an MCP client, and for nobody."""

import json
import os
import select
import sys
from pathlib import Path
from typing import Any

import pytest

import mcp_scripted
from at_terminal import AtTerminal
from fake_events import call, message, turn
from fake_server import FakeServer, Gate, Reply, sse
from mcp_server_peer import Json, Peer, asks, home
from running import OURS, TIMEOUT_S, environment, prepared, provider, run_exec

NPM = Path(os.environ.get("MCP_NODE", "/nowhere")) / "node_modules/.bin"
EVERYTHING = NPM / "mcp-server-everything"
SIZES: Json = {"type": "string", "enum": ["s", "m"], "enumNames": ["small", "medium"]}
PARTS: Json = {"type": "array", "items": {"type": "string", "enum": ["x", "y", "z"]}}
FORM: Json = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "title": "Name", "minLength": 2},
        "mail": {"type": "string", "format": "email"},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "share": {"type": "number"},
        "sure": {"type": "boolean", "default": False},
        "size": SIZES,
        "color": {"type": "string", "oneOf": [{"const": "#f00", "title": "red"}]},
        "parts": PARTS,
        "password": {"type": "string"},
    },
    "required": ["name", "size"],
}
PAGE: Json = {"url": "https://login.example/start?s=1"}


def servers(command: str, *arguments: str) -> list[str]:
    args = json.dumps(arguments)
    table = f'{{command="{command}",args={args},default_tools_approval_mode="approve"}}'
    return ["-c", f"mcp_servers.demo={table}"]


SCRIPTED = servers(sys.executable, mcp_scripted.__file__, "ask")


def model(asked: Json, tool: str = "mcp__demo__echo") -> FakeServer:
    return FakeServer([turn(call(tool, asked)), turn(message("done"))])


def at_terminal(
    folder: Path, server: FakeServer, *more: str, **variables: str
) -> AtTerminal:
    argv = [*OURS, "exec", "--json", *provider(server.url), "-a", "on-request", *more]
    env = environment(folder)
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        env.pop(name, None)
    return AtTerminal([*argv, "go"], cwd=prepared(folder), env=env | variables)


def told(server: FakeServer) -> str:
    """Return what the model was told of its call."""
    (output,) = [
        item["output"]
        for item in server.posts[-1].json["input"]
        if item["type"] == "function_call_output"
    ]
    return output


def fill(terminal: AtTerminal, *lines: str) -> None:
    for line in lines:
        terminal.sees("> ")
        terminal.press(f"{line}\n")
        terminal.sees(f"> {line}\r\n")


def test_a_form_of_every_kind_is_filled_in_at_the_terminal(tmp_path: Path) -> None:
    with (
        model(FORM) as server,
        at_terminal(tmp_path, server, *SCRIPTED) as terminal,
    ):
        terminal.sees("MCP server demo asks you to fill in a form.\r\n\r\n  │ Sure?")
        fill(terminal, "A", "Ada", "ada@", "ada@example.org", "10", "7", "0.5", "y")
        fill(terminal, "medium", "1", "1,3")
        terminal.sees("! This looks like a secret")
        fill(terminal, "")
        shown = terminal.sees("y sends it").replace("\r", "")
        fill(terminal, "y")
        code, output = terminal.end()
        answer = json.loads(told(server))
    assert "  1. Name: Ada\n  2. mail: ada@example.org\n  3. count: 7\n" in shown
    assert "  6. size: medium\n  7. color: red\n  8. parts: x, z\n" in shown
    assert answer == {
        "action": "accept",
        "content": {
            "name": "Ada",
            "mail": "ada@example.org",
            "count": 7,
            "share": 0.5,
            "sure": True,
            "size": "m",
            "color": "#f00",
            "parts": ["x", "z"],
        },
    }
    assert (code, '"type":"error"' in output) == (0, False)


@pytest.mark.parametrize(
    ("keys", "action"), [("\x1b", "decline"), ("\x03", "cancel"), ("\x04", "cancel")]
)
def test_a_form_is_declined_or_left_and_the_task_goes_on(
    tmp_path: Path, keys: str, action: str
) -> None:
    with (
        model(FORM) as server,
        at_terminal(tmp_path, server, *SCRIPTED) as terminal,
    ):
        terminal.sees("> ")
        terminal.press(keys)
        if action == "decline":
            terminal.sees("n declines")
            fill(terminal, "n")
        code, _ = terminal.end()
        answer = json.loads(told(server))
    assert (code, answer) == (0, {"action": action})


def test_a_page_is_opened_in_the_browser_after_a_yes(tmp_path: Path) -> None:
    line, browser, gate = tmp_path / "line", tmp_path / "browser", Gate()
    os.mkfifo(line)
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{line}\n')
    browser.chmod(0o700)
    held = Reply(chunks=[gate, sse(turn(message("done")))])
    opened = os.open(line, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with (
            FakeServer([turn(call("mcp__demo__echo", PAGE)), held]) as server,
            at_terminal(
                tmp_path, server, *SCRIPTED, BROWSER=f"{browser} %s"
            ) as terminal,
        ):
            shown = terminal.sees("\n> ").replace("\r", "")
            assert select.select([opened], [], [], 0)[0] == []
            terminal.press("o")
            assert select.select([opened], [], [], TIMEOUT_S)[0] == [opened]
            page = os.read(opened, 1000).decode()
            gate.open()
            terminal.end()
            assert json.loads(told(server)) == {"action": "accept"}
    finally:
        os.close(opened)
    told_of = "  page    https://login.example/start?s=1\n  host    login.example\n"
    assert (page, told_of in shown) == (PAGE["url"], True)


def test_nobody_is_asked_where_nobody_can_be(tmp_path: Path) -> None:
    for asked in (FORM, PAGE):
        with model(asked) as server:
            ran = run_exec(tmp_path, [*provider(server.url), *SCRIPTED, "--json", "go"])
            answer = json.loads(told(server))
        said = "MCP server demo asked for something, and that was declined: "
        assert (ran.returncode, answer) == (0, {"action": "decline"})
        assert said in ran.stdout


@pytest.mark.skipif(not EVERYTHING.exists(), reason="MCP_NODE has no server-everything")
def test_the_form_of_server_everything_is_filled_in(tmp_path: Path) -> None:
    every = servers(str(EVERYTHING))
    with (
        model({}, "mcp__demo__trigger-elicitation-request") as server,
        at_terminal(tmp_path, server, *every) as terminal,
    ):
        terminal.sees("Please provide inputs for the following fields:")
        fill(terminal, "Ada", "y", "", "ada@example.org", "", "2026-01-31", "7", "")
        fill(terminal, "ross", "1 2", "2", "tuna, trout", "birds", "y")
        code, _ = terminal.end()
        output = told(server)
    _, _, raw = output.partition("Raw result: ")
    assert (code, json.loads(raw)) == (
        0,
        {
            "action": "accept",
            "content": {
                "name": "Ada",
                "check": True,
                "firstLine": "It was a dark and stormy night.",
                "email": "ada@example.org",
                "birthdate": "2026-01-31",
                "integer": 7,
                "number": 3.14,
                "untitledSingleSelectEnum": "Ross",
                "untitledMultipleSelectEnum": ["Guitar", "Piano"],
                "titledSingleSelectEnum": "hero-2",
                "titledMultipleSelectEnum": ["fish-1", "fish-3"],
                "legacyTitledEnum": "pet-3",
            },
        },
    )


# --- an MCP client is asked -----------------------------------------------------------

BOTH: Json = {"elicitation": {"form": {}, "url": {}}}
HOW = {"approval_policy": "on-request"}


def table() -> str:
    args = json.dumps([mcp_scripted.__file__, "ask"])
    return f'[mcp_servers.demo]\ncommand = "{sys.executable}"\nargs = {args}\n'


def asked_and_told(
    folder: Path, wanted: Json, reply: Json, can: Json = BOTH
) -> tuple[Json, Json]:
    """Return what the client is asked, and what the server was answered."""
    with model(wanted) as server:
        place = home(folder, server.url)
        config = place / ".codex/config.toml"
        config.write_text(config.read_text() + table())
        with Peer(place, capabilities=can) as peer:
            peer.initialize("2025-11-25")
            number = peer.call("codex", prompt="go", **HOW)
            question = peer.until(asks)[-1]
            peer.send({"id": question["id"], "result": reply})
            result: dict[str, Any] = peer.answer_of(number)["result"]
        answer = json.loads(told(server))
    assert result["structuredContent"]["content"] == "done"
    return question["params"], answer


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (
            {"action": "accept", "content": {"name": "Ada", "size": "s"}},
            {"action": "accept", "content": {"name": "Ada", "size": "s"}},
        ),
        ({"action": "accept", "content": {"name": "Ada"}}, {"action": "decline"}),
        ({"action": "decline"}, {"action": "decline"}),
        ({"action": "cancel"}, {"action": "cancel"}),
        ({"decision": "denied"}, {"action": "decline"}),
    ],
)
def test_a_form_goes_to_the_client_as_it_is_and_its_answer_to_the_server(
    tmp_path: Path, reply: Json, answer: Json
) -> None:
    params, found = asked_and_told(tmp_path, FORM, reply)
    assert params["requestedSchema"] == FORM
    assert params["message"] == "The MCP server `demo` asks: Sure?"
    assert params["codex_elicitation"] == "mcp-elicitation"
    assert found == answer


def test_a_page_goes_to_a_client_that_can_open_one(tmp_path: Path) -> None:
    params, found = asked_and_told(tmp_path, PAGE, {"action": "accept"})
    asked = {key: params.get(key) for key in ("mode", "url", "elicitationId")}
    assert asked == {"mode": "url", "url": PAGE["url"], "elicitationId": "p1"}
    assert "requestedSchema" not in params
    assert found == {"action": "accept"}


def test_other_clients_are_told_the_address(tmp_path: Path) -> None:
    reply: Json = {"action": "accept", "content": {}}
    params, found = asked_and_told(tmp_path, PAGE, reply, {"elicitation": {}})
    assert params["message"].endswith(f"asks: Sure? {PAGE['url']}")
    assert "mode" not in params
    assert found == {"action": "accept"}
