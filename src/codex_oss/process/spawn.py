"""The system calls around a child: pipe or terminal, process group, guard, end."""

import contextlib
import fcntl
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

TERMINAL_ROWS, TERMINAL_COLUMNS = 24, 80
"""The size of a child's terminal."""

# Makes the terminal that argument 1 names the controlling terminal: the first that a
# session's leader opens becomes it. Python would need a fork to do the same.
_TAKE_TERMINAL = 'exec <>"$1" 1>&0 2>&0; shift; exec "$@"'
# Ends a process group when its standard input does, which is when we are gone.
_GUARD = 'trap "" HUP INT TERM; read -r _; kill -s KILL -- "-$1" 2>/dev/null'


class Confined(msgspec.Struct, frozen=True):
    """How a program is confined, as far as its start is concerned.

    ``by_bwrap`` says that it is bwrap with ``--die-with-parent``. ``inherit`` are
    descriptors that it gets, by the same numbers; they stay the caller's to close.
    ``restrict`` is called in the child's thread before the start: what it forbids that
    thread, Linux forbids the child.
    """

    by_bwrap: bool = False
    inherit: tuple[int, ...] = ()
    restrict: Callable[[], None] | None = None


FREE = Confined()


class Plan(msgspec.Struct, frozen=True):
    """What to start."""

    argv: tuple[str, ...]
    cwd: Path
    env: dict[str, str]
    tty: bool
    confined: Confined = FREE


def spawn(plan: Plan) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program in its own session; return it and our end of its output.

    The end does not block; for a terminal it is written to as well. Raises
    ``OSError``.
    """
    if any("\0" in word for word in plan.argv):
        raise OSError("a word of the command holds a null byte")
    ours, theirs = os.openpty() if plan.tty else os.pipe()
    try:
        popen = _on_terminal(plan, theirs) if plan.tty else _on_pipe(plan, theirs)
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    return popen, ours


def _on_pipe(plan: Plan, output: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        plan.argv,
        cwd=plan.cwd,
        env=plan.env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=plan.confined.inherit,
        start_new_session=True,
    )


def _on_terminal(plan: Plan, terminal: int) -> subprocess.Popen[bytes]:
    import termios  # noqa: PLC0415  only few commands have a terminal

    size = struct.pack("HHHH", TERMINAL_ROWS, TERMINAL_COLUMNS, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
    name = os.ttyname(terminal)
    return subprocess.Popen(
        ("/bin/sh", "-c", _TAKE_TERMINAL, "sh", name, *plan.argv),
        cwd=plan.cwd,
        env=plan.env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        pass_fds=plan.confined.inherit,
        start_new_session=True,
    )


def guard(group: int) -> subprocess.Popen[bytes] | None:
    """Start a process that kills ``group`` when this program is gone.

    It waits at a pipe whose other end only we have; SIGKILL closes that too. None
    when the system has no process left for it: ``group`` runs all the same.
    """
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            ("/bin/sh", "-c", _GUARD, "sh", str(group)),
            cwd="/",
            env={},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    return None


def dismiss(guarding: subprocess.Popen[bytes]) -> None:
    """End a guard without letting it kill."""
    guarding.kill()
    guarding.wait()
    if guarding.stdin is not None:
        guarding.stdin.close()


def announce_end(pid: int) -> int | None:
    """Return a descriptor that is readable once ``pid`` has ended, if there is one."""
    with contextlib.suppress(AttributeError, OSError):
        # Linux 5.3; other systems lack it and some containers refuse it.
        return os.pidfd_open(pid)
    return None


def has_ended(popen: subprocess.Popen[bytes]) -> bool:
    """Return whether a child has ended, and keep its number reserved if possible."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return popen.poll() is not None
    flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
    return os.waitid(os.P_PID, popen.pid, flags) is not None


def await_end(popen: subprocess.Popen[bytes]) -> None:
    """Wait until a child has ended, and keep its number reserved if possible."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, popen.pid, os.WEXITED | os.WNOWAIT)
    else:
        popen.wait()


def contained_pid(bwrap: int) -> int | None:
    """Return the process id of the command inside a running bwrap.

    bwrap has one child, the first process of the new namespace, and that has the
    command. None where Linux does not list children.
    """
    pid = bwrap
    for _ in range(2):
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
        except OSError:
            return None
        if not children:
            return None
        pid = int(children.split()[0])
    return pid
