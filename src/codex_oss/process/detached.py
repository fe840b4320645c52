"""Programs that outlive us: started, known again by another process, ended.

The number of a process that has ended is given to another one some day. A process is
therefore known by its number and its birth, and only then sent a signal.
"""

import contextlib
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from codex_oss.process.ends import announce_end

TERM_S = 10.0
"""How long a program may take to end after SIGTERM; SIGKILL follows."""
KILL_S = 5.0
"""How long the system may take to end it after SIGKILL."""
POLL_S = 0.05
"""Between two looks at a process whose end the system does not announce."""
PS_S = 5.0
"""For the program that tells a birth where there is no ``/proc``."""

_STATE, _START = 0, 19
"""Fields of ``/proc/PID/stat`` after the name: state, start in ticks (proc(5))."""


class Process(msgspec.Struct, frozen=True):
    """A running process. ``birth`` differs from that of every other of its number."""

    pid: int
    birth: str


def start_detached(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, its output appended to ``log``.

    Raises ``OSError``.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def start_unheard(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> None:
    """Start a program that nobody listens to or waits for.

    Raises ``OSError``, and ``ValueError`` for words that no program can be given.
    """
    child = subprocess.Popen(
        argv,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    beside(child.wait)


def beside(work: Callable[[], object]) -> None:
    """Do something that may take its time in a thread that no exit waits for."""
    threading.Thread(target=work, daemon=True).start()


def let_go(child: subprocess.Popen[bytes]) -> None:
    """Stop being the one who waits for a program that outlives us."""
    # Python warns of a child that nobody waited for unless it knows an exit code.
    child.returncode = child.returncode or 0


def find(pid: int) -> Process | None:
    """Return the process that has this number now, if one has."""
    birth = _birth_in_proc(pid) if Path("/proc/self/stat").exists() else _birth_of(pid)
    return Process(pid, birth) if birth else None


def runs(process: Process) -> bool:
    """Return whether this very process still runs."""
    return find(process.pid) == process


def end(process: Process, *, grace_s: float = TERM_S, kill_s: float = KILL_S) -> bool:
    """End a process, by force after ``grace_s``; return whether it is gone.

    Raises ``PermissionError`` when it is another user's.
    """
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, kill_s)):
        if not runs(process):
            return True
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        if _wait(process, wait_s):
            return True
    return False


def _wait(process: Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    ended = announce_end(process.pid)
    try:
        while runs(process):
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if ended is None:  # select waits for nothing, then
                select.select([], [], [], min(POLL_S, left))
            else:
                select.select([ended], [], [], left)
        return True
    finally:
        if ended is not None:
            os.close(ended)


def _birth_in_proc(pid: int) -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    # The name stands in parentheses and may hold any byte, parentheses too.
    fields = stat.rpartition(b")")[2].split()
    return "" if fields[_STATE] in (b"Z", b"X") else f"{boot}/{int(fields[_START])}"


def _birth_of(pid: int) -> str:
    try:
        told = subprocess.run(
            ("ps", "-o", "stat=,lstart=", "-p", str(pid)),
            env={"LC_ALL": "C", "PATH": "/bin:/usr/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PS_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    state, _, start = told.stdout.strip().partition(" ")
    return "" if state.startswith("Z") else start.strip()
