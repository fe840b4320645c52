"""Whole tasks with servers that speak Chat Completions: Ollama, llama.cpp, any."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fake_server import (
    LLAMACPP,
    FakeServer,
    Seen,
    call,
    chat_call,
    chat_text,
    chat_turn,
    message,
    turn,
)
from running import OURS, environment, prepared, provider, run_exec

LIMIT_S = 180
NAP_S = f"600.{os.getpid()}"
"""Nobody else on this machine sleeps for so long."""
NO_TOOLS = LLAMACPP | {
    "/props": {
        "default_generation_settings": {"n_ctx": 8192},
        "chat_template_caps": {"supports_tools": False},
        "build_info": "b1-fake",
    }
}


def commands(stdout: str) -> list[tuple[str, str, int | None]]:
    """Return what ran: command, output and exit code."""
    told = [json.loads(line) for line in stdout.splitlines()]
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    return [
        (item["command"], item["aggregated_output"], item["exit_code"])
        for item in items
        if item["type"] == "command_execution"
    ]


def asked(server: FakeServer) -> list[Seen]:
    """Return the requests for an answer; probes are left out."""
    return [seen for seen in server.posts if seen.path.endswith("/chat/completions")]


def test_a_chat_server_gets_the_command_s_output_and_its_answer_is_printed(
    tmp_path: Path,
) -> None:
    script = [
        chat_turn(chat_call("exec_command", {"cmd": "echo hello"})),
        chat_turn(chat_text("It says hello.")),
    ]
    with FakeServer(script, get=LLAMACPP) as server:
        done = run_exec(tmp_path, [*provider(server.url, "chat"), "--json", "go"])
        first, second = (seen.json for seen in asked(server))
    assert commands(done.stdout) == [("/bin/bash -lc 'echo hello'", "hello\n", 0)]
    assert second["messages"][: len(first["messages"])] == first["messages"]
    made, output = second["messages"][-2:]
    assert made["tool_calls"][0]["function"]["name"] == "exec_command"
    assert output["role"] == "tool"
    assert output["content"].endswith("Output:\nhello\n")
    assert done.returncode == 0


def test_a_call_in_prose_with_another_name_is_mended_and_run(tmp_path: Path) -> None:
    text = '<tool_call>{"name": "bash", "arguments": {"command": ["ls", "-a"]}}'
    script = [chat_turn(chat_text(text + "</tool_call>")), chat_turn(chat_text("ok"))]
    with FakeServer(script, get=LLAMACPP) as server:
        done = run_exec(tmp_path, [*provider(server.url, "chat"), "--json", "go"])
    ((command, output, code),) = commands(done.stdout)
    assert command == "/bin/bash -lc 'ls -a'"
    assert ".git" in output
    assert code == 0


def test_a_model_without_tools_is_held_to_a_schema_and_its_reply_is_run(
    tmp_path: Path,
) -> None:
    reply = '{"tool":"exec_command","arguments":{"cmd":"pwd"}}'
    script = [
        chat_turn(chat_text(reply[:20]), chat_text(reply[20:])),
        chat_turn(chat_text('{"answer":"There."}')),
    ]
    with FakeServer(script, get=NO_TOOLS) as server:
        done = run_exec(tmp_path, [*provider(server.url, "chat"), "go"])
        bodies = [seen.json for seen in asked(server)]
    assert done.stdout == "There.\n"
    for body in bodies:
        assert "tools" not in body
        assert body["response_format"]["type"] == "json_schema"
        assert "exec_command(cmd: string)" in body["messages"][0]["content"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_turn_and_the_command_and_keeps_the_session(
    tmp_path: Path, number: signal.Signals
) -> None:
    flag = tmp_path / "repo" / "started"
    script: list[Any] = [
        turn(call("exec_command", {"cmd": f"touch started; exec sleep {NAP_S}"})),
        turn(message("never said")),
    ]
    with FakeServer(script) as server:
        child = subprocess.Popen(
            [*OURS, "exec", *provider(server.url), "-s", "workspace-write", "go"],
            cwd=prepared(tmp_path),
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in child.stderr or ():
            if line.startswith("exec"):
                break
        wait_for(flag, child)
        child.send_signal(number)
        out, err = child.communicate(timeout=LIMIT_S)
    assert (out, child.returncode) == ("", 1)
    assert "turn interrupted" in err
    assert "Traceback" not in err
    assert sleepers() == []
    (rollout,) = (tmp_path / "home" / "sessions").rglob("*.jsonl")
    assert "aborted by user" in rollout.read_text()


def wait_for(path: Path, child: subprocess.Popen[str]) -> None:
    """Return when `path` is there: the command has begun."""
    while not path.exists():
        assert child.poll() is None
        os.sched_yield()


def sleepers() -> list[str]:
    """Return the processes that still sleep for `NAP_S`."""
    found: list[str] = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if line.split(b"\0")[:2] == [b"sleep", NAP_S.encode()]:
            found.append(str(entry))
    return found


def test_openai_is_offered_the_freeform_patch_tool_and_others_a_function(
    tmp_path: Path,
) -> None:
    kinds: dict[str, str] = {}
    for name in ("openai", "x"):
        with FakeServer([turn(message("hi"))]) as server:
            chosen = [*provider(server.url), "-c", f"model_provider={name}"]
            env = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{server.url}/v1"}
            done = run_exec(tmp_path, [*chosen, "hi"], env=env)
            assert done.stdout == "hi\n", done.stderr
            tools = server.posts[0].json["tools"]
        kinds[name] = next(t["type"] for t in tools if t["name"] == "apply_patch")
    assert kinds == {"openai": "custom", "x": "function"}
