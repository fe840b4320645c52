"""What turns of `exec` change is taken back and made again by commands."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from at_terminal import AtTerminal
from codex_oss.sandbox.placeholders import MARKED
from fake_events import call, message, turn
from fake_server import FakeServer
from running import OURS, environment, prepared, provider, run_exec, run_other
from undoing import Shape, shape

LIMIT_S = 180
PATCH = """*** Begin Patch
*** Update File: crlf.txt
@@
-two\r
+zwei\r
*** Add File: new/file.py
+print("new")
*** Update File: moved.txt
*** Move to: new/moved.txt
@@
-here
+there
*** Delete File: gone.txt
*** End Patch"""
COMMAND = (
    "printf '\\000\\377' > binary; chmod +x crlf.txt; unlink tree/deep/leaf; "
    "rmdir tree/deep tree; ln -sfn new link; "
    "mkdir -p made/empty; mv kept.txt renamed.txt"
)


def options(server: FakeServer, *more: str) -> list[str]:
    return [*provider(server.url), "-s", "workspace-write", *more]


def work(folder: Path, *calls: tuple[str, dict[str, str]], prompt: str = "go") -> str:
    """Let a scripted model make calls in one turn; return what `exec` told people."""
    made = [turn(call(name, args, f"c{n}")) for n, (name, args) in enumerate(calls)]
    with FakeServer([*made, turn(message("done"))]) as server:
        done = run_exec(folder, options(server, prompt))
    assert done.returncode == 0, done.stderr
    return done.stderr


def of(folder: Path) -> Shape:
    """Return all files of the repository but git's, and the sandbox's placeholders."""
    found = shape(folder / "repo")
    return {
        path: it
        for path, it in found.items()
        if not path.startswith(".git") and it[1] != MARKED
    }


def git_files(folder: Path) -> Shape:
    return shape(folder / "repo/.git")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    repo = prepared(tmp_path)
    (repo / "crlf.txt").write_bytes(b"one\r\ntwo\r\n")
    (repo / "moved.txt").write_text("here\n")
    (repo / "gone.txt").write_text("going\n")
    (repo / "binary").write_bytes(bytes(range(256)))
    (repo / "tree/deep").mkdir(parents=True)
    (repo / "tree/deep/leaf").write_text("leaf")
    (repo / "link").symlink_to("tree")
    (repo / "kept.txt").write_text("kept")
    return tmp_path


def test_patches_and_commands_are_taken_back_and_made_again(folder: Path) -> None:
    before, git = of(folder), git_files(folder)
    calls = [("apply_patch", {"input": PATCH}), ("exec_command", {"cmd": COMMAND})]
    work(folder, *calls)
    after = of(folder)
    assert set(after) >= {"new/moved.txt", "made/empty", "renamed.txt"}

    undone = run_other(folder, "undo")

    assert undone.returncode == 0, undone.stderr
    assert undone.stdout == (
        'taken back: turn "go"\n'
        "  M binary\n  M crlf.txt\n  A gone.txt\n  A kept.txt\n  M link@\n"
        "  D made/\n  D made/empty/\n  A moved.txt\n  D new/\n  D new/file.py\n"
        "  D new/moved.txt\n  D renamed.txt\n"
        "  A tree/\n  A tree/deep/\n  A tree/deep/leaf\n"
    )
    assert of(folder) == before
    assert run_other(folder, "redo").returncode == 0
    assert of(folder) == after
    assert git_files(folder) == git


def test_a_file_of_the_person_is_never_overwritten_without_a_word(
    folder: Path,
) -> None:
    work(folder, ("exec_command", {"cmd": "echo a > one; echo b > two"}))
    mine = folder / "repo/two"
    mine.write_text("mine")

    refused = run_other(folder, "undo")
    assert refused.returncode == 1
    assert "! two  was changed since" in refused.stdout
    assert "--skip-conflicts" in refused.stderr
    assert (folder / "repo/one").exists()

    assert run_other(folder, "undo", "--skip-conflicts").returncode == 0
    assert not (folder / "repo/one").exists()
    assert mine.read_text() == "mine"


def test_a_person_at_a_terminal_is_asked_about_conflicts(folder: Path) -> None:
    work(folder, ("exec_command", {"cmd": "echo a > one"}))
    (folder / "repo/one").write_text("mine")
    with AtTerminal(
        [*OURS, "undo"],
        cwd=folder / "repo",
        env=environment(folder),
        streams=True,
    ) as person:
        person.sees("[n] change nothing")
        person.press("o\r")
        code, _ = person.end()
    assert code == 0
    assert not (folder / "repo/one").exists()
    assert run_other(folder, "redo").returncode == 0
    assert (folder / "repo/one").read_text() == "mine"


def test_a_turn_that_was_killed_is_taken_back(folder: Path) -> None:
    before = of(folder)
    command = (
        "unlink tree/deep/leaf; echo x > crlf.txt; echo y > extra; echo up; sleep 300"
    )
    with FakeServer([turn(call("exec_command", {"cmd": command}))]) as server:
        running = subprocess.Popen(
            [*OURS, "exec", "--json", *options(server), "go"],
            cwd=folder / "repo",
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        with running:
            assert running.stdout is not None
            assert any("in_progress" in line for line in running.stdout)
            wait_for(folder / "repo/extra")
            blocked = run_other(folder, "undo")
            running.send_signal(signal.SIGKILL)
    assert "a turn is running" in blocked.stderr
    undone = run_other(folder, "undo")
    assert undone.returncode == 0, undone.stderr
    assert of(folder) == before


def wait_for(path: Path) -> None:
    """Return when a command has made a file."""
    script = 'until [ -s "$0" ]; do sleep 0.05; done'
    subprocess.run(["sh", "-c", script, path], check=True, timeout=LIMIT_S)


def test_the_model_hears_of_it_when_the_conversation_goes_on(folder: Path) -> None:
    work(folder, ("exec_command", {"cmd": "echo a > one"}), prompt="make one")
    assert run_other(folder, "undo").returncode == 0
    with FakeServer([turn(message("fine"))]) as server:
        done = run_exec(folder, ["resume", "--last", *options(server), "and now?"])
        assert done.returncode == 0, done.stderr
        items = server.posts[-1].json["input"]
    said = [i["content"][0]["text"] for i in items if i.get("role") == "developer"]
    assert "The user took back changes" in said[-1]
    assert "- make one" in said[-1]
    assert "- deleted: one" in said[-1]


def test_commands_cannot_read_what_is_kept(folder: Path) -> None:
    (folder / "repo/.env").write_text("KEY=very-secret")
    kept = folder / ".codex-oss/undo"
    read = f"cat {kept}/*/blobs/* {kept}/*/tree; ls {kept}; echo end > ended"
    with FakeServer(
        [turn(call("exec_command", {"cmd": read})), turn(message("done"))]
    ) as server:
        done = run_exec(folder, options(server, "go"))
        output = json.dumps(server.posts[-1].json["input"])
    assert done.returncode == 0, done.stderr
    assert (folder / "repo/ended").exists()
    assert "very-secret" not in output
    assert "Permission denied" in output or os.getuid() == 0
    assert list(kept.glob("*/blobs/*.pack"))
    modes = {path.stat().st_mode & 0o077 for path in (kept, *kept.rglob("*"))}
    assert modes == {0}


def test_turns_are_listed_for_people_and_for_programs(folder: Path) -> None:
    work(folder, ("exec_command", {"cmd": "echo a > one"}), prompt="make one")
    work(folder, ("exec_command", {"cmd": "rm one; mkdir .tox"}), prompt="remove it")
    listed = json.loads(run_other(folder, "undo", "--list", "--json").stdout)
    assert [(t["prompt"], t["paths"], t["undone"]) for t in listed] == [
        ("remove it", [str(folder / "repo/one")], False),
        ("make one", [str(folder / "repo/one")], False),
    ]
    page = run_other(folder, "undo", "--list").stdout
    assert "1 path  remove it\n    not covered: " in page
    done = run_other(folder, "undo", "-n", "2", "--dry-run", "--diff")
    assert done.stdout == (
        'undo of turns "remove it", "make one"\n  nothing is to be changed\n'
        "not restored:\n  - .tox  tools make it again\n"
    )


def test_without_undo_nothing_is_kept(folder: Path) -> None:
    with FakeServer(
        [turn(call("exec_command", {"cmd": "echo > x"})), turn(message("done"))]
    ) as server:
        off = options(server, "-c", "undo.enabled=false", "go")
        assert run_exec(folder, off).returncode == 0
    assert not (folder / ".codex-oss/undo").exists()
    refused = run_other(folder, "undo")
    assert refused.returncode == 1
    assert "no turn has changed anything" in refused.stderr


def test_reading_leaves_nothing_behind(folder: Path) -> None:
    work(folder, ("exec_command", {"cmd": "cat crlf.txt"}))
    assert not (folder / ".codex-oss/undo").exists()


def test_what_undo_keeps_is_shown_and_goes_with_its_session_or_when_told(
    folder: Path,
) -> None:
    work(folder, ("exec_command", {"cmd": "echo a > one"}), prompt="make one")
    work(folder, ("exec_command", {"cmd": "echo b > two"}), prompt="make two")
    repo = str(folder / "repo")
    (told,) = json.loads(run_other(folder, "undo", "--list", "--all", "--json").stdout)
    size = told.pop("bytes")
    assert told == {"workspace": repo, "turns": 2, "exists": True}
    assert size > 0
    second, first = json.loads(run_other(folder, "sessions", "--json").stdout)
    for row, name in ((first, "one"), (second, "two")):
        assert run_other(folder, "rename", row["id"], name).returncode == 0
    deleted = run_other(folder, "delete", "--force", first["id"])
    assert deleted.stdout == (
        f"Deleted session {first['id']}. 1 turn can no longer be undone.\n"
    )
    assert [row["prompt"] for row in listed(folder)] == ["make two"]
    assert first["id"] not in (folder / "home/session_index.jsonl").read_text()
    unsure = run_other(folder, "undo", "--prune")
    assert (unsure.returncode, "Add --force." in unsure.stderr) == (1, True)
    pruned = run_other(folder, "undo", "--prune", "--force")
    assert pruned.stdout.startswith("1 turn can no longer be undone; ")
    assert listed(folder) == []
    assert (folder / "repo/one").exists()
    wrong = run_other(folder, "undo", "--all")
    assert (wrong.returncode, "--all goes with" in wrong.stderr) == (2, True)


def listed(folder: Path) -> list[dict[str, object]]:
    return json.loads(run_other(folder, "undo", "--list", "--json").stdout)
