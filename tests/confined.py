"""Runs scripts in the real sandbox; if need be as another user, or with less kernel.

``python confined.py`` reads a ``Job`` from standard input and prints a ``Ran``.
"""

import asyncio
import importlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import msgspec

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import bubblewrap, kernel, landlock, seccomp
from codex_oss.sandbox.prepared import Guarantee
from codex_oss.sandbox.run import Sandbox, Settings

LIMIT_S = 180
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
ORDINARY = 1001
"""A user without rights; there need not be one of that number."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A script and where it runs; without one, only the guarantee is asked for."""

    script: str = ""
    cwd: str
    state: str
    permissions: Permissions
    env: dict[str, str] = msgspec.field(default_factory=ENV.copy)
    own_env: dict[str, str] = msgspec.field(default_factory=ENV.copy)
    """Of codex-oss itself."""
    settings: Settings = Settings()
    tty: bool = False
    user: int | None = None
    namespaces: bool = True
    """Whether the kernel gives any; containers often forbid it."""
    bwrap: str = ""
    """Another one than the system's."""


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """How it went. ``reached`` is what ``Prepared.end`` said.

    Code -1 is a refusal; its words are the output.
    """

    code: int
    output: str = ""
    reached: bool | None = True
    guarantee: Guarantee | None = None
    noticed: list[str] = []


def run(job: Job) -> Ran:
    """Run a job in this process."""
    return asyncio.run(_run(job))


def run_apart(job: Job, *launcher: str) -> Ran:
    """Run a job in a process of its own, behind a launcher if there is one."""
    done = subprocess.run(
        (*launcher, sys.executable, __file__),
        input=msgspec.json.encode(job),
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Ran)


async def _run(job: Job) -> Ran:
    sandbox = Sandbox(job.own_env, state=Path(job.state), settings=job.settings)
    cwd = Path(job.cwd)
    guarantee = await sandbox.guarantee(job.permissions, cwd)
    if not job.script:
        return Ran(code=0, guarantee=guarantee)
    ready = await sandbox.prepare(
        ("/bin/sh", "-c", job.script),
        cwd,
        job.permissions,
        job.env,
        sandboxed=True,
        tty=job.tty,
    )
    heard = process.HeadTail()
    try:
        child = await process.start(
            ready.argv,
            cwd=cwd,
            env=ready.env,
            on_output=heard.add,
            tty=job.tty,
            confined=ready.confined,
        )
        async with asyncio.timeout(LIMIT_S):
            code = await child.wait()
    finally:
        reached = ready.end()
    return Ran(
        code=code,
        output=heard.text(),
        reached=reached,
        guarantee=guarantee,
        noticed=sandbox.noticed(),
    )


def forbid_namespaces() -> None:
    """Have the kernel refuse namespaces and mounts, as Docker's filter does."""
    new_spaces = 0x7E020000  # CLONE_NEW*: cgroup uts ipc user pid net, and ns
    load, equal, any_of, give = 0x20, 0x15, 0x45, 0x06
    calls = {"x86_64": (272, 165, 56, 435), "aarch64": (97, 40, 220, 435)}
    unshare, mount, clone, clone3 = calls[kernel.machine()]
    refused, unknown, allowed = 0x00050001, 0x00050026, 0x7FFF0000
    lines = (
        (load, 0, 0, 0),
        (equal, 5, 0, unshare),
        (equal, 4, 0, mount),
        (equal, 4, 0, clone3),
        (equal, 0, 4, clone),
        (load, 0, 0, 16),
        (any_of, 0, 2, new_spaces),
        (give, 0, 0, refused),
        (give, 0, 0, unknown),
        (give, 0, 0, allowed),
    )
    seccomp.install(b"".join(struct.pack("<HBBI", *line) for line in lines))


def main() -> None:
    """Do what standard input says."""
    # Another user may not be able to read Python's own modules.
    importlib.import_module("resource")
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    landlock.abi()  # so that ctypes is loaded before rights are given up
    if job.bwrap:
        bubblewrap.SYSTEM_BWRAP = Path(job.bwrap)
    if job.user is not None:
        os.setgroups([])
        os.setresgid(job.user, job.user, job.user)
        os.setresuid(job.user, job.user, job.user)
    if not job.namespaces:
        forbid_namespaces()
    try:
        ran = run(job)
    except SandboxError as error:
        ran = Ran(code=-1, output=error.report(), reached=False)
    sys.stdout.buffer.write(msgspec.json.encode(ran))


if __name__ == "__main__":
    main()
