"""What is kept for undo and is damaged on disk: told, kept anew, and given back."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from codex_oss.errors import UndoError
from codex_oss.undo import room, scan
from undoing import MAX_BYTES, Ground

Places = dict[bytes, tuple[int, int]]


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    ground = Ground(tmp_path)
    (ground.work / "x").write_text("before")
    (ground.work / "y").write_text("untouched")
    return ground


def placed(offset: int, size: int) -> Callable[[bytes], bytes]:
    def damaged(index: bytes) -> bytes:
        places = msgspec.msgpack.decode(index, type=Places)
        return msgspec.msgpack.encode(dict.fromkeys(places, (offset, size)))

    return damaged


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes | None]]] = {
    "no index": ("index", lambda _: b"\xff\x00"),
    "a size no memory holds": ("index", placed(0, 2**40)),
    "an offset no file has": ("index", placed(2**63, 5)),
    "an offset before the pack": ("index", placed(-5, 5)),
    "a pack cut short": ("pack", lambda pack: pack[:2]),
    "no pack": ("pack", lambda _: None),
}


def damage(ground: Ground, name: str) -> None:
    kind, damaged = DAMAGES[name]
    for path in [*ground.state.rglob(f"*.{kind}")]:
        data = damaged(path.read_bytes())
        path.unlink()
        if data is not None:
            path.write_bytes(data)


@pytest.mark.parametrize("name", DAMAGES)
def test_contents_that_a_damage_took_are_told_and_kept_anew(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # Files that were written just now are not read again either.
    monkeypatch.setattr(scan, "TICK_NS", -(10**12))
    x, y = ground.work / "x", ground.work / "y"
    ground.turn(lambda: x.write_text("after"))
    damage(ground, name)
    with pytest.raises(UndoError, match=r"nothing was restored: a kept content is"):
        ground.undo()
    assert x.read_text() == "after"

    ground.turn(lambda: y.write_text("changed"))
    assert ground.undo().done
    assert y.read_text() == "untouched"


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_contents_are_forgotten_as_others(ground: Ground, name: str) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("after"))
    damage(ground, name)
    assert room.forget(ground.state, "thread-1", MAX_BYTES).turns == 1
    assert not [*ground.state.rglob("*.pack")]


def test_a_record_that_cannot_be_read_is_forgotten_with_the_others(
    ground: Ground,
) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("after"))
    (record,) = ground.state.rglob("*.done")
    record.write_bytes(b"\xc1")
    assert room.clear(ground.workspace).turns == 1
    assert room.room(ground.workspace).turns == 0
    assert not [*ground.state.rglob("*.pack")]


def test_the_beginning_of_a_killed_turn_that_cannot_be_read_is_forgotten(
    ground: Ground,
) -> None:
    recorder = ground.recorder()
    recorder.begin("turn-x", "prompt")
    asyncio.run(recorder.before(None))
    (begun,) = ground.state.rglob("*.begun")
    begun.write_bytes(b"\xc1")
    room.clear(ground.workspace)
    assert [*begun.parent.glob("*.tree")] != []  # it still runs
    recorder._let_go()
    room.clear(ground.workspace)
    assert [*begun.parent.iterdir()] == []
