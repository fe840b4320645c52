"""The apply_patch tool: every way to call it, what it tells, and what it refuses."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from codex_oss.errors import ToolError
from codex_oss.events import (
    Blocked,
    Event,
    FileChange,
    FileUpdate,
    ItemCompleted,
    ItemStarted,
)
from codex_oss.items import Call, CustomToolCall, FunctionCall
from codex_oss.policy import Diff, Permissions, WriteFiles
from codex_oss.ports import Output, Scope
from codex_oss.tools import making
from codex_oss.tools.apply_patch import ApplyPatch, apply_text
from codex_oss.tools.edits import Edits
from codex_oss.tools.permit import Permit
from codex_oss.wire.responses import CustomTool, FunctionTool
from people import Person

PATCH = "*** Begin Patch\n*** Add File: new.txt\n+it's\n*** End Patch"
SUCCESS = (
    "Exit code: 0\nWall time: 0.1 seconds\nOutput:\n"
    "Success. Updated the following files:\nA new.txt\n"
)


class Stage:
    """A project directory, a person and everything that a front end was told."""

    def __init__(self, cwd: Path, *, says: bool = False) -> None:
        self.cwd = cwd
        self.person = Person("yes" if says else "no")
        self.events: list[Event] = []
        self.scope = Scope(
            cwd=cwd, emit=self.events.append, new_item_id=lambda: "item_1"
        )
        self.permissions = Permissions(
            mode="workspace-write", writable_roots=(str(cwd),)
        )
        self.times = iter([10.0, 10.14])

    def tool(self, *, freeform: bool = False) -> ApplyPatch:
        permit = Permit(self.permissions, self.person)
        edits = Edits(permit, clock=lambda: next(self.times))
        return ApplyPatch(edits, freeform=freeform)

    def run(self, call: Call) -> Output:
        return asyncio.run(self.tool().run(call, self.scope))

    def apply(self, *lines: str) -> Output:
        text = "\n".join(["*** Begin Patch", *lines, "*** End Patch"])
        permit = Permit(self.permissions, self.person)
        return asyncio.run(apply_text(text, self.cwd, self.scope, Edits(permit)))

    def allow(self, **changed: object) -> None:
        self.permissions = msgspec.structs.replace(self.permissions, **changed)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    project = tmp_path / "project"
    project.mkdir()
    return Stage(project)


def function(arguments: object) -> FunctionCall:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return FunctionCall(name="apply_patch", arguments=text, call_id="c")


def custom(text: str) -> CustomToolCall:
    return CustomToolCall(name="apply_patch", input=text, call_id="c")


# --- what the model is offered --------------------------------------------------------


def test_the_function_takes_one_text(stage: Stage) -> None:
    spec = stage.tool().spec

    assert isinstance(spec, FunctionTool)
    assert (spec.name, spec.strict, spec.parameters) == (
        "apply_patch",
        False,
        {
            "type": "object",
            "properties": {
                "input": {"type": "string", "description": "The whole patch"}
            },
            "required": ["input"],
            "additionalProperties": False,
        },
    )


def test_the_freeform_tool_has_the_grammar(stage: Stage) -> None:
    spec = stage.tool(freeform=True).spec

    assert isinstance(spec, CustomTool)
    assert isinstance(spec.format, dict)
    assert (spec.format["type"], spec.format["syntax"]) == ("grammar", "lark")
    assert spec.format["definition"].startswith("start: begin hunk+ end\n")


def test_the_description_is_short_and_its_example_is_a_patch(stage: Stage) -> None:
    description = stage.tool().spec.description or ""
    example = description[description.index("*** Begin") :].split("\n\n")[0]
    (stage.cwd / "src").mkdir()
    (stage.cwd / "src/app.py").write_text(
        'def main():\n    name = "x"\n    print(name)\n'
    )
    (stage.cwd / "old.py").write_text("")

    output = stage.run(function({"input": example}))

    assert output.success, output.content
    assert len(description) < 700  # 140 tokens of o200k


# --- how models call it ---------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        function({"input": PATCH}),
        function({"patch": PATCH}),
        function({"command": ["apply_patch", PATCH]}),
        function({"command": ["bash", "-lc", f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"]}),
        function({"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"}),
        function({"input": json.dumps({"patch": PATCH})}),
        function(json.dumps(PATCH)),
        function(["apply_patch", PATCH]),
        function(f'{{"input": "{PATCH}"}}'),
        function(PATCH),
        function(f"```diff\n{PATCH}\n```"),
        custom(PATCH),
        custom(json.dumps({"input": PATCH})),
        custom(f"apply_patch <<'EOF'\n{PATCH}\nEOF"),
    ],
)
def test_every_way_to_send_a_patch_is_understood(stage: Stage, call: Call) -> None:
    output = stage.run(call)

    assert output == Output(SUCCESS)
    assert (stage.cwd / "new.txt").read_text() == "it's\n"


@pytest.mark.parametrize(
    "arguments",
    [
        {"input": PATCH, "workdir": "sub"},
        {"cmd": f"cd sub && apply_patch <<'EOF'\n{PATCH}\nEOF\n"},
    ],
)
def test_a_patch_may_name_its_directory(stage: Stage, arguments: object) -> None:
    output = stage.run(function(arguments))

    assert output == Output(SUCCESS)
    assert (stage.cwd / "sub/new.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("{}", "failed to parse function arguments: missing field `input`"),
        ('{"input": 3}', "failed to parse function arguments: missing field `input`"),
        ('{"input": []}', "failed to parse function arguments: missing field `input`"),
        (
            '{"input": "*** Begin',
            "failed to parse function arguments: Input data was truncated",
        ),
    ],
)
def test_arguments_without_a_patch_are_the_models_mistake(
    stage: Stage, arguments: str, message: str
) -> None:
    with pytest.raises(ToolError) as caught:
        stage.run(function(arguments))

    assert str(caught.value) == message
    assert stage.events == []


# --- what is told ---------------------------------------------------------------------


def test_a_front_end_hears_of_the_change_before_and_after(stage: Stage) -> None:
    for name in ("a.py", "b.txt", "old.txt"):
        (stage.cwd / name).write_text("one\ntwo\n")

    output = stage.apply(
        *("*** Add File: new.txt", "+hello"),
        *("*** Update File: a.py", "@@", "-one", "+1"),
        "*** Delete File: old.txt",
        *("*** Update File: b.txt", "*** Move to: c.txt", "@@", " one", "-two", "+2"),
    )

    assert isinstance(output.content, str)
    assert output.content.partition("Output:\n")[2] == (
        "Success. Updated the following files:\nA new.txt\nM a.py\nM c.txt\nD old.txt\n"
    )
    item = FileChange(
        id="item_1",
        changes=[
            FileUpdate(path=str(stage.cwd / "a.py"), kind="update"),
            FileUpdate(path=str(stage.cwd / "b.txt"), kind="update"),
            FileUpdate(path=str(stage.cwd / "new.txt"), kind="add"),
            FileUpdate(path=str(stage.cwd / "old.txt"), kind="delete"),
        ],
    )
    done = msgspec.structs.replace(item, status="completed")
    assert stage.events == [ItemStarted(item=item), ItemCompleted(item=done)]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ["*** Update File: a.py", "@@", "-not there", "+x"],
            (
                "apply_patch verification failed: Failed to find expected lines in "
                "$DIR/a.py:\nnot there\n"
                "No part of the file is like it. Read the file before the next patch."
            ),
        ),
        (
            ["*** Update File: a.py", "@@", "-print('hi')", "+x"],
            (
                "apply_patch verification failed: Failed to find expected lines in "
                "$DIR/a.py:\nprint('hi')\n"
                'The file has, with line numbers:\n1: print("hi")'
            ),
        ),
        (
            ["*** Update File: a.py", "@@ def f", "-x"],
            (
                "apply_patch verification failed: Failed to find context 'def f' in "
                "$DIR/a.py\n"
                "No part of the file is like it. Read the file before the next patch."
            ),
        ),
        (
            ["*** Frob"],
            (
                "apply_patch verification failed: invalid hunk at line 2, '*** Frob' "
                "is not a valid hunk header. Valid hunk headers: "
                "'*** Add File: {path}', '*** Delete File: {path}', "
                "'*** Update File: {path}'"
            ),
        ),
        (
            ["*** Delete File: nope"],
            (
                "apply_patch verification failed: Failed to read $DIR/nope: "
                "No such file or directory (os error 2)"
            ),
        ),
        ([], "patch rejected: empty patch"),
    ],
)
def test_a_patch_that_does_not_fit_is_told_to_the_model_alone(
    stage: Stage, lines: list[str], words: str
) -> None:
    (stage.cwd / "a.py").write_text('print("hi")\n')

    output = stage.apply(*lines)

    assert output == Output(words.replace("$DIR", str(stage.cwd)), success=False)
    assert stage.events == []
    assert (stage.cwd / "a.py").read_text() == 'print("hi")\n'


def test_a_change_that_cannot_be_written_is_a_failed_item(stage: Stage) -> None:
    (stage.cwd / "a").write_text("x\n")
    call = custom("*** Begin Patch\n*** Add File: a/b\n+x\n*** End Patch")

    output = stage.run(call)

    assert output == Output(
        "Exit code: 1\nWall time: 0.1 seconds\nOutput:\n"
        f"Failed to write file {stage.cwd}/a/b: Not a directory\n",
        success=False,
    )
    item = FileChange(
        id="item_1", changes=[FileUpdate(path=str(stage.cwd / "a/b"), kind="add")]
    )
    failed = msgspec.structs.replace(item, status="failed")
    assert stage.events == [ItemStarted(item=item), ItemCompleted(item=failed)]


@pytest.mark.parametrize(("spent", "words"), [(0.04, "0"), (0.06, "0.1"), (2.0, "2")])
def test_wall_time_has_one_decimal_at_most(
    stage: Stage, spent: float, words: str
) -> None:
    stage.times = iter([5.0, 5.0 + spent])

    output = stage.run(custom(PATCH))

    assert f"\nWall time: {words} seconds\n" in str(output.content)


# --- what may be written --------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "path", "words"),
    [
        ("workspace-write", "../x", "writing outside of the project"),
        ("workspace-write", ".git/hooks/x", "writing outside of the project"),
        ("workspace-write", "link/x", "writing outside of the project"),
        ("read-only", "x", "writing is blocked by read-only sandbox"),
    ],
)
def test_the_policy_decides_over_real_paths(
    stage: Stage, mode: str, path: str, words: str
) -> None:
    (stage.cwd / "link").symlink_to(stage.cwd.parent)
    stage.allow(mode=mode)

    output = stage.apply(f"*** Add File: {path}", "+x")

    assert output == Output(
        f"patch rejected: {words}; rejected by user approval settings", success=False
    )
    assert [type(event) for event in stage.events] == [Blocked]
    assert not (stage.cwd / path).exists()


def test_moving_a_file_out_of_the_project_is_writing_outside(stage: Stage) -> None:
    (stage.cwd / "a").write_text("x\n")

    output = stage.apply("*** Update File: a", "*** Move to: ../a", "-x", "+y")

    assert not output.success
    assert (stage.cwd / "a").read_text() == "x\n"


@pytest.mark.parametrize("says", [True, False])
def test_a_person_decides_where_the_policy_asks(tmp_path: Path, *, says: bool) -> None:
    stage = Stage(tmp_path / "project", says=says)
    stage.cwd.mkdir()
    stage.allow(approval="on-request")

    output = stage.apply("*** Add File: ../x", "+x")

    assert [question.action for question in stage.person.asked] == [
        WriteFiles(paths=(str(tmp_path / "x"),))
    ]
    assert (tmp_path / "x").exists() is says
    assert len(stage.events) == (2 if says else 0)
    if not says:
        assert output == Output("patch rejected by user", success=False)


def test_who_is_asked_is_told_just_what_is_written(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "project", says=True)
    stage.cwd.mkdir()
    stage.allow(approval="untrusted")
    (stage.cwd / "a").write_text("x\n")
    hostile = ["safe\r\x1b[2K\x1b[1Aevil", "\u202etxt.\u2066", "\x0b\x0c\x1c\u2028\x00"]

    stage.apply("*** Update File: a", "@@", "-x", *(f"+{line}" for line in hostile))

    (question,) = stage.person.asked
    assert question.diffs == (
        Diff(
            path=str(stage.cwd / "a"),
            kind="update",
            lines=("@@ line 1 @@", "-x", *(f"+{line}" for line in hostile)),
        ),
    )
    written = (stage.cwd / "a").read_bytes().decode()
    assert written == "".join(f"{line}\n" for line in hostile)


# --- cancelling -----------------------------------------------------------------------


def holding(
    started: threading.Event, release: threading.Event
) -> Callable[[object], None]:
    def write(changes: object) -> None:
        started.set()
        assert release.wait(timeout=60)
        written(changes)  # pyright: ignore[reportArgumentType]

    written = making.write
    return write


def test_a_cancelled_turn_waits_until_the_files_are_whole(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, release = threading.Event(), threading.Event()
    monkeypatch.setattr(making, "write", holding(started, release))

    async def cancel_while_writing() -> None:
        async with asyncio.timeout(60):
            task = asyncio.create_task(stage.tool().run(custom(PATCH), stage.scope))
            await asyncio.to_thread(started.wait, 60)
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
            release.set()
            await asyncio.wait([task])
            assert task.cancelled()

    asyncio.run(cancel_while_writing())

    assert (stage.cwd / "new.txt").exists()
    ended = stage.events[-1]
    assert isinstance(ended, ItemCompleted)
    assert isinstance(ended.item, FileChange)
    assert ended.item.status == "completed"


def test_a_tool_holds_nothing_between_turns(stage: Stage) -> None:
    tool = stage.tool()

    tool.end_turn(stage.scope)
    asyncio.run(tool.close())

    assert stage.events == []
