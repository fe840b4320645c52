"""Odd input and bad luck: one message that names the cause, and never a traceback."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fake_server import FakeServer, call, message, turn
from running import OURS, environment, prepared, provider, run_exec

LIMIT_S = 180


def shell(folder: Path, server: FakeServer, line: str) -> tuple[int, str]:
    """Run a shell line in which `"$@"` is `exec`; return exit code and stderr."""
    done = subprocess.run(
        ["/bin/sh", "-c", line, "sh", *OURS, "exec", *provider(server.url), "hi"],
        cwd=prepared(folder),
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ('"$@" <&-', 0, "codex\ndone"),
        ('"$@" >&-', 0, "codex\ndone"),
        ('"$@" >/dev/full', 1, "Error: cannot write the output: No space left"),
        ('"$@" --json >/dev/full', 1, "Error: cannot write the output: No space left"),
        ('"$@" -o /tmp', 1, "cannot write the last message to /tmp: Is a directory"),
        ('"$@" -i /no.png', 0, "warning: image /no.png is not shown to the model"),
        ('"$@" -C "$(printf \'a\\377\')"', 1, "cannot use folder"),
        (
            'd="$(printf \'a\\377\')"; git init -q "$d"; "$@" -C "$d"',
            1,
            "repo/a\\udcff: its name is not UTF-8\nRename it, or",
        ),
        ("printf 'caf\\351' | \"$@\"", 1, "stdin is not UTF-8 text"),
        ('ulimit -f 2; "$@"', 1, "cannot write the session to"),
        ('mkfifo AGENTS.md; "$@"', 0, "codex\ndone"),
    ],
)
def test_what_is_wrong_with_the_world_is_said_in_a_line(
    tmp_path: Path, line: str, code: int, text: str
) -> None:
    answer = "done" + "." * 4000 * ("ulimit" in line)
    with FakeServer([turn(message(answer))]) as server:
        ended, told = shell(tmp_path, server, line)
    assert text in told
    assert "Traceback" not in told
    assert ended == code


@pytest.mark.parametrize(
    "made",
    [
        call("exec_command", {"cmd": "ls", "workdir": "a\0b"}),
        call("exec_command", {"cmd": "ls\0"}),
        call("view_image", {"path": "a\0b"}),
        call("write_stdin", {"session_id": 10**30}),
        call("update_plan", "[" * 2000),
    ],
    ids=lambda made: made["arguments"][:30],
)
def test_a_call_that_cannot_be_is_told_to_the_model_and_the_turn_goes_on(
    tmp_path: Path, made: dict[str, Any]
) -> None:
    with FakeServer([turn(made), turn(message("done"))]) as server:
        done = run_exec(tmp_path, [*provider(server.url), "hi"])
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr
    assert "Traceback" not in done.stderr


def test_half_a_character_costs_one_sign_and_not_the_answer(tmp_path: Path) -> None:
    with FakeServer([turn(message("x \ud83d y"))]) as server:
        done = run_exec(tmp_path, [*provider(server.url), "hi"])
    assert done.stdout == "x ? y\n"


def test_a_wait_in_a_server_s_words_may_be_no_number(tmp_path: Path) -> None:
    slow = {"code": "rate_limit_exceeded", "message": "try again in 0.0.1."}
    failed = {"type": "response.failed", "response": {"id": "r", "error": slow}}
    with FakeServer([[failed], turn(message("done"))]) as server:
        done = run_exec(tmp_path, [*provider(server.url), "hi"])
    assert done.stdout == "done\n"


def test_an_answer_reaches_a_locale_that_knows_no_umlauts(tmp_path: Path) -> None:
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    with FakeServer([turn(message("für"))]) as server:
        done = run_exec(tmp_path, [*provider(server.url), "hi"], env=env)
    assert done.stdout == "für\n"
