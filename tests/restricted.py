"""Runs attempts under a real restriction, in a program of their own.

``attempt`` starts this file. There a thread takes the restriction on and makes the
attempts one by one; each answers ``ok`` or the name of what the kernel says. The rest
of that program stays free, as codex-oss does.
"""

import contextlib
import errno
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from attempts_at_calls import CALLS
from attempts_on_files import ON_FILES
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import landlock, seccomp

NOBODY = 65534


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to attempt, and under which restriction."""

    ground: str
    """A folder with ``ws`` and ``outside``; see ``lay``."""
    attempts: tuple[str, ...]
    permissions: Permissions | None = None
    """For Landlock; without, the filter alone is installed."""
    kind: seccomp.Kind = "strict"
    metadata: bool = True
    ptrace: bool = False
    abi: int = landlock.LATEST
    uid: int = -1


def attempt(order: Order) -> dict[str, str]:
    """Return what became of each attempt."""
    told = subprocess.run(
        (sys.executable, __file__, msgspec.json.encode(order)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=180,
        check=False,
    )
    assert told.returncode == 0, (told.returncode, told.stderr.decode())
    return json.loads(told.stdout)


def lay(ground: Path, uid: int = -1) -> Path:
    """Make the folders and files that the attempts are about."""
    for folder in ("ws/one", "ws/two", "ws/.git/hooks", "outside/folder", "secret"):
        (ground / folder).mkdir(parents=True)
    for file in ("ws/one/file", "ws/.git/config", "outside/file", "secret/key"):
        (ground / file).write_text("kept")
    (ground / "ws/link").symlink_to(ground / "outside/file")
    (ground / "ws/to-secret").symlink_to(ground / "secret")
    if uid >= 0:
        for path in (ground, *ground.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
    return ground


def _restriction(order: Order) -> Callable[[], None]:
    program = seccomp.program(
        order.kind,
        machine=os.uname().machine,
        ptrace=order.ptrace,
        metadata=order.metadata,
    )
    if order.permissions is None:
        return lambda: seccomp.install(program)
    return landlock.restriction(order.permissions, program=program, at_most=order.abi)


def _answer(name: str, ground: Path) -> str:
    try:
        (ON_FILES | CALLS)[name](ground)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except subprocess.CalledProcessError as error:
        return f"exit {error.returncode}"
    return "ok"


def _listening(ground: Path) -> list[socket.socket]:
    """Open what the attempts try to reach."""
    os.chdir(ground)
    for name in ("socket", "datagrams"):
        (ground / "outside" / name).unlink(missing_ok=True)
    listening = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    listening[0].bind(f"\0codex-oss-test-{os.getpid()}")
    listening[1].bind("outside/socket")
    for each in listening:
        each.listen()
    listening.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    listening[-1].bind("outside/datagrams")
    return listening


def main() -> None:
    """Take the restriction on in a thread, make the attempts, print the answers."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    ground = Path(order.ground)
    if order.uid >= 0:
        os.setgroups([])
        os.setgid(order.uid)
        os.setuid(order.uid)
    restrict = _restriction(order)
    answers: dict[str, str] = {}

    def work() -> None:
        try:
            restrict()
        except SandboxError as error:
            answers["restrict"] = str(error)
            return
        for name in order.attempts:
            answers[name] = _answer(name, ground)

    with contextlib.ExitStack() as stack:
        for each in _listening(ground):
            stack.enter_context(each)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    sys.stdout.write(json.dumps(answers))


def expect(order: Order, expected: dict[str, str]) -> None:
    """Assert that the attempts end as expected."""
    named: Any = msgspec.structs.replace(order, attempts=tuple(expected))
    assert attempt(named) == expected


if __name__ == "__main__":
    main()
