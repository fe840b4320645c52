"""An undo or a turn that is killed anywhere: the next one leads to its end."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from codex_oss.errors import UndoError
from codex_oss.patch.folders import Entry as Place
from codex_oss.undo import back, restore, store
from undoing import Ground, clear

LIMIT_S = 180
SRC = Path(store.__file__).parents[2]

_KILLED = """
import os, signal, sys
from pathlib import Path
from codex_oss.undo import restore
from codex_oss.undo.store import Store
from undoing import Ground
step, left = sys.argv[2], int(sys.argv[3])
kind = Store if step == "keep" else restore._Restoring
done = getattr(kind, step)
def killing(*args):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return done(*args)
setattr(kind, step, killing)
Ground(Path(sys.argv[1])).undo()
"""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def killed(ground: Ground, step: str, left: int) -> None:
    """Undo in a process that is killed when a step is taken for the nth time."""
    run_killed(_KILLED, ground.work.parent, step, left)


def run_killed(program: str, *arguments: object) -> None:
    paths = [str(SRC), str(Path(__file__).parents[1])]
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        check=False,
        timeout=LIMIT_S,
    )
    assert ended.returncode == -signal.SIGKILL


def turned(ground: Ground) -> None:
    """Take a turn after which files are folders, and folders are files."""
    work = ground.work
    (work / "file").write_text("file")
    (work / "folder").mkdir(mode=0o750)
    (work / "folder/in").write_text("in")
    (work / "link").symlink_to("nowhere")
    (work / "shut").mkdir()
    (work / "shut/x").write_text("x")
    (work / "shut").chmod(0o500)

    def command() -> None:
        for name in ("file", "folder", "link"):
            clear(work / name)
        (work / "file").mkdir(mode=0o555)
        (work / "folder").symlink_to("file")
        (work / "link").write_text("a file")
        (work / "shut").chmod(0o700)
        (work / "shut/x").write_text("y")
        (work / "shut").chmod(0o500)

    ground.turn(command)


@pytest.mark.parametrize(
    ("step", "left"),
    [
        *(("_take", left) for left in range(2)),
        *(("_put", left) for left in range(5)),
        ("_set_modes", 0),
        ("keep", 0),
    ],
)
def test_a_killed_undo_is_ended_by_the_next(
    ground: Ground, step: str, left: int
) -> None:
    turned(ground)
    after = ground.shape()
    killed(ground, step, left)
    ended = step == "keep"  # all is in place, and goes on record
    assert (ground.redo() if ended else ground.undo()).done
    if not ended:
        assert ground.redo().done
    assert ground.shape() == after
    assert ground.undo().done
    assert ground.redo().done
    assert ground.shape() == after


@pytest.mark.parametrize("left", [1, 3])
def test_a_turn_after_a_killed_undo_begins_where_that_began(
    ground: Ground, left: int
) -> None:
    turned(ground)
    after = ground.shape()
    killed(ground, "_put", left)
    ground.turn(lambda: (ground.work / "new").write_text("new"))
    ground.undo()
    assert ground.shape() == after


def test_what_somebody_changed_after_an_undo_was_killed_stays(ground: Ground) -> None:
    for name in "ab":
        (ground.work / name).write_text("before")
    ground.turn(lambda: [(ground.work / n).write_text("after") for n in "ab"])
    killed(ground, "_put", 1)
    (ground.work / "a").write_text("mine")
    report = ground.undo(skip_conflicts=True)
    assert [gap.path.rpartition(b"/")[2] for gap in report.conflicts] == [b"a"]
    assert (ground.work / "a").read_text() == "mine"
    assert (ground.work / "b").read_text() == "before"


def test_a_list_of_turns_restores_nothing(ground: Ground) -> None:
    turned(ground)
    killed(ground, "_put", 2)
    halfway = ground.shape()
    assert [r.prompt for r in back.listed(ground.workspace)] == ["do thing 1"]
    assert ground.shape() == halfway


def test_a_turn_that_was_killed_is_ended_by_the_next(ground: Ground) -> None:
    path = ground.work / "x"

    async def killed() -> None:
        recorder = ground.recorder()
        recorder.begin("killed", "killed")
        await recorder.before(None)
        path.write_text("half")
        assert recorder._live is not None
        os.close(recorder._live[1])  # as the end of its process does

    asyncio.run(killed())
    ground.turn(lambda: path.write_text("next"))
    ground.undo()
    assert path.read_text() == "half"
    assert [turn.prompt for turn in ground.undo().turns] == ["killed"]
    assert not path.exists()


def test_what_could_not_be_removed_goes_with_the_next_undo(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, away = ground.work / "d", ground.work.parent / "away"
    folder.mkdir()
    for name in "ab":
        (folder / name).write_text("before")
    ground.turn(lambda: [(folder / name).write_text("after") for name in "ab"])

    def swapped(*_: object) -> None:  # as a command that still runs may
        folder.rename(away)
        folder.symlink_to(away)
        raise OSError(errno.ELOOP, "a link", str(folder))

    monkeypatch.setattr(restore._Restoring, "_put", swapped)
    with pytest.raises(UndoError, match="nothing was restored"):
        ground.undo()
    monkeypatch.undo()
    assert {path.read_text() for path in (away / "a", away / "b")} == {"after"}
    folder.unlink()
    away.rename(folder)
    assert len(list(folder.iterdir())) > 2
    assert ground.undo().done
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "a": "before",
        "b": "before",
    }


def test_an_interrupted_undo_is_as_if_there_was_none(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (ground.work / name).write_text("before")
    ground.turn(lambda: [(ground.work / n).write_text("after") for n in "ab"])
    after = ground.shape()
    rename, left = Place.rename, 1

    def interrupted(place: Place, to: Place) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            raise KeyboardInterrupt
        rename(place, to)

    monkeypatch.setattr(Place, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ground.undo()
    assert ground.shape() == after
    (ground.work / "a").write_text("before")  # by hand
    ground.turn((ground.work / "c").touch)
    assert (ground.work / "a").read_text() == "before"


_PATCHING = """
import os, signal, sys
from pathlib import Path
from codex_oss.patch import write
from codex_oss.patch.apply import Change
from undoing import Ground
ground, left = Ground(Path(sys.argv[1])), int(sys.argv[2])
for step in ("link", "rename"):
    def killing(*args, done=getattr(write.Entry, step), **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return done(*args, **more)
    setattr(write.Entry, step, killing)
old, new = ground.work / "old", ground.work / "new"
x, what = ground.work / "x", {"name": "", "kind": "update"}
changes = [
    Change(path=x, before=b"x", after=b"y", target=x, **what),
    Change(path=old, before=b"old", after=b"new", target=new, removed=old, **what),
]
ground.turn(lambda: write.write(changes), paths=[x, old, new])
"""


@pytest.mark.parametrize("left", range(4))
def test_a_killed_patch_leaves_nothing_behind(ground: Ground, left: int) -> None:
    for name in ("old", "x"):
        (ground.work / name).write_text(name)
    before = ground.shape()
    run_killed(_PATCHING, ground.work.parent, left)
    assert ground.shape() != before
    (ground.work / ".codex-oss-mine").write_text("mine")
    with suppress(UndoError):  # as nothing had reached its place yet
        ground.undo()
    (ground.work / ".codex-oss-mine").unlink()
    assert ground.shape() == before


def test_what_a_killed_process_was_writing_here_is_swept(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SWEEP_EVERY", 1)
    ground.turn((ground.work / "x").touch)
    (folder,) = ground.state.glob("undo/work-*")
    for name in ("tree.ab12.new", "turns/7.tree", "turns/7.live", "turns/8.done.a.new"):
        (folder / name).touch()
    ground.turn((ground.work / "y").touch)
    names = {path.name for path in folder.iterdir()}
    assert names == {"lock", "workspace", "tree", "turns", "blobs"}
    assert {path.name for path in (folder / "turns").iterdir()} == {"1.done", "9.done"}
    assert ground.undo(count=2).done


@pytest.mark.parametrize(
    ("step", "left"), [("_put", 0), ("_linked", 1), ("_linked", 2), ("keep", 0)]
)
def test_a_killed_undo_leaves_no_file_with_fewer_names(
    ground: Ground, step: str, left: int
) -> None:
    names = [ground.work / name for name in "abc"]
    names[0].write_text("before")
    for name in names[1:]:
        name.hardlink_to(names[0])
    ground.turn(lambda: names[1].write_text("after"))
    killed(ground, step, left)
    assert (ground.redo() if step == "keep" else ground.undo()).done
    wanted = "after" if step == "keep" else "before"
    assert [name.read_text() for name in names] == [wanted] * 3
    assert len({name.stat().st_ino for name in names}) == 1
    assert len(os.listdir(ground.work)) == 3  # noqa: PTH208
