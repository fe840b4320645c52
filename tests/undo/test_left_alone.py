"""What undo leaves alone: repositories, what tools make again, what it cannot see."""

import os
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.undo import ending
from codex_oss.undo.scan import Limits
from undoing import Ground, clear


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_git_is_neither_read_nor_written(ground: Ground) -> None:
    git = ground.work / "sub/.git"
    git.mkdir(parents=True)
    (git / "HEAD").write_text("ref: x")
    worktree = ground.work / ".git"
    worktree.write_text("gitdir: /elsewhere")

    def command() -> None:
        (git / "HEAD").write_text("ref: y")
        worktree.write_text("gitdir: /here")
        (ground.work / "x").write_text("x")

    ground.turn(command)
    assert [e.path for e in ground.undo().lines] == [os.fsencode(ground.work / "x")]
    assert (git / "HEAD").read_text() == "ref: y"
    assert worktree.read_text() == "gitdir: /here"


def test_a_deleted_link_to_a_repository_is_told(ground: Ground) -> None:
    (ground.work / "sub").mkdir()
    (ground.work / "sub/.git").write_text("gitdir: ../.git/modules/sub")
    (ground.work / "sub/x").write_text("x")
    told = ground.turn(lambda: clear(ground.work / "sub"))
    assert told == (
        "undo does not cover sub/.git (was deleted: it belongs to version control)"
    )
    ground.undo()
    assert not (ground.work / "sub/.git").exists()
    assert (ground.work / "sub/x").read_text() == "x"


def test_what_tools_make_again_does_not_come_back_empty(ground: Ground) -> None:
    (ground.work / "node_modules/x").mkdir(parents=True)
    ground.turn(lambda: clear(ground.work / "node_modules"))
    with pytest.raises(UndoError, match="nothing to undo"):
        ground.undo()
    assert not (ground.work / "node_modules").exists()


@pytest.mark.parametrize("moved", [".git", "bare"])
def test_a_repository_that_was_moved_stays_where_it_is(
    ground: Ground, moved: str
) -> None:
    repository = ground.work / "sub" / moved
    for name in ("objects", "refs"):
        (repository / name).mkdir(parents=True)
    (repository / "HEAD").write_text("ref: refs/heads/main")
    to = ground.work / "backup"

    def command() -> None:
        repository.rename(to)
        (to / "index").write_text("changed")
        (ground.work / "x").write_text("x")

    told = ground.turn(command)
    assert told is not None
    assert "backup (was made, and stays: it belongs to version control)" in told
    ground.undo()
    assert not (ground.work / "x").exists()
    assert (to / "HEAD").exists()


def test_what_could_not_be_looked_at_stays_where_it_was_moved(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ground.work / "a/deep").mkdir(parents=True)
    (ground.work / "a/deep/mine").write_text("mine")

    def near(_: int) -> Limits:
        return Limits(10**6, entries=2)

    monkeypatch.setattr(ending, "limits", near)

    def command() -> None:
        monkeypatch.undo()
        (ground.work / "a/deep").rename(ground.work / "near")

    told = ground.turn(command)
    assert told is not None
    assert "near (was made, and stays: it is beyond the limits of undo)" in told
    ground.undo()
    assert (ground.work / "near/mine").read_text() == "mine"


def test_a_deleted_repository_is_told(ground: Ground) -> None:
    git = ground.work / "sub/.git"
    git.mkdir(parents=True)
    told = ground.turn(lambda: clear(git))
    assert told == (
        "undo does not cover sub/.git (was deleted: it belongs to version control)"
    )


def test_what_tools_make_again_is_told_once(ground: Ground) -> None:
    cache = ground.work / "__pycache__"
    recorder = ground.recorder()
    first = ground.turn(cache.mkdir, recorder=recorder)
    assert first == "undo does not cover __pycache__ (tools make it again)"
    (cache / "x").write_text("x")
    again = ground.turn(lambda: (cache / "y").write_text("y"), recorder=recorder)
    assert again is None


def test_a_mark_put_into_a_folder_does_not_hide_what_is_done_there(
    ground: Ground,
) -> None:
    source = ground.work / "src"
    source.mkdir()
    (source / "x").write_text("before")

    def command() -> None:
        (source / "pyvenv.cfg").write_text("")
        (source / "x").write_text("after")

    ground.turn(command)
    ground.undo()
    assert (source / "x").read_text() == "before"
