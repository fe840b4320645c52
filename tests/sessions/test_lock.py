"""One conversation, one process."""

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from codex_oss.errors import SessionError
from codex_oss.sessions.lock import FOLDER, Lock

THREAD = "01a1fd2c-0814-7470-9c7b-ff42fd8041ba"
HOLDER = """
import sys
from pathlib import Path
from codex_oss.sessions.lock import Lock
Lock(Path(sys.argv[1]), sys.argv[2]).take()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_taker_is_told_who_has_it_and_the_way_out(tmp_path: Path) -> None:
    first, second = Lock(tmp_path, THREAD), Lock(tmp_path, THREAD)
    first.take()
    with pytest.raises(SessionError) as caught:
        second.take()
    assert str(caught.value) == f"the session {THREAD} is open in process {os.getpid()}"
    assert f"codex-oss exec fork {THREAD} PROMPT" in caught.value.hint
    first.release()
    second.take()
    assert (first.held, second.held) == (False, True)
    second.release()


def test_a_full_disk_does_not_hinder_who_wants_to_delete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    first, second = Lock(tmp_path, THREAD), Lock(tmp_path, THREAD)
    first.take()
    with pytest.raises(SessionError, match="is open in"):
        second.take()
    first.release()
    assert os.listdir(tmp_path / FOLDER) == [".coordination.lock"]  # noqa: PTH208


def test_a_lock_ends_with_its_process_however_that_ends(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, tmp_path, THREAD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(SessionError, match=f"open in process {holder.pid}"):
            Lock(tmp_path, THREAD).take()
        holder.kill()
        holder.wait(180)
        lock = Lock(tmp_path, THREAD)
        lock.take()
        lock.release()


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="there is no /proc/locks")
def test_who_writes_no_name_into_the_file_is_known_all_the_same(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    with (tmp_path / FOLDER / f"{THREAD}.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(SessionError, match=f"open in process {os.getpid()}"):
            Lock(tmp_path, THREAD).take()


def test_no_lock_file_is_left_behind(tmp_path: Path) -> None:
    lock = Lock(tmp_path, THREAD)
    lock.take()
    lock.take()
    lock.release()
    lock.release()
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [
        ".coordination.lock"
    ]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file")
    with pytest.raises(SessionError, match="cannot lock the session at"):
        Lock(tmp_path, THREAD).take()


def test_where_nothing_can_be_locked_work_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    lock = Lock(tmp_path, THREAD)
    lock.take()
    assert lock.held
    lock.release()
