"""Tasks with tools of MCP servers, from `exec`'s arguments to what is printed."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import mcp_scripted
from fake_events import (
    chat_call,
    chat_text,
    chat_turn,
    completed,
    created,
    done,
    message,
)
from fake_server import FakeServer
from running import prepared, provider, run_exec

NPM = Path(os.environ.get("MCP_NODE", "/nowhere")) / "node_modules/.bin"


def scripted(mode: str, *more: str, settings: str = "") -> list[str]:
    args = json.dumps([mcp_scripted.__file__, mode, *more])
    table = f'{{command="{sys.executable}",args={args}{settings}}}'
    return ["-c", f"mcp_servers.demo={table}"]


def call(name: str, number: int = 1, /, **arguments: Any) -> dict[str, Any]:
    return done(
        {
            "type": "function_call",
            "id": f"fc_{number}",
            "call_id": f"call_{number}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
    )


READ = 2000
"""Tokens of a prompt as a server counts them that drops nothing."""
END = [created(), done(message("Done.")), completed()]
Request = dict[str, Any]


def task(
    folder: Path, arguments: list[str], *calls: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[Request]]:
    """Run a task in which the model makes each of the calls in an answer of its own.

    Return the events' items that are finished, and the requests.
    """
    answers: list[Any] = [[created(), each, completed()] for each in calls]
    with FakeServer([*answers, END]) as server:
        ran = run_exec(folder, [*provider(server.url), "--json", *arguments, "do it"])
        requests = [seen.json for seen in server.requests if seen.body]
    assert ran.returncode == 0, ran.stderr + ran.stdout
    events = [json.loads(line) for line in ran.stdout.splitlines()]
    items = [each["item"] for each in events if each["type"] == "item.completed"]
    return items, requests


def outputs(requests: list[Request]) -> list[Any]:
    return [
        item["output"]
        for item in requests[-1]["input"]
        if item.get("type") == "function_call_output"
    ]


def names(request: Request) -> list[str]:
    return [tool["name"] for tool in request["tools"]]


def test_tools_are_offered_flat_and_a_call_is_mended(tmp_path: Path) -> None:
    items, requests = task(tmp_path, scripted("demo"), call("echo", text="hi"))
    assert names(requests[0])[-5:] == [
        "mcp__demo__echo",
        "mcp__demo__fail",
        "mcp__demo__img",
        "mcp__demo__rpcerr",
        "mcp__demo__write-thing",
    ]
    assert outputs(requests) == ["echo: hi"]
    assert items[0]["status"] == "completed"


def test_an_image_reaches_the_model_as_view_image_shows_one(tmp_path: Path) -> None:
    _, requests = task(tmp_path, scripted("demo"), call("mcp__demo__img"))
    url = f"data:image/png;base64,{mcp_scripted.PIXEL}"
    assert outputs(requests) == [
        [
            {"type": "input_text", "text": "here"},
            {"type": "input_image", "image_url": url, "detail": "high"},
        ]
    ]


@pytest.mark.parametrize(
    ("settings", "arguments", "status"),
    [
        ("", [], "failed"),
        (',default_tools_approval_mode="approve"', [], "completed"),
        (',tools={write-thing={approval_mode="approve"}}', [], "completed"),
        ("", ["--dangerously-bypass-approvals-and-sandbox"], "completed"),
        (',tools={write-thing={approval_mode="prompt"}}', [], "failed"),
    ],
)
def test_a_tool_that_may_change_something_runs_only_where_that_is_approved(
    tmp_path: Path, settings: str, arguments: list[str], status: str
) -> None:
    servers = scripted("demo", settings=settings)
    items, requests = task(
        tmp_path, [*servers, *arguments], call("mcp__demo__write-thing")
    )
    assert items[0]["status"] == status
    never = "MCP tool call requires approval, but approval policy is never"
    told = "echo: write-thing" if status == "completed" else never
    assert outputs(requests) == [told]


def test_two_hundred_tools_cost_few_tokens_and_are_found_and_called(
    tmp_path: Path,
) -> None:
    items, requests = task(
        tmp_path,
        scripted("many"),
        call("mcp_search", 1, query="thing_137"),
        call("mcp_call", 2, name="thing_137", arguments={"text": "one"}),
        call("mcp__demo__thing_137", 3, text="two"),
        call("mcp_call", 4, name="mcp__demo__thing_137", arguments={}),
        call("mcp_call", 5, name="nothing like it", arguments={}),
    )
    specs = [tool for tool in requests[0]["tools"] if "mcp" in tool["name"]]
    assert [spec["name"] for spec in specs] == ["mcp_search", "mcp_call"]
    assert len(json.dumps(specs, separators=(",", ":"))) / 4 < 400
    assert {json.dumps(each["tools"]) for each in requests} == {
        json.dumps(requests[0]["tools"])
    }
    found, first, second, lacking, unknown = outputs(requests)
    best = json.loads(found.splitlines()[0])
    assert best["name"] == "mcp__demo__thing_137"
    assert best["arguments"] == mcp_scripted.TEXT_SCHEMA
    assert (first, second) == ("echo: one", "echo: two")
    assert lacking.startswith("mcp__demo__thing_137 lacks text: {")
    assert unknown == "there is no tool nothing like it: find one with mcp_search"
    assert [item["tool"] for item in items[:-1]] == ["thing_137"] * 2


@pytest.mark.parametrize("wire_api", ["responses", "chat"])
def test_a_tool_that_nobody_searched_for_is_called_by_its_name(
    tmp_path: Path, wire_api: str
) -> None:
    name = "mcp__demo__thing_007"
    if wire_api == "chat":
        answers: list[Any] = [
            chat_turn(chat_text("Hi.")),  # the server is tried first
            chat_turn(chat_call(name, {"text": "hi"}), prompt_tokens=READ),
            chat_turn(chat_text("Done."), prompt_tokens=READ),
        ]
    else:
        answers = [[created(), call(name, text="hi"), completed()], END]
    with FakeServer(answers) as server:
        arguments = [*provider(server.url, wire_api), "--json", *scripted("many")]
        ran = run_exec(tmp_path, [*arguments, "do it"])
        request = server.requests[-1].json
    assert ran.returncode == 0, ran.stderr + ran.stdout
    assert json.dumps(request).count("echo: hi") == 1


def test_resources_are_listed_and_read(tmp_path: Path) -> None:
    items, requests = task(
        tmp_path,
        scripted("resources"),
        call("list_mcp_resources", 1),
        call("list_mcp_resource_templates", 2, server="demo"),
        call("read_mcp_resource", 3, server="demo", uri="demo://a"),
        call("read_mcp_resource", 4, server="other", uri="demo://a"),
    )
    assert [json.loads(text) for text in outputs(requests)[:3]] == [
        {"resources": [{"server": "demo", "uri": "demo://a", "name": "a"}]},
        {"resourceTemplates": [{"server": "demo", "uriTemplate": "demo://{x}"}]},
        {
            "server": "demo",
            "uri": "demo://a",
            "contents": [{"uri": "demo://a", "text": "the text"}],
        },
    ]
    refused = "no MCP server other has resources; these have: demo"
    assert outputs(requests)[3] == refused
    assert [(item["server"], item["status"]) for item in items[:-1]] == [
        *[("codex", "completed")] * 3,
        ("codex", "failed"),
    ]


def test_a_server_whose_resources_fail_does_not_hide_those_of_others(
    tmp_path: Path,
) -> None:
    broken = [each.replace("demo", "bad") for each in scripted("broken resources")]
    _, requests = task(
        tmp_path,
        [*scripted("resources"), *broken],
        call("list_mcp_resources", 1),
        call("list_mcp_resources", 2, server="bad"),
    )
    every, one = outputs(requests)
    assert json.loads(every) == {
        "resources": [{"server": "demo", "uri": "demo://a", "name": "a"}],
        "failed": {"bad": "Mcp error: -32000: boom"},
    }
    assert one == "Mcp error: -32000: boom"


def test_servers_without_resources_cost_no_tools_for_them(tmp_path: Path) -> None:
    _, requests = task(tmp_path, scripted("demo"))
    assert not [name for name in names(requests[0]) if "resource" in name]


def test_a_server_that_does_not_start_is_said_and_the_task_goes_on(
    tmp_path: Path,
) -> None:
    items, _ = task(tmp_path, scripted("never starts"))
    assert [item.get("message", item.get("text")) for item in items] == [
        "MCP server demo is left out: it ended with exit code 1: no such database",
        "Done.",
    ]


def test_a_required_server_that_does_not_start_fails_the_session(
    tmp_path: Path,
) -> None:
    servers = scripted("never starts", settings=",required=true")
    with FakeServer([]) as server:
        ran = run_exec(tmp_path, [*provider(server.url), *servers, "do it"])
    assert ran.returncode == 1
    words = "Error: required MCP servers failed to initialize: demo: it ended"
    assert words in ran.stderr


@pytest.mark.parametrize("mode", ["die", "no newline", "nonsense", "wrong shapes"])
def test_a_bad_server_does_not_end_the_task(tmp_path: Path, mode: str) -> None:
    items, _ = task(tmp_path, scripted(mode), call("mcp__demo__echo", text="x"))
    assert items[0]["type"] == "mcp_tool_call"
    # That it broke down may be said before or behind the answer.
    said = [item["text"] for item in items if item["type"] == "agent_message"]
    assert said == ["Done."]


def test_a_server_that_broke_down_is_said(tmp_path: Path) -> None:
    items, requests = task(
        tmp_path,
        scripted("die once", str(tmp_path / "died")),
        call("mcp__demo__echo", 1, text="x"),
        call("mcp__demo__echo", 2, text="y"),
    )
    said = "MCP server demo broke down (it ended with exit code 7: out of luck); it "
    assert f"{said}restarts" in [item.get("message") for item in items]
    assert outputs(requests)[1] == "echo: y"


def test_a_new_tool_is_offered_in_the_next_request(tmp_path: Path) -> None:
    _, requests = task(
        tmp_path,
        scripted("grow"),
        call("mcp__demo__echo", 1, text="x"),
        call("mcp__demo__echo", 2, text="y"),
    )
    assert "mcp__demo__new" not in names(requests[0])
    assert "mcp__demo__new" in names(requests[-1])


# --- servers that people use ----------------------------------------------------------


def npm(program: str) -> str:
    path = NPM / program
    if not path.exists():
        pytest.skip(f"MCP_NODE names no folder with npm's {program}")
    return str(path)


def test_server_everything_is_used(tmp_path: Path) -> None:
    program = npm("mcp-server-everything")
    table = f'{{command="{program}",default_tools_approval_mode="approve"}}'
    uri = "demo://resource/dynamic/text/1"
    items, requests = task(
        tmp_path,
        ["-c", f"mcp_servers.all={table}"],
        call("get-sum", 1, a="2", b=3),
        call("mcp__all__get-tiny-image", 2),
        call("mcp__all__get-structured-content", 3, location="Chicago"),
        call("mcp__all__get-resource-links", 4, count=2),
        call("read_mcp_resource", 5, server="all", uri=uri),
        call("mcp__all__trigger-elicitation-request", 6),
    )
    added, image, structured, links, resource, asked = outputs(requests)
    assert added == "The sum of 2 and 3 is 5."
    # The picture of that server is a broken PNG, which would fail the whole request.
    assert "[an image that cannot be read]" in image
    assert json.loads(structured)["conditions"]
    assert "[resource: " in links
    assert json.loads(resource)["contents"][0]["uri"] == uri
    assert "decline" in asked
    assert all(item.get("status", "completed") == "completed" for item in items)


def test_many_tools_of_a_real_server_are_found_where_the_window_is_small(
    tmp_path: Path,
) -> None:
    program = npm("mcp-server-everything")
    _, requests = task(
        tmp_path,
        [
            *("-c", f'mcp_servers.all={{command="{program}"}}'),
            *("-c", "model_context_window=8192"),
        ],
        call("mcp_search", 1, query="add two numbers"),
        call("mcp_call", 2, name="get-sum", arguments={"a": 2, "b": 3}),
    )
    found, added = outputs(requests)
    assert '"name":"mcp__all__get-sum"' in found
    assert added == "The sum of 2 and 3 is 5."


def test_server_filesystem_is_used(tmp_path: Path) -> None:
    program = npm("mcp-server-filesystem")
    prepared(tmp_path)
    # Not the folder of the task: the server's own arguments say what it may use.
    repo = tmp_path / "data"
    repo.mkdir()
    (repo / "a.txt").write_text("in the file\n")
    _, requests = task(
        tmp_path,
        ["-c", f'mcp_servers.fs={{command="{program}",args=["{repo}"]}}'],
        call("mcp__fs__read_text_file", 1, path=str(repo / "a.txt")),
        call("mcp__fs__write_file", 2, path=str(repo / "b.txt"), content="no"),
        call("mcp__fs__read_text_file", 3, path="/etc/passwd"),
    )
    read, written, outside = outputs(requests)
    assert "in the file" in read
    assert "approval policy is never" in written
    assert "Access denied" in outside
    assert not (repo / "b.txt").exists()
