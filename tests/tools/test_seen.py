"""Which files a conversation knows: from commands, edits, and an earlier process."""

import asyncio
import json
from pathlib import Path

import pytest

from codex_oss.items import CustomToolCall, FunctionCall, Item
from codex_oss.ports import Output, Scope
from codex_oss.tools.seen import Seen, Watched, named
from codex_oss.wire.responses import FunctionTool


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.py", "b c.py", "sub/d.py", "sub/e.py", "-f"):
        (tmp_path / name).write_text(name)
    (tmp_path / "link.py").symlink_to("a.py")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("cat a.py", ["a.py"]),
        ("cat 'b c.py' | head -5", ["b c.py"]),
        ("cd sub && cat d.py", ["sub/d.py"]),
        ("sed -n '1,20p' a.py", ["a.py"]),
        ("nl -ba ./sub/../a.py; tail -n 3 sub/e.py", ["a.py", "sub/e.py"]),
        ("cat sub/*.py", ["sub/d.py", "sub/e.py"]),
        ("cat < a.py", ["a.py"]),
        ("echo hi > a.py", ["a.py"]),
        ("cat link.py", ["a.py"]),
        ("cat -- -f", ["-f"]),
        ("bash -lc 'cat a.py'", ["a.py"]),
        ("for f in *; do cat a.py; done", ["a.py"]),
        ("sed -i s/a/b/ a.py", []),
        ("rg foo a.py", []),
        ("ls a.py; rm a.py; echo a.py", []),
        ("cat nothing.py sub", []),
        ("cat $(echo a.py)", []),
        ("cat '" + "x" * 5000 + "'", []),
        ("cat 'a", []),
    ],
)
def test_a_command_names_the_files_that_it_prints_or_writes(
    folder: Path, command: str, names: list[str]
) -> None:
    found = sorted(str(path.relative_to(folder)) for path in named(command, folder))

    assert found == names


def test_an_absolute_path_and_a_home_are_followed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(folder))

    assert [*named(f"cat {folder}/a.py ~/sub/d.py", Path("/"))] == [
        *(folder / "a.py", folder / "sub/d.py")
    ]


def test_a_file_that_changed_since_it_was_read_is_known_to_have(folder: Path) -> None:
    seen, path = Seen(folder), folder / "a.py"
    seen.command("cat a.py", folder)

    assert seen.knows(path)
    assert not seen.changed(path, b"a.py")
    assert seen.changed(path, b"other")
    seen.wrote(path, b"other")
    assert not seen.changed(path, b"other")
    assert not seen.knows(folder / "sub/d.py")


def call(name: str, **arguments: str) -> FunctionCall:
    return FunctionCall(name=name, arguments=json.dumps(arguments), call_id="c")


PATCH = "*** Begin Patch\n*** Add File: {}\n+x\n*** End Patch"


@pytest.mark.parametrize(
    "item",
    [
        call("exec_command", cmd="cat d.py", workdir="sub"),
        call("edit_file", path="sub/d.py", old_text="a", new_text="b"),
        call("write_file", path="sub/../sub/d.py", content=""),
        call("apply_patch", input=PATCH.format("sub/d.py")),
        call("exec_command", cmd=f"apply_patch <<'E'\n{PATCH.format('sub/d.py')}\nE"),
        CustomToolCall(name="apply_patch", input=PATCH.format("sub/d.py"), call_id="c"),
    ],
)
def test_what_an_earlier_process_saw_is_read_from_its_calls(
    folder: Path, item: Item
) -> None:
    broken = FunctionCall(name="exec_command", arguments="{", call_id="c")
    seen = Seen(folder, [broken, call("apply_patch", input="x"), item])

    assert seen.knows(folder / "sub/d.py")
    assert not seen.changed(folder / "sub/d.py", b"whatever")
    assert not seen.knows(folder / "a.py")


class Runs:
    """A tool that does nothing (``ports.Tool``)."""

    spec = FunctionTool(name="exec_command")
    ended = 0

    async def run(self, call: object, scope: Scope) -> Output:
        return Output("ran")

    def end_turn(self, scope: Scope) -> None:
        self.ended += 1

    async def close(self) -> None:
        self.ended += 1


def test_a_watched_tool_is_the_tool_and_its_commands_are_noted(folder: Path) -> None:
    inner, seen = Runs(), Seen(folder)
    tool = Watched(inner, seen)
    scope = Scope(cwd=folder, emit=lambda event: None, new_item_id=str)

    async def use() -> Output:
        output = await tool.run(call("exec_command", cmd="cat a.py"), scope)
        tool.end_turn(scope)
        await tool.close()
        return output

    assert asyncio.run(use()) == Output("ran")
    assert (tool.spec, inner.ended) == (inner.spec, 2)
    assert seen.knows(folder / "a.py")
