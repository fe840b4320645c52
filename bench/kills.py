"""What `kill -9` leaves behind: commands of ours and of Codex, killed at any moment.

    .venv/bin/python bench/kills.py [--kills 200] [--within 25]

A row is one way to run `sleep`. Each program is killed so many milliseconds at most
after it was about to start its first command; Codex, which does not tell, ten times so
many after its own start. This process is made the one that orphans come to: what still
runs five seconds later was left behind. `CODEX_BIN` names the Codex CLI.
"""

import argparse
import asyncio
import ctypes
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from startup import theirs

from codex_oss import process
from codex_oss.policy import Permissions
from codex_oss.sandbox.run import Sandbox, Settings

SLEEP = ("/bin/sleep", "1000")
Backend = Literal["bubblewrap", "landlock", "none"]
PATIENCE_S = 5.0
LOOK_S = 0.005
_PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Kill, and print what was left."""
    parser = argparse.ArgumentParser(description="What kill -9 leaves behind.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--within", type=float, default=25.0, help="milliseconds")
    parser.add_argument("--begin", choices=get_args(Backend), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.begin:
        asyncio.run(begin(options.begin))
        return 0
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for way in ways(options.within):
        ends = [killed(way) for _ in range(options.kills)]
        left = sum(end is None for end in ends)
        longest = max((end for end in ends if end is not None), default=PATIENCE_S)
        print(
            f"{way.name:<12}{left:>4} of {options.kills} left something behind; "
            f"the others' last process ended after {longest:.2f} s at most"
        )
    return 0


class Way(NamedTuple):
    """What is killed, and how late at most; it may tell when to begin to count."""

    name: str
    argv: Sequence[str]
    within_ms: float
    tells: bool = True


def ways(within_ms: float) -> list[Way]:
    """Return the rows of the table."""
    ours = (sys.executable, str(Path(__file__).resolve()), "--begin")
    rows = [Way(name, (*ours, name), within_ms) for name in get_args(Backend)]
    codex = [(*peer.argv, "sandbox", "--", *SLEEP) for peer in theirs()[:1]]
    return [*rows, *(Way("codex", argv, 10 * within_ms, tells=False) for argv in codex)]


async def begin(backend: Backend) -> None:
    """Start one command after the other in a sandbox, until somebody kills us."""
    cwd = Path.cwd()
    allowed = Permissions(mode="workspace-write", writable_roots=(str(cwd),))
    settings = Settings(backend="auto" if backend == "none" else backend)
    sandbox = Sandbox(os.environ, state=cwd / "state", settings=settings)
    await sandbox.guarantee(allowed, cwd)
    os.write(1, b"\n")
    ready = await sandbox.prepare(
        SLEEP, cwd, allowed, dict(os.environ), sandboxed=backend != "none", tty=False
    )
    child = await process.start(
        ready.argv,
        cwd=cwd,
        env=ready.env,
        on_output=lambda _: None,
        confined=ready.confined,
    )
    await child.wait()


def killed(way: Way) -> float | None:
    """Kill a program; return after how many seconds all of it had ended, if it had."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        popen = subprocess.Popen(
            way.argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert popen.stdout is not None
        with popen.stdout as told:
            if way.tells:
                told.read(1)
            wait(random.uniform(0, way.within_ms) / 1000)
            popen.kill()
            popen.wait()
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            if not orphans():
                return time.monotonic() - began
            wait(LOOK_S)
        while left := orphans():
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            wait(LOOK_S)
        return None


def wait(seconds: float) -> None:
    """Do nothing for a while."""
    select.select([], [], [], seconds)


def orphans() -> list[int]:
    """Return the processes that came to us and still run."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    tasks = Path("/proc/self/task").iterdir()
    return [
        int(pid) for each in tasks for pid in (each / "children").read_text().split()
    ]


if __name__ == "__main__":
    sys.exit(main())
