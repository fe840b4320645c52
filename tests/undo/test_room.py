"""The room that undo takes, shown and given back."""

import asyncio
import os
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.undo import blobs, room, store, told
from codex_oss.undo.room import Given, Room
from undoing import MAX_BYTES, Ground

SECRET = b"the secret of thread 2"


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def kept(ground: Ground) -> bytes:
    """Return all contents that lie on the disk."""
    return b"".join(path.read_bytes() for path in ground.state.rglob("*.pack"))


def secret(ground: Ground) -> None:
    """Take a turn of another conversation that writes a content, and one over it."""
    other = ground.recorder("thread-2")
    path = ground.work / "theirs"
    ground.turn(lambda: path.write_bytes(SECRET), recorder=other)
    ground.turn(lambda: path.write_bytes(b"over"), recorder=other)


def test_a_deleted_conversation_takes_its_turns_along_and_no_others(
    ground: Ground,
) -> None:
    mine = ground.work / "mine"
    ground.turn(lambda: mine.write_text("one"))
    secret(ground)
    ground.turn(lambda: mine.write_text("two"))
    told.leave(ground.state, "thread-2", "word")
    assert SECRET in kept(ground)

    given = room.forget(ground.state, "thread-2", MAX_BYTES)

    assert (given.turns, given.failures, given.freed > 0) == (2, [], True)
    assert SECRET not in kept(ground)
    assert told.take(ground.state, "thread-2") == ""
    assert ground.undo(count=9).done
    assert (mine.exists(), (ground.work / "theirs").read_bytes()) == (False, b"over")


def test_contents_are_gone_even_if_most_of_their_pack_is_wanted(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "SMALL", 10)
    path = ground.work / "mine"
    ground.turn(lambda: path.write_bytes(b"m" * 10_000))
    secret(ground)
    (folder,) = ground.state.glob("undo/*")
    with store.opened(folder, os.fsencode(ground.work), MAX_BYTES) as opened:
        opened.drop([])  # all in one pack
    assert SECRET in kept(ground)
    room.forget(ground.state, "thread-2", MAX_BYTES)
    assert SECRET not in kept(ground)
    ground.undo()
    ground.redo()
    assert path.read_bytes() == b"m" * 10_000


def test_a_turn_that_was_killed_is_forgotten_with_its_conversation(
    ground: Ground,
) -> None:
    abandoned(ground, "thread-2")
    given = room.forget(ground.state, "thread-2", MAX_BYTES)
    assert (given.turns, given.failures) == (1, [])
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()
    assert (ground.work / "x").read_text() == "half"


def abandoned(ground: Ground, thread_id: str) -> None:
    """Begin a turn, change something, and be gone."""

    recorder = ground.recorder(thread_id)
    recorder.begin("turn-x", "prompt")
    asyncio.run(recorder.before(None))
    (ground.work / "x").write_text("half")
    recorder._let_go()


def test_a_conversation_that_changed_nothing_costs_nothing(ground: Ground) -> None:
    assert room.forget(ground.state, "thread-2", MAX_BYTES) == Given()
    ground.turn(lambda: (ground.work / "x").write_text("x"))
    before = kept(ground)
    assert room.forget(ground.state, "thread-2", MAX_BYTES) == Given()
    assert kept(ground) == before


def test_a_workspace_is_forgotten_whole_and_can_be_used_again(ground: Ground) -> None:
    path = ground.work / "x"
    for n in range(3):
        ground.turn(lambda n=n: path.write_text(f"{n}" * 1000))
    (before,) = room.rooms(ground.state)
    assert before == Room(ground.work, 3, before.size)
    assert before.size > 3000
    given = room.clear(ground.workspace)
    assert given.turns == 3
    assert kept(ground) == b""
    after = room.room(ground.workspace)
    assert after == Room(ground.work, 0, before.size - given.freed)
    assert after.size < 1000
    ground.turn(lambda: path.write_text("new"))
    ground.undo()
    assert path.read_text() == "2" * 1000


def test_all_workspaces_are_forgotten_but_those_where_a_turn_runs(
    tmp_path: Path, ground: Ground
) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("x"))
    other = Ground(tmp_path / "other")
    other.state = ground.state

    runs = other.recorder()
    runs.begin("turn-x", "prompt")
    asyncio.run(runs.before(None))
    given = room.clear_all(ground.state, MAX_BYTES)
    assert given.turns == 1
    assert given.failures == [f"a turn is running in {other.work}"]
    (other.work / "y").write_text("y")
    assert asyncio.run(runs.end()) is None
    other.undo()
    assert not (other.work / "y").exists()


def test_room_is_given_back_on_a_full_disk(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("x"))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert room.clear(ground.workspace).turns == 1
    assert kept(ground) == b""
