"""The start of a child: pipe or terminal, session and process group, mark."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from codex_oss.process import marks, signals

TERMINAL_ROWS, TERMINAL_COLUMNS = 24, 80
"""The size of a child's terminal."""

TAKE_TERMINAL = 'exec <>"$1" 1>&0 2>&0; shift; exec "$@"'
"""A shell script: make the terminal that argument 1 names the controlling one.

The first terminal that a session's leader opens becomes it; Python would need a fork
to do the same.
"""


class Confined(msgspec.Struct, frozen=True):
    """How a program is confined, as far as its start is concerned.

    ``by_bwrap`` says that it is bwrap with ``--die-with-parent``. ``inherit`` are
    descriptors that it gets, by the same numbers; they stay the caller's to close.
    ``restrict`` is called before the start, in a thread that lives no longer than that:
    what it forbids the thread, Linux forbids the child. (Not for bwrap: the end of the
    thread would be bwrap's.)
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
    ``OSError``, or what ``Confined.restrict`` raises.
    """
    if any("\0" in word for word in plan.argv):
        raise OSError("a word of the command holds a null byte")
    ours, theirs = os.openpty() if plan.tty else os.pipe()
    try:
        # Here, since a restricted thread may not be allowed to put marks on and off.
        with marks.worn(plan.mark) if plan.mark else contextlib.nullcontext():
            restrict = plan.confined.restrict
            if restrict is None:
                popen = _open(plan, theirs)
            else:
                popen = restricted(restrict, lambda: _open(plan, theirs))
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    os.set_blocking(ours, False)
    return popen, ours


def restricted(
    restrict: Callable[[], None], start: Callable[[], subprocess.Popen[bytes]]
) -> subprocess.Popen[bytes]:
    """Return what ``start`` starts, in a thread that gives up rights first.

    The thread ends with that: it never gets its rights back, could not signal all of
    its child's family, and is as little protected from the child as the child's own
    processes are. Until it has ended, some microseconds after the child's start, a
    child that looks for it could end us by it. Raises what either of the two raises.
    """
    started: list[subprocess.Popen[bytes]] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            restrict()
            started.append(start())
        except BaseException as error:  # noqa: BLE001  raised again below
            failed.append(error)

    thread = threading.Thread(target=run, name="restricted")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return started[0]


def _open(plan: Plan, theirs: int) -> subprocess.Popen[bytes]:
    return _on_terminal(plan, theirs) if plan.tty else _on_pipe(plan, theirs)


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
        ("/bin/sh", "-c", TAKE_TERMINAL, "sh", name, *plan.argv),
        cwd=plan.cwd,
        env=plan.env,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        pass_fds=plan.confined.inherit,
        start_new_session=True,
    )
