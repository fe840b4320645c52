"""Conversations whose files were made by somebody who means ill."""

import json
from pathlib import Path

from at_terminal import AtTerminal
from fake_server import FakeServer, message, turn
from running import OURS, environment, prepared, provider, run_exec

EVIL = "\x1b]0;mine\x07\x1b[2J"


def _file(folder: Path) -> Path:
    return next((folder / "home/sessions").rglob("*.jsonl"))


def _spoiled(folder: Path, **meta: str) -> str:
    """Change the first line of the one conversation there is; return its id."""
    path = _file(folder)
    head, _, rest = path.read_text().partition("\n")
    line = json.loads(head)
    line["payload"] |= meta
    rest = rest.replace('"model_provider":', '"other":')
    path.write_text(json.dumps(line) + "\n" + rest)
    return line["payload"]["id"]


def test_names_of_providers_and_folders_command_no_terminal(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes")) for _ in range(2)]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "one"])
        _spoiled(tmp_path, model_provider=f"p{EVIL}")
        (tmp_path / "home/config.toml").write_text('model_provider = "x"\n')
        asked = run_exec(tmp_path, ["resume", *chosen[2:4], "--last", "two"])
        _spoiled(tmp_path, cwd=f"/gone{EVIL}")
        gone = run_exec(tmp_path, ["resume", *chosen, "--last", "--all", "three"])
    assert "\x1b" not in asked.stderr + gone.stderr
    assert "the folder of this session is gone: /gone\\x1b]0;" in gone.stderr
    assert "provider `p\\x1b]0;" in asked.stderr


def test_a_name_is_shown_not_obeyed(tmp_path: Path) -> None:
    with FakeServer([turn(message("yes"))]) as server:
        chosen = provider(server.url)
        run_exec(tmp_path, [*chosen, "one"])
        line = {"id": _spoiled(tmp_path), "thread_name": f"n{EVIL}"}
        (tmp_path / "home/session_index.jsonl").write_text(json.dumps(line) + "\n")
        with AtTerminal(
            [*OURS, "resume", *chosen],
            cwd=prepared(tmp_path),
            env=environment(tmp_path) | {"TERM": "xterm"},
            streams=True,
        ) as person:
            person.sees("n\\x1b]0;mine\\x07\\x1b[2J")
            person.press("\r")
            person.sees("\r> ")
            person.press("/status\r")
            person.sees("name: n\\x1b]0;mine\\x07\\x1b[2J")
            person.press("\x04")
