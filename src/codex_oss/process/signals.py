"""Whom a signal is for: the command's group, its terminal's jobs, those inside bwrap.

bwrap's own process must not get the polite signals: it would take everything down at
once. Called while the child's number is reserved (see ``Child``).
"""

import contextlib
import os
import signal
import struct
from pathlib import Path

_NOBODY = (ProcessLookupError, PermissionError)
"""What a signal to nobody raises; macOS: PermissionError, if only zombies are left."""
_PROCESSES = 10_000
"""How many processes inside one bwrap are told."""


def to_group(group: int, number: int) -> bool:
    """Send a signal to a process group; False if nobody got it."""
    try:
        os.killpg(group, number)
    except _NOBODY:
        return False
    return True


def in_group(pid: int, group: int) -> bool:
    """Return whether a process is in a process group."""
    try:
        return os.getpgid(pid) == group
    except ProcessLookupError:
        return False


def ask_to_end(pid: int, terminal: int | None, *, contained: bool) -> None:
    """Ask a child to end, as a closed terminal or ``kill`` does.

    ``terminal`` is our end of the child's terminal. ``contained``: the child is bwrap.
    """
    if terminal is not None:
        # A shell at a terminal takes no notice of SIGTERM; a stopped job must wake up.
        for number in (signal.SIGHUP, signal.SIGCONT):
            if contained:
                _to_inside(pid, number)
            else:
                for group in {pid, foreground(terminal) or pid}:
                    to_group(group, number)
    elif contained:
        to_command(pid, signal.SIGTERM)
    else:
        to_group(pid, signal.SIGTERM)


def to_command(bwrap: int, number: int) -> bool:
    """Send a signal to the group of the command inside; False if there is none yet.

    A command that shares bwrap's own group, as at a terminal, is not alone in it:
    then all that runs inside this group gets the signal one by one.
    """
    inside = _inside(bwrap)
    if not inside:
        return False
    with contextlib.suppress(ProcessLookupError):
        group = os.getpgid(inside[0])
        if group != bwrap:
            return to_group(group, number)
        return _to_inside(bwrap, number, of_group=group)
    return False


def foreground(terminal: int) -> int | None:
    """Return the process group that reads from a terminal; None if there is none."""
    try:
        return os.tcgetpgrp(terminal) or None
    except OSError:  # macOS does not tell the other end
        return None


def keys(terminal: int) -> dict[int, int]:
    """Return the bytes that the terminal turns into signals that end a program."""
    import termios  # noqa: PLC0415  only few commands have a terminal

    try:
        attributes = termios.tcgetattr(terminal)
    except termios.error:
        return {}
    if not attributes[3] & termios.ISIG:
        return {}
    named = ((termios.VINTR, signal.SIGINT), (termios.VQUIT, signal.SIGQUIT))
    bytes_of = ((attributes[6][place], number) for place, number in named)
    # A null byte: there is no such key. A number: no control character at all.
    return {
        key[0]: number
        for key, number in bytes_of
        if isinstance(key, bytes) and key != b"\0"
    }


def set_size(terminal: int, rows: int, columns: int) -> None:
    """Tell a terminal its size; what runs in its foreground gets SIGWINCH."""
    import fcntl  # noqa: PLC0415  as above
    import termios  # noqa: PLC0415  as above

    size = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)


def _to_inside(bwrap: int, number: int, *, of_group: int | None = None) -> bool:
    reached = False
    for pid in _inside(bwrap):
        with contextlib.suppress(*_NOBODY):
            if of_group is None or os.getpgid(pid) == of_group:
                os.kill(pid, number)
                reached = True
    return reached


def _inside(bwrap: int) -> list[int]:
    """Return what runs inside a bwrap, the command first; not the namespace's init.

    bwrap has one child, the init of the new namespace; that has the command, and all
    whose parent has ended. Empty where Linux does not list children.
    """
    init = _children(bwrap)[:1]
    found = _children(init[0]) if init else []
    for pid in found:  # grows meanwhile
        if len(found) < _PROCESSES:
            found += _children(pid)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # or this thread of it
                text = (thread / "children").read_text("ascii")
                found += map(int, text.split())
    return found
