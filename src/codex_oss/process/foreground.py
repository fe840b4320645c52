"""A program in the foreground: it has our standard streams and our terminal.

It stays in our process group, so that the terminal's keys reach it and a shell stops
and continues both of us. Signals that are sent to us alone are handed on.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path

from codex_oss.process import guard, marks, signals
from codex_oss.process.spawn import FREE, Confined, restricted

HANDED_ON = (
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
"""Signals that are for the program, not for us."""
FROM_KEYS = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to everybody in the foreground."""

HEAR_KEYS = (
    "import _signal as s, os, sys\n"
    "for n in (s.SIGINT, s.SIGQUIT, s.SIGPIPE, s.SIGXFSZ): s.signal(n, s.SIG_DFL)\n"
    "try: os.execvp(sys.argv[1], sys.argv[1:])\n"
    "except OSError as e: print(sys.argv[1], e.strerror, sep=': ', file=sys.stderr)\n"
    "sys.exit(126)"
)
"""Python that runs its arguments, which hear the terminal's keys again."""


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    confined: Confined = FREE,
    deaf: bool = False,
) -> int:
    """Run a program to its end and return its exit code, 128 + n for signal n.

    ``deaf`` starts it without an ear for Ctrl-C: bwrap would take a command down that
    itself lives on. The command can get it back by ``HEAR_KEYS``.

    Of a confined program nothing is left when it has ended, or we are killed. A free
    one may leave behind what it wants, as if it had been typed.

    Must be called in the main thread. Raises ``OSError`` as the system gave it, and
    what ``confined.restrict`` raises.
    """
    mark = marks.NONE if confined == FREE else marks.new()
    began = time.monotonic()
    with _guarded(mark):
        with _handed_on(confined) as started:
            with _ignored(FROM_KEYS if deaf else ()), _worn(mark):
                popen = _start(argv, cwd, env, confined)
            started(popen)
            code = popen.wait()
        marks.kill(mark, since=(popen.pid, began))
    return code if code >= 0 else 128 - code


@contextlib.contextmanager
def _guarded(mark: int) -> Generator[None]:
    """End all that wears ``mark`` when something goes wrong, our end included."""
    keeping = guard.post(mark) if mark else None
    try:
        yield
    except BaseException:
        if keeping is not None:
            keeping.strike()
        raise
    finally:
        if keeping is not None:
            keeping.dismiss()


def _worn(mark: int) -> contextlib.AbstractContextManager[None]:
    return marks.worn(mark) if mark else contextlib.nullcontext()


def _start(
    argv: Sequence[str], cwd: Path, env: Mapping[str, str], confined: Confined
) -> subprocess.Popen[bytes]:
    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            tuple(argv), cwd=cwd, env=dict(env), pass_fds=confined.inherit
        )

    if confined.restrict is None:
        # bwrap dies with the thread that starts it: this one stays.
        return start()
    return restricted(confined.restrict, start)


@contextlib.contextmanager
def _ignored(numbers: Sequence[signal.Signals]) -> Generator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_Started = Callable[[subprocess.Popen[bytes]], None]


@contextlib.contextmanager
def _handed_on(confined: Confined) -> Generator[_Started]:
    """Hand signals on to the program that is told of by what this yields.

    What comes before that is kept for it.
    """
    running: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def hand_on(number: int, _: object) -> None:
        if number in FROM_KEYS and _in_the_foreground():
            return  # the terminal has told the program too
        if running:
            _send(running[0], number, confined)
        else:
            early.append(number)

    def started(popen: subprocess.Popen[bytes]) -> None:
        running.append(popen)
        for number in early:
            _send(popen, number, confined)

    # What whoever started us ignores (nohup), we and the program ignore too.
    heard = [n for n in HANDED_ON if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, hand_on) for number in heard}
    try:
        yield started
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _send(popen: subprocess.Popen[bytes], number: int, confined: Confined) -> None:
    if not (confined.by_bwrap and signals.to_command(popen.pid, number)):
        popen.send_signal(number)


def _in_the_foreground() -> bool:
    """Return whether our group is the one that a terminal's keys are for."""
    for stream in (0, 1, 2):
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(stream) == os.getpgrp()
    return False
