"""Edits in a whole `exec`: what is offered, what comes back, and what is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from fake_events import call, chat_call, chat_text, chat_turn, message, turn
from fake_server import FakeServer
from running import provider, run_exec

PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-{old}\n+{new}\n*** End Patch"
SOURCE = "def f():\n    return 1\n\n\nprint(f())\n"


def played(
    folder: Path, *calls: tuple[str, dict[str, Any]], model: str = "big-70b"
) -> tuple[list[str], list[dict[str, Any]]]:
    """Let a model make the calls, one after the other; return outputs and requests."""
    turns = [turn(call(name, args, f"c{n}")) for n, (name, args) in enumerate(calls)]
    with FakeServer([*turns, turn(message("done"))]) as server:
        options = [*provider(server.url), "-m", model, "-s", "workspace-write", "go"]
        done = run_exec(folder, options)
        assert done.returncode == 0, done.stderr
        requests = [post.json for post in server.posts]
    items = requests[-1]["input"]
    outputs = [item["output"] for item in items if item["type"].endswith("_output")]
    return outputs, requests


def offered(request: dict[str, Any]) -> list[str]:
    names = [tool["name"] for tool in request["tools"]]
    return [name for name in names if name.endswith(("_file", "_patch"))]


def patch(old: str, new: str) -> tuple[str, dict[str, Any]]:
    return "apply_patch", {"input": PATCH.format(old=old, new=new)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "a.py").write_text(SOURCE)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "tools", "told"),
    [
        ("big-70b", ["apply_patch"], "Edit with `apply_patch`"),
        ("small-4b", ["edit_file", "write_file"], "send edit_file a few"),
        ("tiny-135m", ["write_file"], ""),
    ],
)
def test_a_model_is_offered_the_form_of_its_size(
    project: Path, model: str, tools: list[str], told: str
) -> None:
    _, requests = played(project, model=model)

    assert offered(requests[0]) == tools
    assert told in requests[0]["instructions"]


def test_an_edit_shows_what_it_made_and_whether_that_parses(project: Path) -> None:
    good = {"path": "a.py", "old_text": "return 1", "new_text": "return 2"}
    bad = {"path": "a.py", "old_text": "def f():", "new_text": "def f(:"}

    outputs, _ = played(project, ("edit_file", good), ("edit_file", bad))

    assert outputs[0] == (
        "Success. Updated the following files:\nM a.py\n\n"
        "1  def f():\n2+     return 2\n3  \n4  \nParses: OK\n"
    )
    head, broken = outputs[1].split("SYNTAX ERROR (Python 3.")
    assert head == (
        "Success. Updated the following files:\nM a.py\n\n"
        "1+ def f(:\n2      return 2\n3  \n"
    )
    assert "line 1, column 7: invalid syntax: def f(:\nMend it now.\n" in broken


def test_two_failures_bring_the_next_form_with_the_models_own_change(
    project: Path,
) -> None:
    outputs, requests = played(
        project,
        patch("  return one", "  return 2"),
        patch("  return one", "  return 2"),
    )

    assert [offered(request) for request in requests] == [
        ["apply_patch"],
        ["apply_patch"],
        ["apply_patch", "edit_file", "write_file"],
    ]
    assert "edit_file" not in outputs[0]
    assert outputs[1].endswith(
        "\n\nPatches did not match twice. Use edit_file instead, such as:\n"
        'edit_file {"path":"a.py","old_text":"    return 1",'
        '"new_text":"    return 2"}\n'
        "old_text must be in the file once, as it stands there."
    )


def test_a_form_that_fails_is_not_the_first_of_the_next_session(project: Path) -> None:
    wrong = patch("nothing", "like it")
    played(project, wrong, wrong)
    played(project, patch("neither", "x"), patch("nor", "y"))

    _, requests = played(project)
    _, others = played(project, model="other-70b")

    assert offered(requests[0]) == ["edit_file", "write_file"]
    assert "`edit_file`" in requests[0]["instructions"]
    assert offered(others[0]) == ["apply_patch"]
    kept = json.loads((project / ".codex-oss/edits.json").read_text())
    assert kept["models"]["big-70b"]["patch"] == [pytest.approx(3.439), 0.0]


def test_a_form_that_a_person_chose_stays_whatever_fails(project: Path) -> None:
    wrong = patch("nothing", "like it")
    played(project, wrong, wrong)
    (project / "home/config.toml").write_text('models."Big-*".edit_form = "patch"\n')

    outputs, requests = played(project, wrong, wrong, wrong)

    assert [offered(request) for request in requests] == [["apply_patch"]] * 4
    assert not any("edit_file" in output for output in outputs)


def test_people_read_which_form_it_is_and_why(project: Path) -> None:
    whole = ["-c", "edit_form=whole"]

    def head(*options: str) -> str:
        with FakeServer([turn(message("done"))]) as server:
            arguments = [*provider(server.url), "-m", "big-70b", *options, "go"]
            told = run_exec(project, arguments).stderr
        return next(row for row in told.splitlines() if row.startswith("edits:"))

    assert head() == "edits: apply_patch (the full prompt's form)"
    assert head(*whole) == "edits: write_file (`edit_form`, -c)"
    failing = patch("nothing", "like it")
    played(project, failing, failing, failing, failing)
    assert head() == (
        "edits: edit_file and write_file "
        "(its last edits with apply_patch have mostly failed)"
    )


def test_a_file_that_was_not_read_is_not_overwritten(project: Path) -> None:
    whole = {"path": "a.py", "content": "print(2)\n"}

    outputs, _ = played(
        project,
        ("write_file", whole),
        ("exec_command", {"cmd": "cat a.py"}),
        ("write_file", whole),
    )

    assert outputs[0].startswith("a.py exists and you have not read it")
    assert outputs[2].startswith("Success. Updated the following files:\nM a.py\n")
    assert (project / "repo/a.py").read_text() == "print(2)\n"


def test_other_agents_names_reach_the_tools_over_chat(project: Path) -> None:
    given = {"file_path": "a.py", "old_string": "return 1", "new_string": "return 3"}
    answers = [
        chat_turn(chat_call("str_replace", given), prompt_tokens=2000),
        chat_turn(chat_text("done"), prompt_tokens=2000),
    ]
    with FakeServer(answers) as server:
        options = [
            *provider(server.url, "chat", ',tool_mode="native"'),
            "-m",
            "big-70b",
        ]
        done = run_exec(project, [*options, "-s", "workspace-write", "go"])

    assert done.stdout == "done\n", done.stderr
    assert "return 3" in (project / "repo/a.py").read_text()
