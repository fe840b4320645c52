"""The edit tools: what they change, guard and tell, whatever the form."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from codex_oss.errors import ToolError
from codex_oss.events import Event, FileChange, FileUpdate, ItemCompleted, ItemStarted
from codex_oss.items import FunctionCall
from codex_oss.policy import ApprovalPolicy, Diff, Permissions
from codex_oss.ports import Output, Scope
from codex_oss.tools.apply_patch import ApplyPatch
from codex_oss.tools.edit_file import EditFile
from codex_oss.tools.edits import Edits
from codex_oss.tools.ladder import Form, Ladder
from codex_oss.tools.permit import Permit
from codex_oss.tools.seen import Seen
from codex_oss.tools.write_file import WriteWholeFile
from people import Person

LONG = "".join(f"line {n}\n" for n in range(1, 41))


class Stage:
    """A folder with its edit tools, and what everybody was told."""

    def __init__(self, cwd: Path, *, approval: ApprovalPolicy = "never") -> None:
        self.cwd = cwd
        self.person = Person("no")
        self.events: list[Event] = []
        self.changing: list[Path] = []
        self.offered: list[Form] = []
        self.kept: list[tuple[Form, bool]] = []
        self.seen = Seen(cwd)
        permissions = Permissions(
            mode="workspace-write",
            writable_roots=(str(cwd),),
            deny_read=(str(cwd / "denied"),),
            approval=approval,
        )
        ladder = Ladder("patch", offer=self.offered.append, keep=self._keep)
        permit = Permit(permissions, self.person)
        edits = Edits(permit, seen=self.seen, ladder=ladder, clock=lambda: 0.0)
        self.tools = {
            "edit_file": EditFile(edits),
            "write_file": WriteWholeFile(edits),
            "apply_patch": ApplyPatch(edits, freeform=False),
        }

    def _keep(self, form: Form, landed: bool) -> None:  # noqa: FBT001
        self.kept.append((form, landed))

    async def _changing(self, paths: object) -> None:
        assert isinstance(paths, list)
        self.changing += paths

    def run(self, name: str, **arguments: Any) -> Output:
        scope = Scope(
            cwd=self.cwd,
            emit=self.events.append,
            new_item_id=lambda: "item_1",
            changing=self._changing,
        )
        text = json.dumps(arguments)
        call = FunctionCall(name=name, arguments=text, call_id="c")
        return asyncio.run(self.tools[name].run(call, scope))

    def edit(self, old: str, new: str, path: str = "a.py", **more: Any) -> str:
        output = self.run("edit_file", path=path, old_text=old, new_text=new, **more)
        return str(output.content)

    def whole(self, content: str, path: str = "a.py") -> str:
        return str(self.run("write_file", path=path, content=content).content)

    def patch(self, *lines: str) -> str:
        text = "\n".join(["*** Begin Patch", *lines, "*** End Patch"])
        return str(self.run("apply_patch", input=text).content)

    def text(self, path: str = "a.py") -> str:
        return (self.cwd / path).read_bytes().decode()


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "a.py").write_text("x = 1\n")
    (tmp_path / "long.txt").write_text(LONG)
    return Stage(tmp_path)


def test_all_forms_are_told_and_made_the_same_way(stage: Stage) -> None:
    stage.edit("1", "2")
    first, stage.events = list(stage.events), []
    stage.whole("x = 3\n")
    second, stage.events = list(stage.events), []
    stage.patch("*** Update File: a.py", "@@", "-x = 3", "+x = 4")

    path = stage.cwd / "a.py"
    item = FileChange(id="item_1", changes=[FileUpdate(path=str(path), kind="update")])
    ended = FileChange(id="item_1", changes=item.changes, status="completed")
    told = [ItemStarted(item=item), ItemCompleted(item=ended)]
    assert first == second == stage.events == told
    assert stage.changing == [path] * 3
    assert stage.text() == "x = 4\n"


def test_whoever_is_asked_sees_the_same_diff_whatever_the_form(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\ny = 1\n")
    stage = Stage(tmp_path, approval="untrusted")
    stage.seen.wrote(tmp_path / "a.py", b"x = 1\ny = 1\n")

    stage.edit("x = 1", "x = 2")
    stage.whole("x = 2\ny = 1\n")
    stage.patch("*** Update File: a.py", "@@", "-x = 1", "+x = 2")

    lines = ("@@ line 1 @@", "-x = 1", "+x = 2", " y = 1")
    diff = Diff(path=str(tmp_path / "a.py"), kind="update", lines=lines)
    assert [question.diffs for question in stage.person.asked] == [(diff,)] * 3
    assert stage.text() == "x = 1\ny = 1\n"


def test_newlines_mark_and_mode_stay(stage: Stage) -> None:
    path = stage.cwd / "a.py"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    path.chmod(0o755)
    stage.seen.command("cat a.py", stage.cwd)

    stage.edit("a\nb", "a\nc")
    assert path.read_bytes() == b"\xef\xbb\xbfa\r\nc\r\n"
    stage.whole("d\ne")
    assert path.read_bytes() == b"\xef\xbb\xbfd\r\ne\r\n"
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_patch_is_answered_in_codex_words_and_then_shows_its_lines(
    stage: Stage,
) -> None:
    told = stage.patch("*** Update File: a.py", "@@", "-x = 1", "+x = 2")

    assert told == (
        "Exit code: 0\nWall time: 0 seconds\nOutput:\n"
        "Success. Updated the following files:\nM a.py\n\n1+ x = 2\nParses: OK\n"
    )


def test_several_files_are_shown_by_name(stage: Stage) -> None:
    told = stage.patch(
        "*** Update File: a.py", "@@", "-x = 1", "+x = (",
        "*** Add File: b.json", "+{}", "*** Delete File: long.txt",
    )  # fmt: skip

    assert "\na.py:\n1+ x = (\nSYNTAX ERROR" in told
    assert told.endswith("\nb.json:\nParses: OK\n")


def test_a_file_that_nobody_read_is_not_written_anew(stage: Stage) -> None:
    refusal = (
        "exists and you have not read it: what is in it would be lost. Nothing was "
        "written. Read it with exec_command (cat a.py)"
    )
    (stage.cwd / "b.py").write_text("b\n")

    assert refusal in stage.whole("y = 1\n")
    assert refusal in stage.patch("*** Add File: a.py", "+y = 1")
    move = stage.patch("*** Update File: b.py", "*** Move to: a.py", "@@", "-b", "+c")
    assert refusal in move
    assert (stage.text(), stage.events, stage.kept) == ("x = 1\n", [], [])


def test_a_file_that_was_read_or_written_may_be_written_anew(stage: Stage) -> None:
    assert stage.whole("n\n", "new.txt").startswith("Success")
    assert stage.whole("m\n", "new.txt").startswith("Success")
    stage.edit("x", "y")
    assert stage.whole("z = 1\n").startswith("Success")
    stage.seen.command("cat long.txt", stage.cwd)
    assert stage.whole("short\n", "long.txt").startswith("Success")
    (stage.cwd / "empty").write_text("")
    assert stage.whole("full\n", "empty").startswith("Success")


def test_a_change_by_somebody_else_is_told(stage: Stage) -> None:
    stage.seen.command("cat a.py", stage.cwd)
    (stage.cwd / "a.py").write_text("theirs\n")

    told = stage.whole("mine\n")

    assert "Note: a.py was changed by somebody else since you read it." in told


@pytest.mark.parametrize("line", ["# ... rest of the file", "..."])
def test_words_for_lines_are_not_written_over_them(stage: Stage, line: str) -> None:
    stage.seen.command("cat long.txt", stage.cwd)
    content = f"line 1\n{line}\n"

    assert f"`{line}` would be written into long.txt" in stage.whole(
        content, "long.txt"
    )
    assert stage.text("long.txt") == LONG
    assert stage.whole(content, "long.txt").startswith("Success")


def test_words_that_were_refused_once_are_refused_in_other_contents(
    stage: Stage,
) -> None:
    stage.seen.command("cat long.txt a.py", stage.cwd)
    stage.whole("line 1\n# ... rest of the file\n", "long.txt")

    assert "in place of lines" in stage.whole("x\n# ... rest of the file\n")
    assert "in place of lines" in stage.whole(
        "line 2\n# ... rest of the file\n", "long.txt"
    )
    assert (stage.text(), stage.text("long.txt")) == ("x = 1\n", LONG)


def test_no_form_writes_words_for_lines(stage: Stage) -> None:
    line = "# ... existing code ..."

    assert "in place of lines" in stage.edit("x = 1", f"{line}\nx = 2")
    assert "in place of lines" in stage.patch(
        "*** Update File: long.txt", "@@", "-line 2", f"+{line} 2"
    )
    assert (stage.text(), stage.text("long.txt")) == ("x = 1\n", LONG)


def test_line_numbers_do_not_reach_a_file(stage: Stage) -> None:
    stage.edit("1\tx = 1", "x = 2")
    assert stage.text() == "x = 2\n"
    told = stage.whole("     1\ta\n     2\tb\n     3\tc\n")
    assert "has a line number in each line" in told
    assert "(line numbers are not in the file: taken off)" in stage.edit(
        "1\tx = 2", "x = 3"
    )


def test_a_fence_around_a_whole_file_is_not_written(stage: Stage) -> None:
    told = stage.whole("```python\nx = 1\n```", "new.py")
    stage.whole("```\nx\n```\n", "new.md")

    assert "(the code fence was taken off)\nParses: OK" in told
    assert stage.text("new.py") == "x = 1\n"
    assert stage.text("new.md") == "```\nx\n```\n"


def test_forms_of_others_are_taken_for_patches(stage: Stage) -> None:
    block = "a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE"
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 2\n+x = 3\n"

    assert stage.run("apply_patch", input=block).success
    assert stage.run("apply_patch", input=diff).success
    assert stage.text() == "x = 3\n"


def test_several_edits_of_one_call_are_made_together_or_not_at_all(
    stage: Stage,
) -> None:
    edits = [
        {"old_string": "line 1\n", "new_string": "one\n"},
        {"oldText": "line 3\n", "newText": "three\n"},
    ]
    assert stage.run("edit_file", path="long.txt", edits=edits).success
    assert stage.text("long.txt").startswith("one\nline 2\nthree\n")
    edits.append({"old_text": "nowhere", "new_text": "x"})
    assert not stage.run("edit_file", path="long.txt", edits=edits).success
    with pytest.raises(ToolError, match="an edit lacks new_text"):
        stage.run("edit_file", path="long.txt", edits=[{"old_text": "one"}])


@pytest.mark.parametrize("lacking", ["path", "old_text", "new_text"])
def test_a_call_without_a_field_is_the_models_mistake(
    stage: Stage, lacking: str
) -> None:
    fields = {"path": "a.py", "old_text": "x", "new_text": "y"}
    del fields[lacking]

    with pytest.raises(ToolError, match="failed to parse function arguments"):
        stage.run("edit_file", **fields)


def test_an_empty_old_text_makes_a_new_file_and_no_other(stage: Stage) -> None:
    assert stage.edit("", "new\n", "sub/new.txt").startswith("Success")
    assert stage.text("sub/new.txt") == "new\n"
    assert "the old text is empty" in stage.edit("", "y")


def test_what_cannot_be_edited_says_why(stage: Stage) -> None:
    (stage.cwd / "binary").write_bytes(b"\xff\x00")
    outer = stage.cwd.parent / "outer.txt"
    outer.write_text("secret\n")

    assert "No such file" in stage.edit("a", "b", "gone.py")
    assert "invalid utf-8" in stage.edit("a", "b", "binary")
    assert "is not a file" in stage.edit("a", "b", ".")
    outside = stage.edit("secret", "x", str(outer))
    assert outside.startswith("patch rejected: writing outside of the project")


def test_after_two_failures_the_next_form_is_shown(stage: Stage) -> None:
    wrong = ("*** Update File: a.py", "@@", "-x = one", "+x = 2")

    assert "edit_file {" not in stage.patch(*wrong)
    assert stage.patch(*wrong).endswith(
        'edit_file {"path":"a.py","old_text":"x = 1","new_text":"x = 2"}\n'
        "old_text must be in the file once, as it stands there."
    )
    stage.edit("nowhere", "x")
    told = stage.edit("nowhere", "x")
    assert 'write_file {"path":"a.py","content":"the whole new file"}' in told
    assert told.endswith("a.py is now:\nx = 1")
    assert stage.offered == ["replace", "whole"]
    assert stage.kept == [("patch", False)] * 2 + [("replace", False)] * 2


def test_a_file_that_no_form_can_change_says_nothing_of_the_model(stage: Stage) -> None:
    (stage.cwd / "latin").write_bytes(b"caf\xe9\nx\n")
    for path in ("latin", "gone.py", "."):
        assert "write_file" not in stage.edit("x", "y", path)
    assert (stage.offered, stage.kept) == ([], [])


def test_a_long_file_is_not_to_be_written_anew(stage: Stage) -> None:
    (stage.cwd / "long.txt").write_text(LONG * 10)
    stage.edit("nowhere", "x", "long.txt")

    told = stage.edit("nowhere", "x", "long.txt")

    assert "long.txt has 400 lines" in told
    assert "write_file" not in told


def test_a_patch_that_does_not_parse_leads_to_the_next_form_too(stage: Stage) -> None:
    stage.run("apply_patch", input="*** Update File: a.py\nwhatever")

    told = stage.run("apply_patch", input="*** Update File: a.py\nwhatever").content

    assert 'edit_file {"path":"a.py","old_text":"the lines as they are"' in told


def test_a_file_that_may_not_be_read_is_not_shown(stage: Stage) -> None:
    (stage.cwd / "denied").mkdir()
    (stage.cwd / "denied/key").write_text("the secret key\n")
    (stage.cwd / "link").symlink_to("denied/key")
    told = [
        *(stage.edit("the secret kay", "x", name) for name in ("denied/key", "link")),
        stage.edit("nowhere", "x", "denied/key"),
        stage.patch("*** Update File: link", "@@", "-the secret kay", "+x"),
        stage.patch("*** Update File: link", "@@", "-the secret kay", "+x"),
    ]

    assert all("may not be read: `sandbox_deny_read`" in each for each in told)
    assert not any("secret key" in each for each in told)


def test_an_example_is_whole_or_none(stage: Stage) -> None:
    old = [f"-line {n} is not there" for n in range(1, 45)]
    long = ("*** Update File: long.txt", "@@", *old, "+x")
    stage.patch(*long)
    assert '"old_text":"the lines as they are"' in stage.patch(*long)

    gap = "+# ... rest of the file"
    for lines in (["+1", gap], [*(f"+{n}" for n in range(50)), gap]):
        told = stage.patch("*** Add File: long.txt", *lines)
        assert '"content":"the whole file"' in told
