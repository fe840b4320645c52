"""Marks: who wears one, who escapes, and what is done to those who wear it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

from codex_oss.process import marks

pytestmark = pytest.mark.skipif(
    marks.new() == marks.NONE, reason="needs a Linux where processes can be marked"
)

UNLIMITED = "ulimit -m unlimited; "
FROM_THE_START = 0, 0.0


def started(
    mark: int, *argv: str, env: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a program that tells a line and waits until its input ends."""
    with marks.worn(mark):
        popen = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
    assert popen.stdout is not None
    assert popen.stdout.readline() == "up\n"
    return popen


def wearing(mark: int, *, but: Sequence[int] = ()) -> list[int]:
    with marks.wearers(mark, since=FROM_THE_START, but=but) as found:
        return [each.pid for each in found]


TOLD = "echo up; read x"


@pytest.mark.parametrize(
    "argv",
    [
        ("sh", "-c", TOLD),
        ("env", "-i", "/bin/sh", "-c", TOLD),
        ("setsid", "sh", "-c", TOLD),
        (sys.executable, "-c", "print('up', flush=True); input()"),
    ],
    ids=["plain", "no-environment", "other-session", "other-program"],
)
def test_a_mark_is_inherited_whatever_a_program_does(argv: tuple[str, ...]) -> None:
    mark = marks.new()
    with started(mark, *argv) as popen:
        assert wearing(mark) == [popen.pid]
        assert wearing(mark, but=(popen.pid,)) == []
        assert wearing(marks.new()) == []
        assert marks.kill(mark, since=(popen.pid - 1, time.monotonic()))
        assert popen.wait() == -9


def test_the_mark_is_off_again_and_our_own_limit_stays() -> None:
    import resource  # noqa: PLC0415  absent on Windows

    before = resource.getrlimit(resource.RLIMIT_RSS)
    mark = marks.new()
    with started(mark, "sh", "-c", TOLD) as marked:
        assert resource.getrlimit(resource.RLIMIT_RSS) == before
        with started(marks.NONE, "sh", "-c", TOLD) as free:
            assert wearing(mark) == [marked.pid]
            free.kill()
        marked.kill()


def test_a_program_that_was_told_to_wear_none_wears_none_of_ours() -> None:
    ours = marks.new()
    code = (
        "from codex_oss.process import marks; import subprocess\n"
        "with marks.worn(marks.NONE):\n"
        "    free = subprocess.Popen(('sh', '-c', 'read x'))\n"
        "print('up', flush=True)\n"
        "free.wait()"
    )
    with started(ours, sys.executable, "-c", code) as nested:
        assert wearing(ours) == [nested.pid]
        nested.kill()


def test_who_asks_linux_for_another_limit_escapes() -> None:
    mark = marks.new()
    with started(mark, "sh", "-c", UNLIMITED + TOLD) as popen:
        assert wearing(mark) == []
        popen.kill()


def test_who_has_ended_wears_nothing_even_before_anybody_waits_for_it() -> None:
    mark = marks.new()
    with started(mark, "sh", "-c", TOLD) as popen:
        assert popen.stdin is not None
        popen.stdin.close()
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
        assert wearing(mark) == []
        assert marks.kill(mark, since=FROM_THE_START)


@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "gone"])
def test_who_was_started_by_one_that_ended_under_our_eyes_is_found(
    monkeypatch: pytest.MonkeyPatch, *, reaped: bool
) -> None:
    mark = marks.new()
    with started(mark, "sh", "-c", "echo up; read x; sleep 1000 &") as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        list_all, lists = marks._candidates, 0

        def listed(first: int, began: float) -> list[int]:
            nonlocal lists
            found = list_all(first, began)
            lists += 1
            if popen.stdin and lists == 1:
                popen.stdin.close()
                os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
                if reaped:
                    popen.wait()
            return found

        monkeypatch.setattr(marks, "_candidates", listed)
        assert marks.kill(mark, since=FROM_THE_START)
        assert lists > 1
        # The end of its output: who held the pipe has ended.
        assert popen.stdout.read() == ""


def test_only_processes_of_the_time_are_looked_at() -> None:
    mark = marks.new()
    with started(mark, "sh", "-c", TOLD) as popen:
        with marks.wearers(mark, since=(popen.pid, time.monotonic())) as found:
            assert found == []
        # After so long, numbers may have begun again at the bottom.
        with marks.wearers(mark, since=(popen.pid, -1e9)) as found:
            assert [each.pid for each in found] == [popen.pid]
        popen.kill()


def test_there_is_no_mark_where_the_limit_is_taken() -> None:
    code = (
        "import resource; from codex_oss.process import marks\n"
        "resource.setrlimit(resource.RLIMIT_RSS, (2**40, 2**40))\n"
        "print(marks.new() == marks.NONE)\n"
        "with marks.worn(marks.NONE): print('up')"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\nup\n"


def test_there_is_no_mark_where_a_sandbox_forbids_to_set_it() -> None:
    code = (
        "import resource; from codex_oss.process import marks\n"
        "def refuse(which, limits): raise ValueError('not allowed')\n"
        "resource.setrlimit = refuse\n"
        "print(marks.new() == marks.NONE)\n"
        "with marks.worn(marks.NONE): print('up')"
    )
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\nup\n"
