"""One command, run or explained as a model's commands would run here and now."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from msgspec.structs import replace

from codex_oss.config import load
from codex_oss.config.keys import dotted
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions, within
from codex_oss.process import foreground
from codex_oss.sandbox.explain import Picture, explain
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.prepared import Guarantee, Prepared
from codex_oss.sandbox.run import Sandbox
from codex_oss.tools.environment import allowed_env
from codex_oss.wiring.permissions import (
    Backend,
    Job,
    key_variables,
    permissions,
    sandbox,
    sandbox_settings,
)

NOT_FOUND, NOT_A_PROGRAM = 127, 126
"""Exit codes of a command that cannot be started, as shells have them."""
SHEBANG_BYTES = 256
"""How much of a script's first line counts, as for Linux."""
BY_SIGNAL = 128
"""Exit codes above this tell of a signal."""


def run_command(job: Job, argv: Sequence[str], backend: Backend, err: TextIO) -> int:
    """Run a command with our terminal and standard streams; return its exit code.

    What people should know of it goes to ``err``. Raises ``SandboxError`` when it
    cannot be confined; nothing was run then.
    """
    allowed, confining, env = permissions(job), sandbox(job, backend), environment(job)
    why = _cannot_start(argv[0], job.cwd, env)
    if why:
        err.write(f"Error: cannot run `{argv[0]}`: {why[1]}\n")
        return why[0]
    tty = any(os.isatty(stream) for stream in (0, 1, 2))
    deaf = tty and _sees_python(allowed)

    async def prepare() -> tuple[Guarantee, Prepared]:
        found = await confining.guarantee(allowed, job.cwd)
        words = (*_hearing(found), *argv) if deaf else argv
        return found, await confining.prepare(
            words, job.cwd, allowed, env, sandboxed=True, tty=tty
        )

    found, prepared = asyncio.run(prepare())
    _warn(err, [*_reduced(found), *confining.remarks(allowed)])
    reached = None
    try:
        code = foreground.run(
            prepared.argv,
            cwd=job.cwd,
            env=prepared.env,
            confined=prepared.confined,
            deaf=deaf and prepared.confined.by_bwrap,
        )
    except OSError as error:
        raise SandboxError(
            f"cannot start `{argv[0]}`: {error.strerror or error}. Nothing was run.",
            hint="Is the interpreter it names there? Are processes left (ulimit -u)?",
        ) from error
    finally:
        reached = prepared.end()
    _warn(err, confining.noticed())
    if reached is False and code < BY_SIGNAL:
        raise SandboxError(
            "the sandbox could not start the command; nothing was run",
            hint="What is allowed here: codex-oss sandbox --explain",
        )
    return code


def picture(job: Job, backend: Backend) -> Picture:
    """Return what a command may do here and now."""
    allowed, confining = permissions(job), sandbox(job, backend)
    guarantee, layout = asyncio.run(_told(confining, allowed, job.cwd))
    there = tuple(filter(os.path.lexists, allowed.deny_read))
    found = explain(
        replace(allowed, deny_read=there),
        guarantee,
        sandbox_settings(job, backend),
        layout=layout,
        remarks=confining.remarks(allowed),
    )
    without = sorted(job.env.keys() - environment(job).keys())
    return replace(found, mode_from=_mode_from(job), without=tuple(without))


def environment(job: Job) -> dict[str, str]:
    """Return what commands get of our environment."""
    config = job.loaded.config
    return allowed_env(
        job.env, config.shell_environment_policy, secrets=key_variables(config)
    )


def _mode_from(job: Job) -> str:
    """Return who chose the mode; the trust in a project may have."""
    loaded = job.loaded
    if loaded.config.sandbox_mode is None:
        around = load.project_at(loaded.config, str(job.cwd))
        entry = around.entry(around.cwd) or str(job.cwd)
        return loaded.origin(dotted(("projects", entry, "trust_level")))
    return loaded.origin("sandbox_mode")


async def _told(
    confining: Sandbox, allowed: Permissions, cwd: Path
) -> tuple[Guarantee, Layout | None]:
    """Return what isolates, and what it shows of the disk if it tells."""
    guarantee = await confining.guarantee(allowed, cwd)
    if guarantee.isolation == "none":
        return guarantee, None
    return guarantee, await confining.layout(allowed, cwd)


def _reduced(found: Guarantee) -> list[str]:
    if found.isolation != "reduced":
        return []
    return [f"reduced sandbox: {found.why}"]


def _warn(err: TextIO, told: Sequence[str]) -> None:
    err.writelines(f"warning: {text}\n" for text in told)
    err.flush()


def _hearing(found: Guarantee) -> tuple[str, ...]:
    """Return what a command is started by so that it hears Ctrl-C though bwrap is deaf.

    bwrap dies of Ctrl-C, and everything in it.
    """
    if not found.backend.startswith("bubblewrap"):
        return ()
    return (sys.executable, "-I", "-S", "-c", foreground.HEAR_KEYS)


def _sees_python(allowed: Permissions) -> bool:
    """Return whether a command may read the Python that we run on."""
    paths = (sys.executable, os.path.realpath(sys.executable), sys.base_prefix)
    return not any(within(path, allowed.deny_read) for path in paths)


def _cannot_start(
    name: str, cwd: Path, env: Mapping[str, str]
) -> tuple[int, str] | None:
    """Return the exit code and the words for a program that cannot be started."""
    if "/" in name:
        found = [cwd / name]
    else:
        folders = env.get("PATH", os.defpath).split(os.pathsep)
        found = [cwd / folder / name for folder in folders]
    isfile = os.path.isfile  # unlike Path.is_file, False for what may not be seen
    found = [path for path in found if isfile(path)]
    if not found:
        where = "there is no such file" if "/" in name else "it is not on PATH"
        return NOT_FOUND, where
    found = [path for path in found if os.access(path, os.X_OK)]
    if not found:
        return NOT_A_PROGRAM, "it is not executable"
    interpreter = _interpreter(found[0])
    if interpreter and not isfile(cwd / interpreter):
        return NOT_A_PROGRAM, f"its interpreter {interpreter} is missing"
    return None


def _interpreter(script: Path) -> str:
    """Return the program that a file's first line names, as in ``#!/bin/sh``."""
    try:
        with script.open("rb") as file:
            first = file.read(SHEBANG_BYTES).partition(b"\n")[0]
    except OSError:  # not readable: the kernel knows
        return ""
    words = first[2:].split() if first.startswith(b"#!") else []
    return os.fsdecode(words[0]) if words else ""
