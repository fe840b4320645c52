"""Whole tasks with a provider of several servers."""

import json
from collections.abc import Callable
from pathlib import Path

from fake_server import (
    LLAMACPP,
    Answer,
    FakeServer,
    Reply,
    Seen,
    chat_call,
    chat_text,
    chat_turn,
)
from running import run_exec


def several(*servers: FakeServer) -> list[str]:
    """Return the arguments that name servers as provider `x`, and a model."""
    urls = json.dumps([f"{server.url}/v1" for server in servers])
    table = f'{{name="x",base_urls={urls},wire_api="chat"}}'
    chosen = ["-c", "model_provider=x", "-c", f"model_providers.x={table}"]
    return [*chosen, "-m", "gpt-oss:20b", "--json"]


def has_output(seen: Seen) -> bool:
    return any(each["role"] == "tool" for each in seen.json["messages"])


def answering(
    names: list[str], own: str, second: Callable[[str], Answer]
) -> Callable[[Seen], Answer]:
    """Return a server's answers: a command first, then `second` of who gave that.

    ``names`` is who was asked, in the order in which they were.
    """

    def answer(seen: Seen) -> Answer:
        names.append(own)
        if not has_output(seen):
            return chat_turn(chat_call("exec_command", {"cmd": "echo hello"}))
        return second(own)

    return answer


def events(stdout: str) -> list[str]:
    told = [json.loads(line) for line in stdout.splitlines()]
    items = [event["item"] for event in told if event["type"] == "item.completed"]
    return [item.get("text") or item.get("command") for item in items]


RUN = "/bin/bash -lc 'echo hello'"


def test_a_task_stays_at_one_server(tmp_path: Path) -> None:
    names: list[str] = []

    def last(own: str) -> Answer:
        return chat_turn(chat_text(f"By {own}."))

    with (
        FakeServer([answering(names, "a", last)], get=LLAMACPP) as a,
        FakeServer([answering(names, "b", last)], get=LLAMACPP) as b,
    ):
        done = run_exec(tmp_path, [*several(a, b), "go"])
    assert done.returncode == 0
    assert names in (["a", "a"], ["b", "b"])
    assert events(done.stdout) == [RUN, f"By {names[0]}."]


def test_a_task_goes_on_elsewhere_when_its_server_dies(tmp_path: Path) -> None:
    names: list[str] = []

    def last(own: str) -> Answer:
        if own == names[0]:
            return Reply(raw=b"")  # it hangs up without a word
        return chat_turn(chat_text(f"By {own}."))

    with (
        FakeServer([answering(names, "a", last)], get=LLAMACPP) as a,
        FakeServer([answering(names, "b", last)], get=LLAMACPP) as b,
    ):
        done = run_exec(tmp_path, [*several(a, b), "go"])
    assert done.returncode == 0
    home, other = names[0], names[-1]
    assert (set(names), names.count(other)) == ({home, other}, 1)
    assert events(done.stdout) == [RUN, f"By {other}."]
