"""Programs that outlive us: known again by their birth, ended by force if need be."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from codex_oss.process import detached
from codex_oss.process.detached import Process

WAIT_S = 180.0
STUBBORN = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stdout.write("ready\\n")
sys.stdout.flush()
signal.alarm(60)
signal.pause()
"""


def started(code: str) -> "subprocess.Popen[str]":
    """Start Python with some code and wait for its first line."""
    words = [sys.executable, "-c", code]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def found(pid: int) -> Process:
    process = detached.find(pid)
    assert process is not None
    return process


def test_a_process_is_the_same_for_as_long_as_it_runs() -> None:
    ours = found(os.getpid())

    assert ours == found(os.getpid())
    assert detached.runs(ours)
    assert not detached.runs(replace(ours, birth="another"))
    assert ours != found(os.getppid())


def test_sigkill_follows_a_sigterm_that_is_ignored() -> None:
    with started(STUBBORN) as child:
        assert detached.end(found(child.pid), grace_s=0.05)
        assert child.wait(WAIT_S) == -9


def test_a_process_that_was_not_waited_for_counts_as_ended() -> None:
    with started(STUBBORN) as child:
        process = found(child.pid)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

        assert not detached.runs(process)


def test_what_a_detached_program_says_is_added_to_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    code = "import os, sys; sys.stderr.write(f'{os.getcwd()} {os.environ}')"

    child = detached.start_detached(
        [sys.executable, "-c", code], cwd=tmp_path, env={"LC_ALL": "C"}, log=log
    )

    assert child.wait(WAIT_S) == 0
    assert log.read_text() == f"before\n{tmp_path} environ({{'LC_ALL': 'C'}})"


def test_ps_knows_a_process_where_there_is_no_proc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if shutil.which("ps") is None:
        pytest.skip("ps is not installed")

    def exists(_: Path) -> bool:
        return False

    monkeypatch.setattr(Path, "exists", exists)

    ours = found(os.getpid())

    assert ours.birth.endswith(tuple("0123456789"))
    assert detached.find(2**22 + 1) is None
