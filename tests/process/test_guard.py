"""The guard's script, in every shell that may be `/bin/sh` somewhere."""

import os
import select
import shutil
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_oss.process import guard, marks

LIMIT_S = 180
NONE = Path("/nonexistent")
SCRIPT = Path(guard.__file__).with_name("guard.sh")
SHELLS = (("sh",), ("dash",), ("bash", "--posix"), ("busybox", "sh"))

pytestmark = pytest.mark.skipif(
    marks.new() == marks.NONE, reason="needs a Linux where processes can be marked"
)
in_each_shell = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(
            shell,
            marks=pytest.mark.skipif(
                shutil.which(shell[0]) is None, reason=f"there is no {shell[0]} here"
            ),
        )
        for shell in SHELLS
    ],
    ids=[shell[0] for shell in SHELLS],
)


def strike(shell: Sequence[str], mark: str, told: str, tools: Path = NONE) -> str:
    """Run a guard whose program is gone already; return what it complained of."""
    done = subprocess.run(
        (*shell, str(SCRIPT), mark),
        input=told,
        env={"PATH": f"{tools}:{os.environ['PATH']}", "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done.stderr


@in_each_shell
def test_a_guard_ends_who_wears_the_mark_and_nobody_else(
    shell: tuple[str, ...],
) -> None:
    mark, other = marks.new(), marks.new()
    with marks.worn(mark):
        marked = [subprocess.Popen(("setsid", "sleep", "1000")) for _ in range(3)]
    with marks.worn(other), subprocess.Popen(("sleep", "1000")) as free:
        assert strike(shell, str(mark), "") == ""
        assert [popen.wait(LIMIT_S) for popen in marked] == [-9, -9, -9]
        assert free.poll() is None
        free.kill()


SLOW_GREP = """#!/bin/sh
PATH=${PATH#*:}
if [ -e "$0.first" ]; then
    rm "$0.first"
    echo >"$0.go"
    read -r ended <"$0.ended"
fi
exec grep "$@"
"""
"""A grep that looks only once somebody has ended who is in its list of files."""


@in_each_shell
@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "gone"])
def test_a_guard_finds_who_was_started_by_one_that_ended_under_its_eyes(
    shell: tuple[str, ...], tmp_path: Path, *, reaped: bool
) -> None:
    if shell[0] == "busybox":
        pytest.skip("it has a grep of its own")
    grep, mark = tmp_path / "grep", marks.new()
    grep.write_text(SLOW_GREP)
    grep.chmod(0o755)
    for pipe in ("go", "ended"):
        os.mkfifo(f"{grep}.{pipe}")
    Path(f"{grep}.first").touch()
    script = f"echo up; read -r go <'{grep}.go'; sleep 1000 &"
    with marks.worn(mark):
        first = subprocess.Popen(("sh", "-c", script), stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"up\n"

    def tell() -> None:
        os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
        if reaped:
            first.wait()
        Path(f"{grep}.ended").write_text("\n")

    telling = threading.Thread(target=tell, daemon=True)
    telling.start()
    try:
        assert strike(shell, str(mark), "", tmp_path) == ""
        # The end of its output: all that held the pipe have ended.
        assert select.select([first.stdout], [], [], LIMIT_S)[0]
        assert first.stdout.read() == b""
        assert not Path(f"{grep}.first").exists()
    finally:
        marks.kill(mark, since=(0, 0.0))
        telling.join(LIMIT_S)
        first.stdout.close()
        first.wait()


@in_each_shell
def test_a_guard_without_mark_ends_the_group_and_all_below_it(
    shell: tuple[str, ...],
) -> None:
    script = "setsid sh -c 'echo $$; exec sleep 1000' & sleep 1000"
    with subprocess.Popen(
        ("sh", "-c", script), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline()
        assert strike(shell, "", f"{command.pid}\n") == ""
        assert command.wait(LIMIT_S) == -9
        # All that held the pipe have ended, also who had left the group.
        assert command.stdout.read() == ""


@in_each_shell
def test_a_guard_that_was_told_of_nothing_ends_nothing(shell: tuple[str, ...]) -> None:
    assert strike(shell, "", "") == ""
    assert strike(shell, str(marks.new()), "") == ""
