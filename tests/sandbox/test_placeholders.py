"""Directories that hold the place of protected names."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codex_oss.sandbox.placeholders import MARKED, Placeholders


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    return root


@pytest.fixture
def places(repo: Path) -> Placeholders:
    return Placeholders(repo.parent / "state/placeholders")


def locks(repo: Path) -> list[Path]:
    return list((repo.parent / "state/placeholders").iterdir())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def both(repo: Path) -> list[str]:
    return [str(repo / ".codex"), str(repo / ".git")]


def test_what_is_missing_is_made_and_removed_again(
    repo: Path, places: Placeholders
) -> None:
    (repo / ".git").mkdir()
    held = places.hold(both(repo))
    assert (repo / ".codex").stat().st_mode & 0o7777 == MARKED
    held.release()
    held.release()
    assert names(repo) == [".git"]
    assert locks(repo) == []


def test_nothing_missing_needs_no_lock(repo: Path, places: Placeholders) -> None:
    (repo / ".git").write_text("gitdir: x")
    (repo / ".codex").symlink_to("nowhere")
    places.hold(both(repo)).release()
    assert not (repo.parent / "state").exists()
    assert names(repo) == [".codex", ".git"]


def test_the_last_of_several_runs_removes_it(repo: Path, places: Placeholders) -> None:
    first, second = places.hold(both(repo)), places.hold(both(repo))
    first.release()
    assert names(repo) == [".codex", ".git"]
    third = places.hold(both(repo))
    second.release()
    assert names(repo) == [".codex", ".git"]
    third.release()
    assert names(repo) == []
    assert locks(repo) == []


def test_what_somebody_put_into_it_stays_as_theirs(
    repo: Path, places: Placeholders
) -> None:
    held = places.hold(both(repo))
    (repo / ".git/config").write_text("theirs")
    held.release()
    assert names(repo) == [".git"]
    assert (repo / ".git").stat().st_mode & 0o7777 == 0o755
    assert (repo / ".git/config").read_text() == "theirs"


def test_what_somebody_put_in_its_place_stays(repo: Path, places: Placeholders) -> None:
    held = places.hold(both(repo))
    (repo / ".git").rmdir()
    (repo / ".git").mkdir()
    (repo / ".codex").rmdir()
    (repo / ".codex").write_text("theirs")
    held.release()
    assert names(repo) == [".codex", ".git"]


def test_one_that_was_removed_meanwhile_is_no_matter(
    repo: Path, places: Placeholders
) -> None:
    held = places.hold(both(repo))
    (repo / ".git").rmdir()
    again = places.hold(both(repo))
    assert names(repo) == [".codex", ".git"]
    held.release()
    again.release()
    assert names(repo) == []


def test_a_place_that_is_gone_is_no_matter(repo: Path, places: Placeholders) -> None:
    held = places.hold([str(repo / "a/.git"), str(repo / ".git")])
    assert names(repo) == [".git"]
    (repo / ".git").rmdir()
    repo.rmdir()
    held.release()


# --- killed ---------------------------------------------------------------------------

_HOLDER = """
import sys
from pathlib import Path
from codex_oss.sandbox.placeholders import Placeholders
held = Placeholders(Path(sys.argv[1])).hold(sys.argv[2:])
print("held", flush=True)
sys.stdin.read()
held.release()
"""


@pytest.fixture
def other(repo: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds placeholders until its standard input ends."""
    state = str(repo.parent / "state/placeholders")
    with subprocess.Popen(
        (sys.executable, "-c", _HOLDER, state, *both(repo)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"held\n"
        yield running
        running.kill()


def test_a_later_start_sweeps_up_after_one_that_was_killed(
    repo: Path, places: Placeholders, other: "subprocess.Popen[bytes]"
) -> None:
    (repo / ".git/theirs").touch()
    places.sweep()
    assert names(repo) == [".codex", ".git"]
    other.send_signal(signal.SIGKILL)
    other.wait(timeout=180)
    assert names(repo) == [".codex", ".git"]
    places.sweep()
    assert names(repo) == [".git"]
    assert locks(repo) == []


def test_another_process_that_still_runs_keeps_it(
    repo: Path, places: Placeholders, other: "subprocess.Popen[bytes]"
) -> None:
    places.hold(both(repo)).release()
    assert names(repo) == [".codex", ".git"]
    assert other.stdin is not None
    other.stdin.close()
    other.wait(timeout=180)
    assert names(repo) == []


def test_sweeping_removes_nothing_that_bears_no_mark(
    repo: Path, places: Placeholders
) -> None:
    (repo / ".git").mkdir()
    folder = repo.parent / "state/placeholders"
    folder.mkdir(parents=True)
    lock = folder / "1-2"
    lock.write_bytes(os.fsencode(repo / ".git") + b"\0")
    (folder / "3-4").mkdir()
    places.sweep()
    assert names(repo) == [".git"]
    assert names(folder) == ["3-4"]


def test_sweeping_needs_no_folder(places: Placeholders) -> None:
    places.sweep()


# --- where it cannot be made ----------------------------------------------------------


@pytest.fixture
def full(repo: Path) -> Placeholders:
    """Placeholders whose locks find no room."""
    (repo.parent / "file").touch()
    return Placeholders(repo.parent / "file/placeholders")


def test_without_room_for_a_lock_all_is_protected_and_removed(
    repo: Path, full: Placeholders
) -> None:
    held = full.hold(both(repo))
    assert (repo / ".codex").stat().st_mode & 0o7777 == MARKED
    held.release()
    held.release()
    assert names(repo) == []


def test_without_room_for_locks_the_last_of_several_runs_removes_it(
    repo: Path, full: Placeholders
) -> None:
    first, second = full.hold(both(repo)), full.hold(both(repo))
    first.release()
    assert names(repo) == [".codex", ".git"]
    second.release()
    assert names(repo) == []


def test_runs_with_and_without_a_lock_leave_each_other_what_they_need(
    repo: Path, places: Placeholders, full: Placeholders
) -> None:
    bare, other = full.hold(both(repo)), places.hold(both(repo))
    other.release()
    assert names(repo) == [".codex", ".git"]
    assert len(locks(repo)) == 1  # and knows what is still to be removed
    bare.release()
    assert names(repo) == []
    places.sweep()
    assert locks(repo) == []

    (repo.parent / "file").unlink()  # there is room again
    (repo.parent / "file").symlink_to("state")
    other = places.hold(both(repo))
    (repo.parent / "file").unlink()
    (repo.parent / "file").touch()
    bare = full.hold(both(repo))
    (repo.parent / "file").unlink()
    (repo.parent / "file").symlink_to("state")
    bare.release()
    assert names(repo) == [".codex", ".git"]
    other.release()
    assert names(repo) == []


def test_where_the_directory_is_locked_by_others_a_later_run_removes_it(
    repo: Path, places: Placeholders, full: Placeholders
) -> None:
    theirs = os.open(repo, os.O_RDONLY)
    fcntl.flock(theirs, fcntl.LOCK_EX)
    full.hold(both(repo)).release()
    places.hold(both(repo)).release()
    assert names(repo) == [".codex", ".git"]
    os.close(theirs)
    places.hold(both(repo)).release()
    assert names(repo) == []


def test_without_room_for_a_note_the_run_itself_remembers(
    repo: Path, places: Placeholders, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    first, second = places.hold(both(repo)), places.hold(both(repo))
    first.release()
    assert names(repo) == [".codex", ".git"]
    second.release()
    assert names(repo) == []
    assert locks(repo) == []


def test_names_of_all_kinds_are_kept_apart(repo: Path, places: Placeholders) -> None:
    odd = [repo / os.fsdecode(name) for name in (b"a\nb", b"\xff", b" x" * 100)]
    held = places.hold(map(str, odd))
    assert all(path.is_dir() for path in odd)
    held.release()
    assert names(repo) == []


def test_a_name_that_cannot_exist_needs_no_place(
    repo: Path, places: Placeholders
) -> None:
    places.hold([str(repo / ("x" * 256)), str(repo / "file/.git")]).release()
    assert names(repo) == []
