"""Turns are taken back and made again, bit by bit, and nothing else is touched."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.undo import back, look, report, restore
from codex_oss.undo.blobs import LARGE
from codex_oss.undo.entries import Entry
from codex_oss.undo.plan import Judged
from undoing import Ground, clear


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def fill(work: Path) -> None:
    (work / "updated.txt").write_bytes(b"one\r\ntwo\r\n")
    (work / "binary").write_bytes(bytes(range(256)) * 50)
    (work / "deleted").write_text("gone soon")
    (work / "script").write_text("#!/bin/sh\n")
    (work / "moved").write_text("from here")
    (work / "link").symlink_to("updated.txt")
    (work / "dangling").symlink_to("/no/such place")
    (work / "empty").mkdir()
    (work / "deep/er").mkdir(parents=True)
    (work / "deep/er/file").write_text("down there")
    (work / "becomes folder").write_text("a file")
    (work / "becomes file").mkdir()
    (work / "becomes file/inner").write_text("in it")


def change_files(work: Path) -> None:
    (work / "updated.txt").write_bytes(b"one\nTWO\n")
    (work / "binary").write_bytes(b"\0" * 9)
    (work / "deleted").unlink()
    (work / "script").chmod(0o755)
    (work / "moved").rename(work / "deep/moved")
    (work / "link").unlink()
    (work / "link").symlink_to("binary")
    (work / "dangling").unlink()
    (work / "dangling").write_text("a file now")


def change_folders(work: Path) -> None:
    (work / "empty").rmdir()
    clear(work / "deep/er")
    clear(work / "becomes folder")
    (work / "becomes folder").mkdir()
    (work / "becomes folder/new").write_text("new")
    clear(work / "becomes file")
    (work / "becomes file").write_text("file")
    (work / "added/further").mkdir(parents=True)
    (work / "added/further/x").write_text("x")
    (work / "added").chmod(0o500)


def test_everything_a_command_did_is_taken_back_and_made_again(ground: Ground) -> None:
    fill(ground.work)
    before = ground.shape()
    told = ground.turn(lambda: (change_files(ground.work), change_folders(ground.work)))
    assert told is None
    after = ground.shape()
    assert ground.undo().done
    assert ground.shape() == before
    assert ground.redo().done
    assert ground.shape() == after
    assert ground.undo().done
    assert ground.shape() == before


def test_a_patch_is_taken_back_with_the_folders_it_made(ground: Ground) -> None:
    work = ground.work
    (work / "old").write_text("old")
    before = ground.shape()
    new = work / "a/b/new"

    def patch() -> None:
        new.parent.mkdir(parents=True)
        new.write_text("new")
        (work / "old").unlink()

    ground.turn(patch, paths=[new, work / "old"])
    after = ground.shape()
    done = ground.undo()
    assert [(e.letter, done.shown(e.path)) for e in done.lines] == [
        ("D", "a"),
        ("D", "a/b"),
        ("D", "a/b/new"),
        ("A", "old"),
    ]
    assert ground.shape() == before
    ground.redo()
    assert ground.shape() == after


def test_what_a_person_changed_since_is_not_overwritten(ground: Ground) -> None:
    one, two = ground.work / "one", ground.work / "two"
    ground.turn(lambda: (one.write_text("1"), two.write_text("2")))
    two.write_text("mine")
    before = ground.shape()
    done = ground.undo()
    assert not done.done
    assert [(gap.path, gap.why) for gap in done.conflicts] == [
        (os.fsencode(two), "was changed since")
    ]
    assert ground.shape() == before


def test_force_overwrites_and_redo_brings_it_back(ground: Ground) -> None:
    path = ground.work / "file"
    path.write_text("before")
    ground.turn(lambda: path.write_text("after"))
    path.write_text("mine")
    done = ground.undo(force=True)
    assert done.done
    assert done.overwritten
    assert path.read_text() == "before"
    ground.redo()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("mine", ["a large file", "a pipe"])
def test_force_overwrites_nothing_that_redo_could_not_bring_back(
    ground: Ground, mine: str
) -> None:
    path, other = ground.work / "file", ground.work / "other"
    path.write_text("before")
    ground.turn(lambda: (path.write_text("after"), other.write_text("other")))
    path.unlink()
    if mine == "a pipe":
        os.mkfifo(path)
    else:
        path.write_bytes(b"m" * (LARGE + 1))
    told = path.stat()
    for dry_run in (True, False):
        with pytest.raises(UndoError, match="/file would be lost, as it is") as failed:
            ground.undo(force=True, dry_run=dry_run)
        assert "--skip-conflicts" in str(failed.value.hint)
    assert other.exists()
    assert ground.undo(skip_conflicts=True).done
    assert not other.exists()
    assert path.stat() == told


def test_conflicts_can_be_left_and_stay_out_of_redo(ground: Ground) -> None:
    one, two = ground.work / "one", ground.work / "two"
    ground.turn(lambda: (one.write_text("1"), two.write_text("2")))
    two.write_text("mine")
    assert ground.undo(skip_conflicts=True).done
    assert not one.exists()
    assert two.read_text() == "mine"
    ground.redo()
    assert one.read_text() == "1"
    assert two.read_text() == "mine"


def test_a_dry_run_changes_nothing(ground: Ground) -> None:
    ground.turn(lambda: (ground.work / "x").write_text("x"))
    before = ground.shape()
    done = ground.undo(dry_run=True)
    assert not done.done
    assert [e.letter for e in done.lines] == ["D"]
    assert ground.shape() == before


def test_several_turns_are_taken_back_at_once(ground: Ground) -> None:
    path = ground.work / "x"
    for text in "abc":
        ground.turn(lambda text=text: path.write_text(text))
    ground.undo(count=2)
    assert path.read_text() == "a"
    ground.redo(count=2)
    assert path.read_text() == "c"
    ground.undo(count=3)
    assert not path.exists()


def test_a_change_between_two_turns_is_a_conflict_for_both(ground: Ground) -> None:
    path = ground.work / "x"
    ground.turn(lambda: path.write_text("a"))
    path.write_text("mine")
    ground.turn(lambda: path.write_text("b"))
    done = ground.undo(count=2)
    assert [gap.why for gap in done.conflicts] == ["was changed between these turns"]
    assert path.read_text() == "b"
    ground.undo()
    assert path.read_text() == "mine"


def test_a_new_turn_cuts_what_could_be_redone(ground: Ground) -> None:
    path = ground.work / "x"
    ground.turn(lambda: path.write_text("a"))
    ground.undo()
    ground.turn(lambda: path.write_text("b"))
    with pytest.raises(UndoError, match="nothing to redo"):
        ground.redo()


def test_a_turn_that_nobody_knows_is_named(ground: Ground) -> None:
    ground.turn(lambda: (ground.work / "file").write_text("a"))
    with pytest.raises(UndoError, match="nothing to undo: no such turn is called zz"):
        ground.undo(turn_id="zz")


def test_a_turn_without_changes_leaves_no_trace(ground: Ground) -> None:
    ground.turn(lambda: None)
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()


def test_a_folder_of_the_turn_stays_if_it_holds_something_else(
    ground: Ground,
) -> None:
    made = ground.work / "made"
    ground.turn(lambda: (made.mkdir(), (made / "x").write_text("x")))
    (made / "mine").write_text("mine")
    done = ground.undo()
    assert [(gap.path, gap.why) for gap in done.left] == [
        (os.fsencode(made), "is not empty")
    ]
    assert [p.name for p in made.iterdir()] == ["mine"]


def test_a_link_put_in_the_place_of_a_folder_leads_nowhere(
    ground: Ground, tmp_path: Path
) -> None:
    folder, outside = ground.work / "folder", tmp_path / "outside"
    folder.mkdir()
    (folder / "x").write_text("before")
    ground.turn(lambda: (folder / "x").write_text("after"))
    folder.rename(outside)
    folder.symlink_to(outside)
    with pytest.raises(UndoError, match=r"was restored: /\S* has become a link"):
        ground.undo(force=True)
    assert (outside / "x").read_text() == "after"


@pytest.mark.parametrize("link", [False, True])
def test_a_folder_that_is_gone_is_a_conflict(ground: Ground, link: bool) -> None:  # noqa: FBT001
    folder = ground.work / "folder"
    folder.mkdir()
    (folder / "x").write_text("x")
    ground.turn((folder / "x").unlink)
    folder.rename(ground.work / "elsewhere")
    if link:
        folder.symlink_to("elsewhere")
    done = ground.undo()
    why = [gap.why for gap in done.conflicts]
    assert why == ["its folder is gone, or is a link now"]
    if not link:
        assert ground.undo(force=True).done
        assert (folder / "x").read_text() == "x"


def test_a_change_at_the_last_moment_is_not_overwritten(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = ground.work / "1", ground.work / "2"
    ground.turn(lambda: (one.write_text("1"), two.write_text("2")))
    stage = restore._Restoring.stage

    def staging(restoring: restore._Restoring, todo: Sequence[Judged]) -> None:
        stage(restoring, todo)
        one.write_text("mine")

    monkeypatch.setattr(restore._Restoring, "stage", staging)
    with pytest.raises(UndoError, match="1 is changing at this moment"):
        ground.undo()
    assert (one.read_text(), two.read_text()) == ("mine", "2")


def test_a_folder_without_turns_says_where_there_are_some(ground: Ground) -> None:
    inner = ground.work / "inner"
    ground.turn(inner.mkdir)
    place = back.Workspace(ground.state, inner, 0)
    with pytest.raises(UndoError) as error:
        back.take(place, back.Wanted())
    assert error.value.hint == f"There is for {ground.work}: -C FOLDER."


@pytest.mark.skipif(os.geteuid() != 0, reason="others keep what is theirs")
def test_root_makes_no_program_that_runs_as_its_owner(ground: Ground) -> None:
    program = ground.work / "program"
    program.write_text("of somebody")
    os.chown(program, 1234, 1234)
    program.chmod(0o6755)
    ground.turn(program.unlink)
    ground.undo()
    assert program.read_text() == "of somebody"
    assert stat.S_IMODE(program.stat().st_mode) == 0o755


def test_what_cannot_be_looked_at_is_not_taken_for_deleted(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ground.work / "x"
    path.write_text("before")
    ground.turn(lambda: path.write_text("after"))

    def barred(*_: object) -> Entry:
        raise PermissionError

    monkeypatch.setattr(look, "at", barred)
    report = ground.undo()
    assert not report.done
    assert [gap.why for gap in report.conflicts] == ["was changed since"]


def test_many_paths_are_told_in_number(ground: Ground) -> None:
    def command() -> None:
        for number in range(report.SHOWN + 5):
            (ground.work / f"{number}").write_text("x")

    ground.turn(command)
    done = ground.undo()
    assert done.words().endswith("\n  and 5 more")
    assert len(done.remark().splitlines()) < report.SHOWN


def test_a_large_file_that_is_changed_is_told(ground: Ground) -> None:
    large = ground.work / "large"
    with large.open("wb") as file:
        file.truncate(10 * 1024 * 1024 + 1)
    assert ground.turn(lambda: None) is None
    told = ground.turn(lambda: large.write_text("small"))
    assert told == (
        "undo does not cover large (was changed: it is too large to be kept)"
    )
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()


def test_files_that_are_none_are_never_opened(ground: Ground) -> None:
    os.mkfifo(ground.work / "fifo")
    told = ground.turn((ground.work / "fifo").unlink)
    assert told == (
        "undo does not cover fifo (was deleted: it is no file, folder or link)"
    )


def test_names_need_not_be_unicode(ground: Ground) -> None:
    path = Path(os.fsdecode(os.fsencode(ground.work) + b"/\xff\xfe"))
    path.write_text("a")
    ground.turn(lambda: path.write_text("b"))
    done = ground.undo()
    assert path.read_text() == "a"
    assert done.words() == ('taken back: turn "do thing 1"\n  M \\udcff\\udcfe')
