"""``notify``: a program is told of a turn, by us as by the real Codex CLI."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from codex_cli import CODEX, NO_CODEX
from fake_events import message, turn
from fake_server import WAIT_S, FakeServer, Reply
from running import OURS, environment, prepared, provider, run_exec

SCRIPT = """\
import json, os, sys
with open(os.environ["TOLD"], "w") as told:
    json.dump([sys.argv[1:], os.getcwd()], told)
"""
DESKTOP = """\
import json, os, subprocess, sys
if len(sys.argv) != 2:
    sys.exit("Usage: notify.py <NOTIFICATION_JSON>")
given = json.loads(sys.argv[1])
if given.get("type") == "agent-turn-complete":
    said = given.get("last-assistant-message")
    title = f"Codex: {said}" if said else "Codex: Turn Complete!"
    subprocess.check_output(["terminal-notifier", "-title", title, "-message",
                             " ".join(given.get("input-messages", []))])
"""
"""What people run on a Mac, as the documentation of the first Codex CLI had it."""
NOTIFIER = '#!/bin/sh\nprintf "%s\\n" "$@" > "$TOLD"\n'

PROGRAMS = [
    pytest.param(OURS, id="ours"),
    pytest.param(
        (CODEX,), id="codex", marks=pytest.mark.skipif(not CODEX, reason=NO_CODEX)
    ),
]


class Told:
    """A pipe that a program writes to when it is told of a turn."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def next(self) -> str:
        """Return what the next program wrote."""
        data = b""
        while select.select([self.fd], [], [], WAIT_S)[0]:
            piece = os.read(self.fd, 65536)
            if not piece and data:
                return data.decode()
            data += piece
        raise AssertionError("nobody was told")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    prepared(tmp_path)
    pipe = Told(tmp_path / "told")
    yield pipe
    os.close(pipe.fd)


def ask(
    folder: Path, told: Told, reply: Reply, argv: Sequence[str], **more: Any
) -> tuple[int, str]:
    """Take one turn and return the exit code and stderr."""
    (folder / "notify.py").write_text(SCRIPT)
    config = folder / "home" / "config.toml"
    config.write_text(f"notify = {json.dumps(list(argv))}\n")
    env = {"TOLD": str(told.path)} | more.pop("env", {})
    with FakeServer(script=[reply]) as server:
        arguments = ["--json", *provider(server.url), "say hello"]
        ran = run_exec(folder, arguments, env=env, **more)
    return ran.returncode, ran.stderr


def answered(text: str) -> Reply:
    return Reply(events=turn(message(text)))


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_gets_one_json_argument_in_the_turns_folder(
    tmp_path: Path, told: Told, program: Sequence[str]
) -> None:
    argv = [sys.executable, str(tmp_path / "notify.py"), "extra"]
    code, _ = ask(tmp_path, told, answered("Grüße"), argv, program=program)
    words, cwd = json.loads(told.next())
    given = json.loads(words[1])
    for name in ("thread-id", "turn-id"):
        assert len(given.pop(name)) == 36
    repo = str(tmp_path / "repo")
    assert (code, words[0], cwd) == (0, "extra", repo)
    assert list(given.items()) == [
        ("type", "agent-turn-complete"),
        ("cwd", repo),
        ("client", "codex_exec"),
        ("input-messages", ["say hello"]),
        ("last-assistant-message", "Grüße"),
    ]


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_turn_that_fails_is_not_told_of(
    tmp_path: Path, told: Told, program: Sequence[str]
) -> None:
    argv = [sys.executable, str(tmp_path / "notify.py")]
    bad = Reply(status=400, body={"error": {"message": "no"}})
    code, _ = ask(tmp_path, told, bad, argv, program=program)
    ask(tmp_path, told, answered("at last"), argv, program=program)
    words, _ = json.loads(told.next())
    assert (code, json.loads(words[0])["last-assistant-message"]) == (1, "at last")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_turn_that_is_interrupted_is_not_told_of(
    tmp_path: Path, told: Told, program: Sequence[str]
) -> None:
    argv = [sys.executable, str(tmp_path / "notify.py")]
    (tmp_path / "home" / "config.toml").write_text(f"notify = {json.dumps(argv)}\n")
    (tmp_path / "notify.py").write_text(SCRIPT)
    env = environment(tmp_path) | {"TOLD": str(told.path)}
    with FakeServer(script=[Reply(silent=True)]) as server:
        words = [*program, "exec", "--json", *provider(server.url), "too long"]
        with subprocess.Popen(
            words,
            cwd=tmp_path / "repo",
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            assert running.stdout is not None
            # Before it has said so, Codex may not hear a signal.
            assert any(b'"turn.started"' in line for line in running.stdout)
            server.wait_requests(1)
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=WAIT_S)
    ask(tmp_path, told, answered("at last"), argv, program=program)
    words, _ = json.loads(told.next())
    assert (running.returncode, json.loads(words[0])["last-assistant-message"]) == (
        1,
        "at last",
    )


def test_the_desktop_script_of_old_works(tmp_path: Path, told: Told) -> None:
    script = tmp_path / "desktop.py"
    script.write_text(DESKTOP)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "terminal-notifier").write_text(NOTIFIER)
    (tmp_path / "bin" / "terminal-notifier").chmod(0o755)
    env = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    code, _ = ask(
        tmp_path, told, answered("Done."), [sys.executable, str(script)], env=env
    )
    assert code == 0
    assert told.next() == "-title\nCodex: Done.\n-message\nsay hello\n"


def test_a_program_that_is_missing_costs_a_warning_only(
    tmp_path: Path, told: Told
) -> None:
    code, stderr = ask(tmp_path, told, answered("Done."), ["/nosuch/program"])
    assert code == 0
    assert (
        "warning: `notify` cannot run /nosuch/program: No such file or directory\n"
        in stderr
    )


def test_a_program_that_hangs_is_not_waited_for_and_hears_no_hangup(
    tmp_path: Path, told: Told
) -> None:
    script = f'echo started > "{told.path}"; exec sleep 5'
    code, _ = ask(tmp_path, told, answered("Done."), ["/bin/sh", "-c", script])
    assert (code, told.next()) == (0, "started\n")


def test_an_answer_too_long_for_an_argument_is_shortened(
    tmp_path: Path, told: Told
) -> None:
    argv = [sys.executable, str(tmp_path / "notify.py")]
    code, stderr = ask(tmp_path, told, answered("x" * 300_000), argv)
    words, _ = json.loads(told.next())
    last = json.loads(words[0])["last-assistant-message"]
    assert (code, "notify" in stderr, last[-2:]) == (0, False, "x…")
