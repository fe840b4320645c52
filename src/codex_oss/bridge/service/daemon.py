"""A bridge in the background: started, ended, asked how it is."""

import asyncio
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from codex_oss.bridge.service import asking
from codex_oss.bridge.service import port as ports
from codex_oss.bridge.service.asking import Report
from codex_oss.bridge.service.log import Tail
from codex_oss.bridge.service.state import Instance, Shelf
from codex_oss.errors import CodexOssError, ConfigError
from codex_oss.net import Client
from codex_oss.process import detached
from codex_oss.process.detached import Process

START_S = 60.0
"""How long a start is watched. What loads a model for longer goes on by itself."""
POLL_S = 0.05
"""Between two questions whether it answers yet."""
SHOWN_LINES = 20
"""Of the log of a start that failed."""


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What to start: ``program`` and ``arguments`` of ``codex-oss bridge``."""

    program: Sequence[str]
    arguments: list[str]
    listen: str
    port: int
    url: str
    key: str
    """What the bridge will ask for; empty: nothing."""
    env: Mapping[str, str]
    cwd: Path


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """A bridge in the background. ``report`` is None while it still loads."""

    instance: Instance
    report: Report | None
    already: bool = False


async def start(
    shelf: Shelf, wanted: Start, client: Client, *, start_s: float = START_S
) -> Started:
    """Start a bridge and wait until it answers; one that runs already is left alone.

    Raises ``CodexOssError`` with the end of its log when it ends instead.
    """
    if not wanted.port:
        raise ConfigError(
            "a bridge in the background needs a port of its own",
            hint="Name one with --listen-port.",
        )
    known = shelf.read(wanted.port)
    if known and detached.runs(known.process):
        found = await asking.ask(known.url, client, wanted.key)
        return Started(instance=known, report=found, already=True)
    shelf.forget(wanted.port)
    if not ports.is_free(wanted.listen, wanted.port):
        who = await ports.owner(wanted.listen, wanted.port, client, wanted.key)
        raise ports.taken(wanted.port, who)
    tail, child = _spawn(shelf, wanted)
    try:
        process = detached.find(child.pid) or Process(child.pid, "")
        instance = Instance(
            port=wanted.port,
            url=wanted.url,
            process=process,
            arguments=wanted.arguments,
            started=time.time(),
        )
        shelf.keep(instance)
        found = await _wait(wanted, child, tail, client, start_s)
        detached.let_go(child)
        return Started(instance=instance, report=found)
    except BaseException:
        child.kill()
        child.wait()
        shelf.forget(wanted.port)
        raise
    finally:
        tail.close()


def stop(shelf: Shelf, instance: Instance) -> bool:
    """End a bridge; return False when it was gone already.

    Raises ``CodexOssError`` when it cannot be ended.
    """
    ran = detached.runs(instance.process)
    try:
        gone = detached.end(instance.process)
    except PermissionError as error:
        raise CodexOssError(
            f"process {instance.process.pid} belongs to another user",
            hint="Stop the bridge as the user who started it.",
        ) from error
    if not gone:
        raise CodexOssError(
            f"process {instance.process.pid} does not end",
            hint="The system holds it; look at it with `ps`, and try again.",
        )
    shelf.forget(instance.port)
    return ran


def _spawn(shelf: Shelf, wanted: Start) -> tuple[Tail, subprocess.Popen[bytes]]:
    log = shelf.log(wanted.port).absolute()  # the child has another folder
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch(mode=0o600)
        tail = Tail(log)
        words = ["bridge", "run", *wanted.arguments, "--log-file", str(log)]
        child = detached.start_detached(
            [*wanted.program, *words], cwd=wanted.cwd, env=wanted.env, log=log
        )
    except OSError as error:
        raise CodexOssError(
            f"cannot start a bridge: {error.filename or log}: {error.strerror}"
        ) from error
    return tail, child


async def _wait(
    wanted: Start,
    child: subprocess.Popen[bytes],
    tail: Tail,
    client: Client,
    start_s: float,
) -> Report | None:
    deadline = asyncio.get_running_loop().time() + start_s
    while asyncio.get_running_loop().time() < deadline:
        if child.poll() is not None:
            raise _failed(child, tail)
        # The port was free, and the child that lives would have ended had another
        # program taken it since: who answers is the child.
        if found := await asking.ask(wanted.url, client, wanted.key):
            return found
        await asyncio.sleep(POLL_S)
    return None


def _failed(child: subprocess.Popen[bytes], tail: Tail) -> CodexOssError:
    code = child.wait()
    lines = tail.read().rstrip().splitlines()[-SHOWN_LINES:]
    said = "\n".join(f"  {line}" for line in lines)
    return CodexOssError(
        f"the bridge ended with code {code} before it served"
        + (f"; it said:\n{said}" if said else " and said nothing")
    )
