"""``codex-oss apply``: the last diff of a session or a text, whole or not at all."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fake_events import call, chat_call, chat_text, chat_turn, message, turn
from fake_server import FakeServer, Reply
from running import environment, prepared, provider, run_exec

DIFF = """\
diff --git a/f.py b/f.py
--- a/f.py
+++ b/f.py
@@ -1,2 +1,2 @@
 one
-two
+2
"""
NEW = """\
diff --git a/new.py b/new.py
new file mode 100644
--- /dev/null
+++ b/new.py
@@ -0,0 +1 @@
+new
"""
GONE = """\
diff --git a/gone.py b/gone.py
deleted file mode 100644
--- a/gone.py
+++ /dev/null
@@ -1 +0,0 @@
-gone
"""
PATCH = """\
*** Begin Patch
*** Update File: f.py
 one
-two
+2
*** End Patch
"""


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = prepared(tmp_path)
    fill(repo)
    return repo


def fill(repo: Path) -> None:
    (repo / "f.py").write_text("one\ntwo\n")
    (repo / "gone.py").write_text("gone\n")


def files(repo: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(repo.glob("*.py"))}


def apply(
    folder: Path, *arguments: str, text: str = ""
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "codex_oss", "apply", *arguments],
        cwd=folder / "repo",
        env=environment(folder),
        input=text,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.parametrize(
    "text",
    [DIFF, PATCH, f"Sure:\n\n```diff\n{DIFF}```\nDone.", f"Here you go.\n{DIFF}"],
    ids=["diff", "patch", "in a fence", "below words"],
)
def test_a_diff_is_found_in_a_text(tmp_path: Path, repo: Path, text: str) -> None:
    ran = apply(tmp_path, "-", text=text)
    assert (ran.stdout, ran.stderr, ran.returncode) == (
        "Changed by stdin:\nM f.py\n",
        "",
        0,
    )
    assert files(repo)["f.py"] == "one\n2\n"


def test_a_file_of_several_diffs_is_applied_whole(tmp_path: Path, repo: Path) -> None:
    path = tmp_path / "all.diff"
    path.write_text(DIFF + NEW + GONE)
    before = files(repo)
    ran = apply(tmp_path, str(path), "--dry-run")
    assert ran.stdout == f"Would change by {path}:\nA new.py\nM f.py\nD gone.py\n"
    assert files(repo) == before
    assert apply(tmp_path, str(path)).returncode == 0
    assert files(repo) == {"f.py": "one\n2\n", "new.py": "new\n"}


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path: Path, repo: Path) -> None:
    ran = apply(tmp_path, "no.patch")
    assert ran.stderr.splitlines()[0] == (
        "Error: there is no session with this id or name: no.patch, and no such file"
    )
    assert (ran.returncode, files(repo)["f.py"]) == (1, "one\ntwo\n")


def git(repo: Path, *words: str) -> bytes:
    names = ("-c", "user.name=n", "-c", "user.email=n@x")
    ran = subprocess.run(
        ["git", *names, *words], cwd=repo, check=True, capture_output=True
    )
    return ran.stdout


@pytest.mark.parametrize(
    "words", [("diff", "HEAD~1", "HEAD"), ("format-patch", "-1", "--stdout"), ("show",)]
)
def test_what_git_writes_is_applied_as_git_would(
    tmp_path: Path, repo: Path, words: Sequence[str]
) -> None:
    (repo / "to.py").write_text("".join(f"{n}\n" for n in range(30)))
    (repo / "q.sql").write_bytes(b"x\r\n-- a\r\ny")
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "before")
    (repo / "f.py").write_text("one\n2\n")
    (repo / "q.sql").write_bytes(b"x\r\n++ z\r\ny\r\n")
    (repo / "__init__.py").touch()
    (repo / 'ü "q".py').write_text("odd")
    (repo / "gone.py").unlink()
    (repo / "to.py").rename(repo / "moved.py")
    (repo / "moved.py").write_text("first\n" + (repo / "moved.py").read_text())
    git(repo, "add", ".")
    git(repo, "commit", "-qm", "after")
    wanted = {path.name: path.read_bytes() for path in repo.glob("[!.]*")}
    path = tmp_path / "change.patch"
    path.write_bytes(git(repo, *words))
    git(repo, "reset", "-q", "--hard", "HEAD~1")
    ran = apply(tmp_path, str(path))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert {path.name: path.read_bytes() for path in repo.glob("[!.]*")} == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (NEW + DIFF.replace("-two", "-zwei"), "Failed to find expected lines in "),
        (DIFF + NEW.replace("new.py", "gone.py"), "gone.py is there already, with"),
        (DIFF + GONE.replace("-gone", "-otherwise"), "gone.py would be deleted"),
        (DIFF + GONE.replace("gone.py", "absent.py"), "absent.py"),
        (DIFF.replace("f.py", "../f.py"), "outside of"),
        (DIFF.replace("f.py", ".git/config"), "outside of"),
        (NEW.replace("new.py", "sub/.GIT/hooks/x"), "outside of"),
        (NEW.replace("new.py", ".codex/config.toml"), "is followed by agents"),
        ("nothing", "there is no diff in stdin"),
        (NEW.replace("+1 @@", "+1,9 @@"), "ends within its last hunk"),
        (DIFF + NEW.replace("+1 @@", "+1,2 @@"), "ends within its last hunk"),
        (
            "diff --git a/f.py b/g.py\nrename from f.py\nrename to g.py\n",
            "renames a file without changing it",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_changed(
    tmp_path: Path, repo: Path, text: str, words: str
) -> None:
    (tmp_path / "f.py").write_text("one\ntwo\n")
    before = files(repo)
    ran = apply(tmp_path, "-", text=text)
    assert (ran.returncode, words in ran.stderr) == (1, True), ran.stderr
    assert (files(repo), ran.stdout) == (before, "")
    assert (tmp_path / "f.py").read_text() == "one\ntwo\n"


def test_force_overwrites_what_the_diff_does_not_know(
    tmp_path: Path, repo: Path
) -> None:
    (repo / "new.py").write_text("mine\n")
    (repo / "gone.py").write_text("changed\n")
    assert apply(tmp_path, "-", "--force", text=NEW + GONE).returncode == 0
    assert files(repo) == {"f.py": "one\ntwo\n", "new.py": "new\n"}


def take_turn(folder: Path, script: Sequence[Reply], wire: str = "responses") -> None:
    more = ',tool_mode="native"' if wire == "chat" else ""
    with FakeServer(script=script) as server:
        where = provider(server.url, wire, more)
        ran = run_exec(folder, [*where, "-s", "workspace-write", "--json", "fix f.py"])
    assert ran.returncode == 0, ran.stdout


def test_the_last_turns_edits_are_made_again(tmp_path: Path, repo: Path) -> None:
    edit = call("apply_patch", {"input": PATCH})
    wrong = call("apply_patch", {"input": PATCH.replace("two", "drei")}, "call_2")
    script = [turn(edit), turn(wrong), turn(message("Done."))]
    take_turn(tmp_path, [Reply(events=events) for events in script])
    assert files(repo)["f.py"] == "one\n2\n"
    fill(repo)
    ran = apply(tmp_path)
    assert (ran.stdout, ran.stderr) == (
        "Changed by the turn 'fix f.py':\nM f.py\n",
        "",
    )
    assert files(repo)["f.py"] == "one\n2\n"


def test_a_diff_in_the_last_answer_is_applied(tmp_path: Path, repo: Path) -> None:
    said = [turn(message(f"Try this:\n```diff\n{DIFF}```"))]
    take_turn(tmp_path, [Reply(events=events) for events in said])
    fill(repo)
    ran = apply(tmp_path, "--last", "--dry-run")
    assert ran.stdout == "Would change by the turn 'fix f.py':\nM f.py\n"
    (session,) = (tmp_path / "home" / "sessions").rglob("*.jsonl")
    thread_id = json.loads(session.read_text().splitlines()[0])["payload"]["id"]
    assert apply(tmp_path, thread_id).returncode == 0
    assert files(repo)["f.py"] == "one\n2\n"


def test_edits_of_other_tools_are_made_again(tmp_path: Path, repo: Path) -> None:
    heredoc = f"apply_patch <<'EOF'\n{PATCH}EOF"
    answers = [
        chat_turn(chat_call("exec_command", {"cmd": heredoc}), prompt_tokens=3000),
        chat_turn(chat_text("Done."), prompt_tokens=3000),
    ]
    take_turn(tmp_path, [Reply(events=events) for events in answers], "chat")
    fill(repo)
    assert apply(tmp_path).returncode == 0
    assert files(repo)["f.py"] == "one\n2\n"
