"""What is kept for undo: before anything changes, bounded, and for its owner alone."""

import asyncio
import errno
import os
import sys
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.undo import blobs as blobs_module
from codex_oss.undo import recording, restore, scan, store, told
from codex_oss.undo.blobs import Blobs
from codex_oss.undo.entries import ABSENT, File, Tree, Unkept
from codex_oss.undo.look import look as look_at
from codex_oss.undo.scan import Limits, Look
from undoing import MAX_BYTES, Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def look(ground: Ground, known: Tree | None = None, **limits: float) -> Tree:
    bounds = Limits(**{"size": MAX_BYTES, **limits})  # pyright: ignore[reportArgumentType]
    kept = Blobs(str(ground.state / "blobs"))
    wanted = Look(
        roots=[os.fsencode(ground.work)],
        left_out=[],
        limits=bounds,
        known=known or Tree(),
    )
    try:
        return scan.scan(wanted, kept)
    finally:
        kept.close()


def blobs(ground: Ground) -> set[bytes]:
    (folder,) = ground.state.glob("undo/*/blobs")
    kept = Blobs(str(folder))
    found = {digest for pack in kept._load().values() for digest in pack.places}
    kept.close()
    return found


def test_a_file_that_is_known_is_not_read_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "TICK_NS", -(10**18))  # all stamps are trusted
    for name in "abc":
        (ground.work / name).write_text(name)
    first = look(ground)
    read: list[bytes] = []
    keep = Blobs.keep

    def noted(self: Blobs, name: bytes, folder: int) -> blobs_module.Kept | None:
        read.append(name)
        return keep(self, name, folder)

    monkeypatch.setattr(Blobs, "keep", noted)
    assert look(ground, first).entries == first.entries
    assert read == []
    (ground.work / "b").write_text("other")
    (ground.work / "c").chmod(0o600)
    look(ground, first)
    assert sorted(read) == [b"b", b"c"]


def test_stamps_of_files_that_changed_just_now_are_not_trusted(ground: Ground) -> None:
    (ground.work / "x").write_text("x")
    assert look(ground).stamps == {}


def test_a_look_ends_at_its_limits_with_what_is_near(ground: Ground) -> None:
    for n in range(5):
        (ground.work / f"folder{n}").mkdir()
        (ground.work / f"folder{n}" / "file").write_text("x")
    tree = look(ground, entries=6)
    assert len(tree.entries) > 5
    assert {skip.why for skip in tree.skipped.values()} == {"limit"}


def test_a_file_that_is_away_for_a_moment_is_not_taken_for_the_turns(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.work / "mine").write_text("mine")
    keep = Blobs.keep

    def missing(self: Blobs, name: bytes, folder: int) -> blobs_module.Kept | None:
        raise FileNotFoundError

    monkeypatch.setattr(Blobs, "keep", missing)
    told = ground.turn(lambda: monkeypatch.setattr(Blobs, "keep", keep))
    assert told is None
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()
    assert (ground.work / "mine").exists()


def test_contents_beyond_the_room_are_not_kept(ground: Ground) -> None:
    (ground.work / "x").write_bytes(b"x" * 100)
    entry = look(ground, size=50).entries[os.fsencode(ground.work / "x")]
    assert isinstance(entry, Unkept)
    assert entry.why == "full"


def test_only_the_last_turns_are_kept(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "TURNS", 2)
    path = ground.work / "x"
    for n in range(5):
        ground.turn(lambda n=n: path.write_text(f"text {n}"))
    assert len(blobs(ground)) == 3
    assert ground.undo(count=9).done
    assert path.read_text() == "text 2"
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()


def test_the_oldest_turns_make_room(ground: Ground) -> None:
    path = ground.work / "x"
    recorder = ground.recorder(max_bytes=100_000)
    for n in range(12):
        text = bytes([n]) * 20_000
        ground.turn(lambda text=text: path.write_bytes(text), recorder=recorder)
    size = sum(p.stat().st_size for p in ground.state.rglob("blobs/*"))
    assert size <= 120_000
    ground.undo()
    assert path.read_bytes() == bytes([10]) * 20_000


def test_paths_count_for_the_limits(ground: Ground) -> None:
    deep = ground.work / ("d" * 200)
    deep.mkdir()
    for number in range(10):
        (deep / f"{number}").write_text("x")
    found = look(ground, names=1000)
    assert found.skipped[os.fsencode(deep)].why == "limit"
    # The record of a turn has its paths too.
    ground.turn((deep / "0").unlink, recorder=ground.recorder(max_bytes=200))
    (turns,) = ground.state.glob("undo/*/turns")
    assert list(turns.iterdir()) == []


def test_contents_that_find_no_room_give_theirs_back(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        (ground.work / name).write_text(name * 1000)
    write = os.pwrite

    def full(fd: int, data: bytes, offset: int) -> int:
        if offset >= 2000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, data, offset)

    monkeypatch.setattr(os, "pwrite", full)
    told = ground.turn(lambda: (ground.work / "a").write_text("changed"))
    assert told == (
        "this turn cannot be undone: cannot keep a file's content: "
        "No space left on device"
    )
    assert sum(pack.stat().st_size for pack in ground.state.rglob("*.pack")) == 0
    monkeypatch.undo()
    before = ground.shape()
    ground.turn((ground.work / "a").unlink)
    ground.undo()
    assert ground.shape() == before


def test_contents_are_put_together_without_what_nothing_names(tmp_path: Path) -> None:
    texts = [bytes([n]) * (n + 1) * 1000 for n in range(20)]
    digests: list[bytes] = []
    for text in texts:
        kept = Blobs(str(tmp_path / "blobs"))
        digests.append(kept.put(text))
        assert kept.put(text) == digests[-1]
        kept.close()
    (tmp_path / "blobs/killed.pack").write_bytes(b"without an index")
    kept = Blobs(str(tmp_path / "blobs"))
    assert kept.sweep(set(digests[::2])) == sum(map(len, texts[::2]))
    assert len(list((tmp_path / "blobs").iterdir())) == 2
    for digest, text in zip(digests[::2], texts[::2], strict=True):
        assert kept.get(File(0o600, len(text), digest)) == text
    with pytest.raises(UndoError, match="it is in no pack"):
        kept.get(File(0o600, 1, digests[1]))
    assert kept.sweep(()) == 0
    assert list((tmp_path / "blobs").iterdir()) == []
    assert kept.put(texts[0]) == digests[0]
    kept.close()


def test_a_damaged_content_is_not_restored(ground: Ground) -> None:
    path = ground.work / "x"
    path.write_text("before")
    ground.turn(lambda: path.write_text("after"))
    for pack in ground.state.rglob("*.pack"):
        pack.write_bytes(b"?" * pack.stat().st_size)
    with pytest.raises(UndoError, match=r"nothing was restored: .* damaged"):
        ground.undo()
    assert path.read_text() == "after"


def test_a_failure_midway_takes_back_what_was_done(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        (ground.work / name).write_text("before")

    def command() -> None:
        (ground.work / "a").unlink()
        (ground.work / "b").write_text("after")
        (ground.work / "c").unlink()
        (ground.work / "c").mkdir()
        (ground.work / "c/new").write_text("new")
        (ground.work / "d").unlink()
        (ground.work / "d").symlink_to("a")

    ground.turn(command)
    after = ground.shape()
    rename = restore.rename

    def failing(old: Path, new: Path) -> None:
        if new.name == "d" and old.name.endswith("-3.tmp"):
            raise OSError(28, "No space left on device", str(new))
        rename(old, new)

    monkeypatch.setattr(restore, "rename", failing)
    with pytest.raises(UndoError, match=r"nothing was restored: .*d: No space left"):
        ground.undo()
    assert ground.shape() == after
    monkeypatch.undo()
    assert ground.undo().done


def test_a_state_that_cannot_be_written_is_told_and_hinders_nothing(
    tmp_path: Path,
) -> None:
    ground = Ground(tmp_path)
    ground.state.write_text("a file, no folder")
    said = ground.turn(lambda: (ground.work / "x").write_text("x"))
    assert said is not None
    assert said.startswith("this turn cannot be undone: cannot use ")


def test_our_own_folders_are_left_out_of_a_workspace_that_holds_them(
    tmp_path: Path,
) -> None:
    ground = Ground(tmp_path)
    ground.state = ground.work / "state"
    codex = ground.work / "codex"
    codex.mkdir()
    ground._left_out = [str(codex)]

    def command() -> None:
        (codex / "session").write_text("x")
        (ground.work / "x").write_text("x")

    ground.turn(command)
    report = ground.undo()
    assert [report.shown(line.path) for line in report.lines] == ["x"]


def test_all_is_for_its_owner_alone(ground: Ground) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("x"))
    kept = [path for path in ground.state.rglob("*") if path != ground.state]
    assert kept
    assert {path.stat().st_mode & 0o077 for path in kept} == {0}


def test_a_turn_that_runs_hinders_undo_also_in_one_process(ground: Ground) -> None:
    async def while_running() -> None:
        recorder = ground.recorder()
        recorder.begin("turn", "prompt")
        await recorder.before(None)
        (ground.work / "x").write_text("x")
        with pytest.raises(UndoError, match="a turn is running"):
            await asyncio.to_thread(ground.undo)
        assert await recorder.end() is None

    asyncio.run(while_running())
    ground.undo()
    assert not (ground.work / "x").exists()


def test_a_cancelled_look_is_as_if_there_was_none(ground: Ground) -> None:
    async def cancelled() -> None:
        recorder = ground.recorder()
        recorder.begin("turn", "prompt")
        looking = asyncio.ensure_future(recorder.before(None))
        await asyncio.sleep(0)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        assert await recorder.end() is None

    asyncio.run(cancelled())
    assert not list(ground.state.rglob("*.live"))
    assert ground.turn(lambda: (ground.work / "x").write_text("x")) is None
    assert ground.undo().done


def test_patches_before_and_after_commands_belong_to_one_turn(ground: Ground) -> None:
    one, two, outside = ground.work / "1", ground.work / "2", ground.work.parent / "3"
    for path in (one, two, outside):
        path.write_text("before")

    async def turn() -> None:
        recorder = ground.recorder()
        recorder.begin("turn", "prompt")
        await recorder.before([one])
        one.write_text("patched")
        await recorder.before(None)
        one.write_text("by command")
        two.write_text("by command")
        await recorder.before([two, outside])
        two.write_text("patched")
        outside.write_text("patched")
        await recorder.before(None)
        await recorder.end()

    asyncio.run(turn())
    ground.undo()
    assert {p.read_text() for p in (one, two, outside)} == {"before"}
    ground.redo()
    assert [p.read_text() for p in (one, two, outside)] == [
        "by command",
        "patched",
        "patched",
    ]


def test_workspaces_where_nothing_happens_are_forgotten(ground: Ground) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("x"))
    (kept,) = (ground.state / "undo").iterdir()
    os.utime(kept, (1, 1))
    other = Ground(ground.work.parent / "other")
    other.state = ground.state
    other.turn(lambda: (other.work / "x").write_text("x"))
    assert not kept.exists()
    assert other.undo().done


def test_a_home_is_looked_at_less_deep(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "HOME", Limits(0, entries=2, seconds=60))
    for name in "abcdef":
        (ground.work / name).write_text("mine")
    recorder = ground.recorder(home=str(ground.work))
    said = ground.turn(lambda: (ground.work / "x").write_text("x"), recorder=recorder)
    assert said == (
        "undo does not cover all of this folder (it holds too much to be looked at)"
    )
    # Nothing that was not looked at before counts as made by the turn.
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()


def test_what_the_sandbox_holds_a_place_with_is_no_change(ground: Ground) -> None:
    def background() -> None:
        for name in (".git", ".codex", ".agents"):
            (ground.work / name).mkdir()
        (ground.work / ".agents/real").write_text("x")

    assert ground.turn(background) is None
    done = ground.undo()
    assert [done.shown(line.path) for line in done.lines] == [".agents", ".agents/real"]


def test_where_case_does_not_count_another_name_is_not_there(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.work / "A").write_text("x")
    lstat = os.lstat

    def folded(path: str, *, dir_fd: int | None = None) -> os.stat_result:
        return lstat("A" if path == "a" else path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "lstat", folded)
    kept = Blobs(str(ground.state / "blobs"))
    found = [look_at(os.fsencode(ground.work / name), kept) for name in "aA"]
    monkeypatch.undo()
    kept.close()
    assert found[0] == ABSENT
    assert isinstance(found[1], File)


def test_word_is_heard_once(tmp_path: Path) -> None:
    told.leave(tmp_path, "thread", "one")
    told.leave(tmp_path, "thread", "two")
    assert told.take(tmp_path, "thread") == "one\n\ntwo"
    assert told.take(tmp_path, "thread") == ""


@pytest.mark.parametrize("many", [0, 32])
@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what a descriptor is")
def test_what_is_kept_and_what_comes_are_on_the_disk_itself_before_files_change(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    path = ground.work / "x"
    path.write_text("before")
    ground.turn(lambda: path.write_text("after"))
    flushed: list[tuple[str, str]] = []
    fsync = os.fsync

    def noted(fd: int) -> None:
        kind = Path(os.readlink(f"/proc/self/fd/{fd}")).suffix  # noqa: PTH115
        flushed.append((kind, path.read_text()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "sync", lambda: flushed.append(("all", path.read_text())))
    monkeypatch.setattr(restore, "MANY", many)
    ground.undo()
    kinds = [kind for kind, _ in flushed]
    assert {".pack", ".index", "", ".tmp" if many else "all"} == set(kinds)
    assert {text for _, text in flushed} == {"after"}
    assert path.read_text() == "before"
