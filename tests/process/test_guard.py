"""The guard's script, in every shell that may be `/bin/sh` somewhere."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_oss.process import guard, marks

LIMIT_S = 60
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


def strike(shell: Sequence[str], mark: str, told: str) -> str:
    """Run a guard whose program is gone already; return what it complained of."""
    done = subprocess.run(
        (*shell, str(SCRIPT), mark),
        input=told,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
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
