"""Turns of MCP clients: the person's program is told, the project's settings count."""

import json
import os
import select
import sys
from pathlib import Path

from fake_server import FakeServer, call, message, turn
from mcp_server_peer import WAIT_S, Peer, answers, home, kinds

SCRIPT = "import os, sys; open(os.environ['TOLD'], 'w').write(sys.argv[1])"
DONE = turn(message("done"))
HOW = {"sandbox": "workspace-write"}


def test_the_persons_program_is_told_of_a_clients_turn_and_not_of_a_cancelled_one(
    tmp_path: Path,
) -> None:
    os.mkfifo(tmp_path / "told")
    pipe = os.open(tmp_path / "told", os.O_RDONLY | os.O_NONBLOCK)
    os.environ["TOLD"] = str(tmp_path / "told")
    more = f"notify = {json.dumps([sys.executable, '-c', SCRIPT])}\n"
    long = turn(call("exec_command", {"cmd": "echo begun; sleep 1000"}))
    with FakeServer([long, DONE]) as server:
        place = home(tmp_path, server.url, more)
        with Peer(place) as peer:
            peer.initialize()
            work = str(place / "work")
            cancelled = peer.call("codex", prompt="first", cwd=work, **HOW)
            peer.until(lambda m: kinds([m]) == ["exec_command_begin"])
            gone = {"requestId": cancelled}
            peer.send({"method": "notifications/cancelled", "params": gone})
            second = peer.call("codex", prompt="second", cwd=work)
            answer = peer.until(answers(second))[-1]
            assert select.select([pipe], [], [], WAIT_S)[0]
            told = json.loads(os.read(pipe, 65536))
    os.close(pipe)
    del os.environ["TOLD"]
    assert told | {"turn-id": ""} == {
        "type": "agent-turn-complete",
        "thread-id": answer["result"]["structuredContent"]["threadId"],
        "turn-id": "",
        "cwd": work,
        "client": "codex_mcp_server",
        "input-messages": ["second"],
        "last-assistant-message": "done",
    }


def test_a_trusted_projects_settings_count_in_the_folder_of_a_call(
    tmp_path: Path,
) -> None:
    with FakeServer([DONE, DONE]) as server:
        place = home(tmp_path, server.url)
        work = place / "work"
        (work / ".codex").mkdir()
        (work / ".codex" / "config.toml").write_text(
            'model_reasoning_effort = "low"\nmodel_provider = "nosuch"\n'
        )
        with (place / ".codex" / "config.toml").open("a") as config:
            config.write(f'[projects."{work}"]\ntrust_level = "trusted"\n')
        with Peer(place) as peer:
            peer.initialize()
            for folder in (work, place):
                peer.answer_of(peer.call("codex", prompt="go", cwd=str(folder)))
        efforts = [seen.json["reasoning"].get("effort") for seen in server.posts]
    assert efforts == ["low", None]
