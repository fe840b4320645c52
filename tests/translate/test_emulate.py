import json
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codex_oss.patch.heredoc import recognise
from codex_oss.translate.emulate import emulated, quoted
from codex_oss.translate.freeform import input_of, mend_command, mend_patch

LIMIT_S = 180
PATCH = "*** Begin Patch\n*** Add File: a.txt\n+hello\n*** End Patch"


def command(name: str, **fields: Any) -> str | None:
    return emulated(name, json.dumps(fields))


def run(script: str | None, cwd: Path) -> str:
    assert script is not None
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.stdout + done.stderr


# --- commands ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("read_file", {"path": "a b.txt"}, "cat 'a b.txt'"),
        ("functions.read_file", {"file_path": "a"}, "cat a"),
        ("Read", {"file_path": "-x"}, "cat ./-x"),
        ("read_file", {"path": "~/a'b"}, "cat ~/'a'\"'\"'b'"),
        ("read_file", {"path": "a", "offset": 3, "limit": 2}, "sed -n '3,4p' a"),
        ("read_file", {"path": "a", "offset": "3"}, "sed -n '3,$p' a"),
        ("view_file", {"path": "a", "start_line": 2, "end_line": 5}, "sed -n '2,5p' a"),
        ("list_dir", {}, "ls -la ."),
        ("ls", {"dir_path": "src"}, "ls -la src"),
        (
            "grep",
            {"pattern": "a|b", "path": "src", "include": "*.py"},
            "grep -rnIE --exclude-dir=.git --include='*.py' -e 'a|b' src | head -n 500",
        ),
        (
            "glob",
            {"pattern": "**/*.py"},
            "find . -name .git -prune -o -name '*.py' -print | head -n 500",
        ),
        (
            "glob",
            {"pattern": "src/**/*.py"},
            "find . -name .git -prune -o -path '*/src/*.py' -print | head -n 500",
        ),
        ("write_file", {"path": "a", "content": ""}, ": > a"),
        (
            "create_file",
            {"path": "d/a", "content": "x\nEOF\n"},
            "mkdir -p d && cat > d/a <<'EOF_2'\nx\nEOF\nEOF_2\n",
        ),
        ("python", {"code": "print(1)"}, "python3 - <<'EOF'\nprint(1)\nEOF\n"),
        (
            "update_plan",
            {"plan": [{"step": "It's", "status": "in_progress"}, "Next"]},
            "printf '%s\\n' '[>] It'\"'\"'s' '[ ] Next' 'Plan updated'",
        ),
        (
            "str_replace_editor",
            {"command": "view", "path": "a", "view_range": [2, 3]},
            "sed -n '2,3p' a",
        ),
    ],
)
def test_a_known_tool_is_a_command(
    name: str, fields: dict[str, Any], expected: str
) -> None:
    assert command(name, **fields) == expected


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("somebody", {"path": "a"}),
        ("read_file", {}),
        ("read_file", {"path": ["a", "b"]}),
        ("grep", {"path": "src"}),
        ("write_file", {"path": "a"}),
        ("write_file", {"content": "a"}),
        ("edit_file", {"path": "a", "old_string": "", "new_string": "b"}),
        ("edit_file", {"path": "a", "old_string": "b"}),
        ("apply_patch", {"input": "no patch"}),
        ("update_plan", {"plan": "all"}),
        ("update_plan", {"plan": [1]}),
        ("python", {"code": ""}),
        ("str_replace_editor", {"command": "undo_edit", "path": "a"}),
    ],
)
def test_what_says_too_little_is_no_command(name: str, fields: dict[str, Any]) -> None:
    assert command(name, **fields) is None


def test_unreadable_arguments_are_no_command_but_bare_python_is() -> None:
    assert emulated("read_file", '{"path": "a') is None
    assert emulated("python", "print(1)") == command("python", code="print(1)")


# --- what they do ------------------------------------------------------------------


def test_files_are_read_and_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("one\ntwo\nthree\n")
    assert run(command("read_file", path="src/a.py", offset=2), tmp_path) == (
        "two\nthree\n"
    )
    assert run(command("grep", pattern="t(w|h)"), tmp_path) == (
        "./src/a.py:2:two\n./src/a.py:3:three\n"
    )
    assert run(command("glob", pattern="src/**/*.py"), tmp_path) == "./src/a.py\n"
    assert "a.py" in run(command("list_dir", path="src"), tmp_path)
    assert "./src/a.py" in run(command("ls", recursive=True), tmp_path)


def test_a_plan_is_printed(tmp_path: Path) -> None:
    plan = [{"step": "Look $HOME `x`", "status": "completed"}]
    assert run(command("update_plan", plan=plan), tmp_path) == (
        "[x] Look $HOME `x`\nPlan updated\n"
    )


def test_a_text_is_replaced_where_it_stands_once(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"if x:\r\n    y = 1\r\n    z = 1\r\n")
    edit = {"path": "a.py", "old_string": "y = 1", "new_string": 'y = "\\é"'}
    assert run(command("edit_file", **edit), tmp_path) == "Edited a.py\n"
    assert file.read_bytes().decode() == 'if x:\r\n    y = "\\é"\r\n    z = 1\r\n'
    twice = {"path": "a.py", "old_str": "\r\n", "new_str": "\n"}
    assert "is there 3 times, not once" in run(command("replace", **twice), tmp_path)
    assert run(command("replace", **twice, replace_all=True), tmp_path) == (
        "Edited a.py\n"
    )
    assert b"\r" not in file.read_bytes()
    absent = {"path": "a.py", "old_str": "nothing", "new_str": ""}
    assert "is there 0 times" in run(command("replace", **absent), tmp_path)


lines = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20)


@settings(deadline=None, max_examples=25)  # each starts a shell
@given(st.lists(st.one_of(lines, st.just("EOF"), st.just("EOF_2")), max_size=4))
def test_any_text_is_written_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, said: list[str]
) -> None:
    content = "".join(f"{line}\n" for line in said)
    folder = tmp_path_factory.mktemp("written")
    assert run(command("write_file", path="d/a $b", content=content), folder) == ""
    assert (folder / "d" / "a $b").read_bytes().decode() == content


@given(lines)
def test_any_word_is_one_word(word: str) -> None:
    if not word.startswith("~"):
        assert shlex.split(quoted(word)) == [word]


# --- patches -----------------------------------------------------------------------


def test_a_patch_is_a_command_that_is_recognised() -> None:
    for arguments in (json.dumps({"input": PATCH}), PATCH, f"```\n{PATCH}\n```"):
        script = emulated("apply_patch", arguments)
        assert script
        assert script == f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"
        invocation = recognise(script)
        assert invocation is not None
        assert invocation.patch == PATCH


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        f"First this:\n{PATCH}",
        f"{PATCH}\nThat was it.",
        f"{PATCH}\n{PATCH}",
        "*** Begin Paper",
    ],
)
def test_a_text_that_is_not_one_patch_stays(text: str) -> None:
    assert mend_patch(text) == text


def test_a_patch_that_is_whole_stays_byte_for_byte() -> None:
    assert mend_patch(f"\n{PATCH}\n") == f"\n{PATCH}\n"
    assert mend_command(f"apply_patch <<X\n{PATCH}\nX") == (
        f"apply_patch <<X\n{PATCH}\nX"
    )


@pytest.mark.parametrize(
    "script",
    [
        "ls",
        "cat <<EOF\n*** Begin Patch\nEOF",
        "grep '*** Begin Patch' a.txt",
        "apply_patch <<EOF\nx\n*** Begin Patch\nEOF",
    ],
)
def test_other_commands_stay(script: str) -> None:
    assert mend_command(script) == script


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input": "a"}', "a"),
        ('{"code": "a"}', "a"),
        ('{"input": "a", "note": "b"}', "a"),
        ('"a"', "a"),
        ("const x = {a: 1}", "const x = {a: 1}"),
        ("", ""),
        ("{}", ""),
        ("{", "{"),
    ],
)
def test_the_input_of_a_freeform_tool_is_read(arguments: str, expected: str) -> None:
    assert input_of(arguments) == expected
