"""`codex-oss doctor` as its user calls it."""

import json
import subprocess
from pathlib import Path

import pytest

from codex_oss.cli.doctor_command import words
from codex_oss.wiring.doctor import Check, Page
from fake_server import closed_port
from running import OURS, TIMEOUT_S, environment, prepared

WELL = Check(name="Python", state="ok", value="3.11.7")
NOTED = Check(
    name="bridge", state="note", value="does not run", next="codex-oss bridge start"
)
AMISS = Check(
    name="model",
    state="todo",
    value="none that can work",
    next="codex-oss models pull gpt-oss:20b",
)


def doctor(folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*OURS, "doctor", *arguments],
        cwd=prepared(folder),
        env=environment(folder) | env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_page_ends_in_what_is_to_be_done() -> None:
    page = Page(version="1", checks=(WELL, NOTED, AMISS))
    assert list(words(page, 80)) == [
        "ok  Python  3.11.7",
        "--  bridge  does not run",
        "            > codex-oss bridge start",
        "!!  model   none that can work",
        "",
        "1 thing to do:",
        "  1. model",
        "     codex-oss models pull gpt-oss:20b",
    ]


def test_a_page_without_anything_to_do_says_so() -> None:
    page = Page(version="1", checks=(WELL, NOTED))
    assert list(words(page, 80))[-1] == "All is well."


def test_what_a_server_says_cannot_act_on_the_terminal() -> None:
    nasty = Check(name="x", state="todo", value="a\x1b[2Jb\rc", next="y\x1b]0;z\x07")
    assert all(
        line.isprintable() for line in words(Page(version="1", checks=(nasty,)), 80)
    )


@pytest.mark.parametrize("columns", [1, 40, 57, 80])
def test_no_value_is_wider_than_the_terminal(columns: int) -> None:
    long = Check(name="sandbox", state="ok", value="word " * 30 + "x" * 100)
    rows = list(words(Page(version="1", checks=(long,)), columns))[:-2]
    assert max(map(len, rows)) < max(columns, 40)
    assert "".join("".join(rows).split()).endswith("word" * 30 + "x" * 100)


def test_something_to_do_is_exit_code_1_and_json_says_the_same(tmp_path: Path) -> None:
    with closed_port() as port:
        where = f"127.0.0.1:{port}"
        code, out, err = doctor(tmp_path, "--json", OLLAMA_HOST=where)
        plain = doctor(tmp_path, OLLAMA_HOST=where)
    assert (code, err) == (1, "")
    told = json.loads(out)
    assert told["ok"] is False
    silent = f"nothing answers at http://{where}, which OLLAMA_HOST names"
    assert {
        "name": "Ollama",
        "state": "todo",
        "value": silent,
        "next": "Start it there, or take the name back.",
    } in told["checks"]
    assert plain[0] == 1
    assert "!!  Ollama" in plain[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model = ", "config.toml"),
        ("sandbox_mode = 'nonsense'", "sandbox_mode"),
        ("model_provider = 'nowhere'", "nowhere"),
    ],
)
def test_a_configuration_that_cannot_be_read_is_one_line_of_the_page(
    tmp_path: Path, text: str, words: str
) -> None:
    prepared(tmp_path)
    (tmp_path / "home" / "config.toml").write_text(text)
    code, out, err = doctor(tmp_path, "--json")
    checks = json.loads(out)["checks"]
    (told,) = [check for check in checks if check["name"] == "configuration"]
    assert (code, err, told["state"]) == (1, "", "todo")
    assert words in told["value"]
    assert told["next"]


def test_a_message_of_several_lines_keeps_them() -> None:
    lines = Check(name="x", state="todo", value="a\n1 | b\n", next="c")
    page = Page(version="1", checks=(lines,))
    assert list(words(page, 80))[:2] == ["!!  x  a", "       1 | b"]
