"""What the sandbox costs: the start of `true` in each mode, bare and beside Codex.

    .venv/bin/python bench/sandbox.py [--rounds 20]

A row is one way to run `true`; all are run in turn in every round. Wall time, and CPU
of everything that ran: the sandbox's helpers, `true`, and for ours what this program
spends on preparing, starting and waiting. `CODEX_BIN` names the Codex CLI; its native
binary is measured where it is found next to an npm shim, since the shim costs more than
the sandbox. What bubblewrap does not end with us has a guard, a small shell; it is in
its row (also in `bare`). What Codex spends on `true` is its whole program, once.
"""

import argparse
import asyncio
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from startup import python_version, theirs

from codex_oss import process
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions, SandboxMode
from codex_oss.sandbox.run import Sandbox, Settings

TRUE = "/bin/true"
LIMIT_S = 60.0
WARM = 2
"""Runs before the first that counts: caches of the disk, and our probe."""


class Took(NamedTuple):
    """Milliseconds of one run."""

    wall: float
    cpu: float


Run = Callable[[], Awaitable[None]]


class Way(NamedTuple):
    """A row of the table: how to run `true` once."""

    name: str
    run: Run


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="What the sandbox costs.")
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    if sys.platform != "linux":
        print("this needs Linux")
        return 0
    print(f"{platform.platform()}, Python {python_version()}, {os.cpu_count()} cores")
    # Codex lets commands write to the usual place for temporary files.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        asyncio.run(measure(Path(name), rounds))
    return 0


async def measure(folder: Path, rounds: int) -> None:
    """Run every way once a round and print the table."""
    repo = folder / "repo"
    (repo / ".git").mkdir(parents=True)
    ways = [Way("bare", unconfined(repo)), *await ours(folder, repo)]
    ways += codex(folder, repo)
    figures: dict[str, list[Took]] = {way.name: [] for way in ways}
    for number in range(WARM + rounds):
        for way in ways:
            took = await timed(way.run)
            if number >= WARM:
                figures[way.name].append(took)
    print_table(figures, rounds)


async def ours(folder: Path, repo: Path) -> list[Way]:
    """Return our ways, of the backends that work here."""
    ways: list[Way] = []
    for settings in (Settings(backend="bubblewrap"), Settings(backend="landlock")):
        backend = settings.backend
        sandbox = Sandbox(os.environ, state=folder / "state", settings=settings)
        modes: tuple[tuple[SandboxMode, bool], ...] = (
            ("read-only", False),
            ("workspace-write", False),
            ("workspace-write", True),
        )
        try:
            for mode, network in modes:
                permissions = Permissions(
                    mode=mode, writable_roots=(str(repo),), network=network
                )
                run = confined(sandbox, repo, permissions)
                await run()
                title = "network" if network else mode
                ways.append(Way(f"codex-oss: {backend}, {title}", run))
        except SandboxError as error:
            print(f"no {backend}: {error}")
    return ways


def confined(sandbox: Sandbox, repo: Path, permissions: Permissions) -> Run:
    """Return a run of `true` in our sandbox."""

    async def run() -> None:
        ready = await sandbox.prepare(
            (TRUE,),
            repo,
            permissions,
            {"PATH": os.environ["PATH"]},
            sandboxed=True,
            tty=False,
        )
        try:
            child = await process.start(
                ready.argv,
                cwd=repo,
                env=ready.env,
                on_output=lambda _: None,
                confined=ready.confined,
            )
            code = await child.wait()
        finally:
            ready.end()
        if code:
            raise SystemExit(f"{permissions}: exit {code}")

    return run


def unconfined(repo: Path) -> Run:
    """Return a run of `true` by the same code without a sandbox."""
    free = Sandbox(os.environ, state=repo)
    return confined(free, repo, Permissions(mode="danger-full-access"))


def codex(folder: Path, repo: Path) -> list[Way]:
    """Return the ways of the Codex CLI's native binary, or of what is named."""
    programs = theirs()[:1]
    (folder / "home").mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "CODEX_HOME": f"{folder}/home",
    }

    def way(argv: list[str], mode: str, settings: list[str]) -> Way:
        options = ["-c", f'sandbox_mode="{mode}"', *settings]

        async def run() -> None:
            subprocess.run(  # noqa: ASYNC221  the loop has nothing else to do
                [*argv, "sandbox", *options, "--", TRUE],
                cwd=repo,
                env=env,
                stdin=subprocess.DEVNULL,
                check=True,
                timeout=LIMIT_S,
            )

        title = "network" if settings else mode
        return Way(f"Codex: sandbox, {title}", run)

    network = ["-c", "sandbox_workspace_write.network_access=true"]
    return [
        made
        for peer in programs
        for made in (
            way(peer.argv, "read-only", []),
            way(peer.argv, "workspace-write", []),
            way(peer.argv, "workspace-write", network),
        )
    ]


async def timed(run: Run) -> Took:
    """Run once; the CPU is this process's, threads included, and its children's."""
    before, start = cpu_ms(), time.perf_counter()
    async with asyncio.timeout(LIMIT_S):
        await run()
    return Took((time.perf_counter() - start) * 1e3, cpu_ms() - before)


def cpu_ms() -> float:
    """Return user and system time of this process and of the children it reaped."""
    times = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(each.ru_utime + each.ru_stime for each in times) * 1e3


def print_table(figures: dict[str, list[Took]], rounds: int) -> None:
    """Print a row for each way, and its CPU as a part of Codex's in the same mode."""
    print(f"\nstart of `true`, ms ({rounds} rounds)")
    print(
        f"{'':40} {'wall min':>9} {'median':>8} {'CPU min':>9} {'median':>8}   of Codex"
    )
    for name, row in figures.items():
        walls, cpus = [took.wall for took in row], [took.cpu for took in row]
        theirs_row = figures.get(f"Codex: sandbox, {name.rpartition(', ')[2]}", [])
        anchor = min((took.cpu for took in theirs_row), default=0.0)
        ratio = f"{min(cpus) / anchor:8.2f}" if anchor else ""
        print(
            f"{name:40} {min(walls):9.1f} {statistics.median(walls):8.1f}"
            f" {min(cpus):9.1f} {statistics.median(cpus):8.1f} {ratio}"
        )


if __name__ == "__main__":
    sys.exit(main())
