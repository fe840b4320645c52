"""A session's file, read back to go on from there."""

import json
from pathlib import Path

import pytest

from codex_oss.errors import SessionError
from codex_oss.items import (
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    user,
)
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.reading import find, read
from codex_oss.sessions.rollout import Rollout
from codex_oss.wire.responses import encode

THREAD = "01a1fd2c-0814-7470-9c7b-ff42fd8041ba"
CALL = FunctionCall(name="exec_command", arguments="{}", call_id="c1")


class Clock:
    def now(self) -> float:
        return 1795248883.5

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


def written(home: Path) -> Path:
    """Write a session of two items and return its file."""
    rollout = Rollout(home, THREAD, Clock())
    rollout.note("session_meta", {"id": THREAD, "cwd": "/work"})
    rollout.append(user("hello"))
    rollout.append(CALL)
    rollout.append(FunctionCallOutput(call_id="c1", output="ok"))
    rollout.close()
    return rollout.path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert find(tmp_path, THREAD) == path
    assert read(path, THREAD) == Kept(
        path=path,
        thread_id=THREAD,
        meta={"id": THREAD, "cwd": "/work"},
        items=[user("hello"), CALL, FunctionCallOutput(call_id="c1", output="ok")],
        lines=4,
        turns=1,
        size=path.stat().st_size,
    )


@pytest.mark.parametrize(
    "torn", [b'{"timestamp": "20', b'{"type": "response_item"}', b"x"]
)
def test_a_last_line_that_was_cut_off_is_not_there_and_goes_with_the_next(
    tmp_path: Path, torn: bytes
) -> None:
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    kept = read(path, THREAD)
    assert (kept.lines, kept.size) == (4, len(whole))
    again = Rollout.again(tmp_path, kept, Clock())
    again.append(user("more"))
    again.append(user("and more"))
    again.close()
    assert path.read_bytes().startswith(whole)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [line["ordinal"] for line in lines] == [0, 1, 2, 3, 4, 5]


def test_a_file_that_is_only_read_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes() + b"torn"
    path.write_bytes(before)
    Rollout.again(tmp_path, read(path, THREAD), Clock()).close()
    assert path.read_bytes() == before


@pytest.mark.parametrize("damage", [b"{}", b"\x00\xff", b'{"type": "response_item"'])
def test_a_damaged_line_is_left_out_and_named(tmp_path: Path, damage: bytes) -> None:
    path = written(tmp_path)
    meta, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([meta, damage, b"\n", *others]))
    kept = read(path, THREAD)
    assert len(kept.items) == 3
    assert kept.warnings == [f"line 2 of the session {path} is damaged and left out"]
    assert kept.lines == 5


def test_an_output_whose_call_is_damaged_goes_with_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{}\n", lines[3]]))
    assert read(path, THREAD).items == [user("hello")]


def test_a_file_without_a_readable_line_is_no_session(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    path.write_bytes(b"x\ny\n")
    with pytest.raises(SessionError, match="is no session"):
        read(path, THREAD)


def test_a_call_without_an_output_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    custom = CustomToolCall(name="apply_patch", input="x", call_id="c2")
    items = [CALL, custom, FunctionCallOutput(call_id="c1", output="done")]
    lines = [encode({"type": "response_item", "payload": item}) for item in items]
    path.write_bytes(b"\n".join([*lines, b""]))
    aborted = CustomToolCallOutput(call_id="c2", output="aborted by user")
    assert read(path, THREAD).items == [CALL, custom, aborted, items[2]]


@pytest.mark.parametrize(
    "thread_id",
    ["", "*", "../../x", THREAD.upper(), "a" * 36, THREAD.rpartition("-")[2]],
)
def test_what_is_no_id_of_a_session_finds_none(tmp_path: Path, thread_id: str) -> None:
    written(tmp_path)
    assert find(tmp_path, thread_id) is None


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="cannot read the session"):
        read(tmp_path / "nothing.jsonl", THREAD)
