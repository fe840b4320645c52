"""Child processes in tests: start them, hear them, wait for the end of anybody."""

import asyncio
import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path

import pytest

from codex_oss.process import FREE, Child, Confined, start
from codex_oss.process.spawn import TAKE_TERMINAL

LIMIT_S = 180
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}

BWRAP = (
    *("bwrap", "--die-with-parent", "--ro-bind", "/", "/", "--dev", "/dev"),
    *("--unshare-user", "--unshare-pid", "--proc", "/proc", "--cap-drop", "ALL"),
)
BY_BWRAP = Confined(by_bwrap=True)


class Heard:
    """Collects output and lets a test wait for some of it."""

    def __init__(self) -> None:
        self.data = b""
        self._more = asyncio.Event()

    def __call__(self, data: bytes) -> None:
        self.data += data
        self._more.set()

    async def until(self, text: bytes) -> None:
        while text not in self.data:
            self._more.clear()
            await self._more.wait()

    async def numbers(self, count: int) -> list[int]:
        """Wait for this many numbers, each in a line of its own, and return them."""
        while len(found := re.findall(rb"^(\d+)\r?$", self.data, re.MULTILINE)) < count:
            self._more.clear()
            await self._more.wait()
        return [int(each) for each in found]


async def begin(
    script: str, heard: Callable[[bytes], None], *, tty: bool = False
) -> Child:
    """Start a script as an unsandboxed command."""
    return await begin_any(("/bin/sh", "-c", script), heard, tty=tty)


async def begin_inside(
    script: str, heard: Callable[[bytes], None], *, tty: bool = False
) -> Child:
    """Start a script inside bwrap."""
    options = () if tty else ("--new-session",)
    argv = (*BWRAP, *options, "--", "/bin/sh", "-c", script)
    return await begin_any(argv, heard, tty=tty, confined=BY_BWRAP)


async def begin_any(
    argv: Sequence[str],
    heard: Callable[[bytes], None],
    *,
    tty: bool = False,
    confined: Confined = FREE,
) -> Child:
    """Start a program at ``/``."""
    return await start(
        argv, cwd=Path("/"), env=ENV, on_output=heard, tty=tty, confined=confined
    )


def bounded(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test in an event loop, for ``LIMIT_S`` at most."""

    async def limited() -> None:
        async with asyncio.timeout(LIMIT_S):
            await test()

    asyncio.run(limited())


async def until_ended(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    gone = asyncio.Event()
    asyncio.get_running_loop().add_reader(fd, gone.set)
    await gone.wait()
    asyncio.get_running_loop().remove_reader(fd)
    os.close(fd)


def runs(pid: int) -> bool:
    """Return whether a process runs; one that only waits for its parent does not."""
    try:
        return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


AGENT = """
import asyncio, json, os, sys
from pathlib import Path
from codex_oss.process import Confined, marks, start

argv, tty, by_bwrap, marked = json.loads(sys.argv[1])
if not marked:
    marks.new = lambda: marks.NONE

async def main():
    def show(data):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    child = await start(argv, cwd=Path("/"), env=dict(os.environ), on_output=show,
                        tty=tty, confined=Confined(by_bwrap=by_bwrap))
    sys.stdout.buffer.write(b"%d\\n" % child.pid)
    sys.stdout.buffer.flush()
    await child.wait()

asyncio.run(main())
"""


@contextlib.contextmanager
def agent(
    argv: Sequence[str],
    *,
    tty: bool = False,
    by_bwrap: bool = False,
    marked: bool = True,
) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """Run a program of ours that starts ``argv`` and waits for it, at a terminal.

    Gives it and our end of the terminal, where it shows the command's output, and the
    command's process id once it runs. ``marked``: False does without marks.
    """

    ours, theirs = os.openpty()
    told = json.dumps([list(argv), tty, by_bwrap, marked])
    shell = ("/bin/sh", "-c", TAKE_TERMINAL, "sh", os.ttyname(theirs))
    running = subprocess.Popen(
        (*shell, sys.executable, "-c", AGENT, told),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield running, ours
    finally:
        running.kill()
        running.wait()
        with contextlib.suppress(OSError):
            os.close(ours)


def numbers_from(terminal: int, count: int) -> list[int]:
    """Read this many numbers, each in a line of its own."""
    data = b""
    while len(found := re.findall(rb"^(\d+)\r*$", data, re.MULTILINE)) < count:
        data += os.read(terminal, 4096)
    return [int(each) for each in found]


def has_bwrap() -> bool:
    """Return whether bwrap works here."""
    with contextlib.suppress(OSError):
        tried = subprocess.run((*BWRAP, "--", "/bin/sh", "-c", ":"), check=False)
        return tried.returncode == 0
    return False


needs_linux = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="needs Linux to look at processes"
)
needs_bwrap = pytest.mark.skipif(not has_bwrap(), reason="needs a bwrap that works")
