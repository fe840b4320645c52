"""The start of a child: pipe or terminal, session and process group, mark."""

import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from codex_oss.process import marks, signals

TERMINAL_ROWS, TERMINAL_COLUMNS = 24, 80
"""The size of a child's terminal."""

# Makes the terminal that argument 1 names the controlling terminal: the first that a
# session's leader opens becomes it. Python would need a fork to do the same.
_TAKE_TERMINAL = 'exec <>"$1" 1>&0 2>&0; shift; exec "$@"'


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
    mark: int = marks.NONE
    """What the program and all that it starts will wear (see ``marks``)."""


def spawn(plan: Plan) -> tuple[subprocess.Popen[bytes], int]:
    """Start a program in its own session; return it and our end of its output.

    The end does not block; for a terminal it is written to as well. Raises
    ``OSError``.
    """
    if any("\0" in word for word in plan.argv):
        raise OSError("a word of the command holds a null byte")
    ours, theirs = os.openpty() if plan.tty else os.pipe()
    try:
        with marks.worn(plan.mark) if plan.mark else contextlib.nullcontext():
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
    signals.set_size(terminal, TERMINAL_ROWS, TERMINAL_COLUMNS)
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
