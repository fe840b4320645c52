"""What undo costs for each turn that runs a command, beside git.

    .venv/bin/python bench/undo.py [--rounds 5]

For trees of 1,000 and 20,000 source files: the first look at a tree, a turn that
changes nothing, one that changes ten files, and taking that back. The peer is what
other agents do to remember a tree: `git add -A` and `git write-tree` before and after
the turn, in a repository beside it whose folder of work is the tree (and `git read-tree
-u` to take it back); and `git stash create`, which remembers no new files, for turns
alone. Wall time and CPU in milliseconds, for a turn's beginning and end together.
"""

import argparse
import asyncio
import os
import platform
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from startup import python_version

from codex_oss.undo import back
from codex_oss.undo.recording import Place, Recorder

SIZES = (1_000, 20_000)
CHANGED = 10
LINES = 100
SETTLE_S = 2.5
"""Until files are old enough for their times to be trusted, by us and by git."""
Took = tuple[float, float]


def main() -> int:
    """Measure, and print a table for each size."""
    parser = argparse.ArgumentParser(description="What undo costs.")
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    print(f"{platform.platform()}, Python {python_version()}, {os.cpu_count()} cores")
    for size in SIZES:
        with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
            measure(Path(name), size, rounds)
    return 0


def measure(base: Path, size: int, rounds: int) -> None:
    """Measure all at one tree and print its table."""
    work = base / "work"
    plant(work, size)
    settle()
    ours, git = Ours(base, work), Git(base, work)
    has_git = shutil.which("git") is not None
    figures: dict[str, dict[str, list[Took]]] = {"codex-oss": {}, "git add -A": {}}
    for _ in range(rounds):
        for peer, each in zip(
            figures, (ours, git) if has_git else (ours,), strict=False
        ):
            rows = figures[peer]
            each.forget()
            note(rows, "first look", lambda each=each: each.turn(nothing))
            settle()
            each.turn(nothing)
            note(rows, "nothing changed", lambda each=each: each.turn(nothing))
            touch = change(work)
            note(rows, f"{CHANGED} files changed", lambda e=each, t=touch: e.turn(t))
            note(rows, "taken back", each.undo)
            settle()
    if has_git:
        stashed(work, figures, rounds)
    show(size, figures)


def nothing() -> None:
    """Change nothing."""


def change(work: Path) -> Callable[[], None]:
    """Return what changes some files."""
    paths = sorted(work.rglob("*.py"))[:: max(1, len(list(work.iterdir())))][:CHANGED]

    def do() -> None:
        for path in paths:
            path.write_text(f"# {time.time_ns()}\n{path.read_text()}")

    return do


class Ours:
    """Turns as a session takes them."""

    def __init__(self, base: Path, work: Path) -> None:
        self._state = base / "state"
        self._work = work
        self._turns = 0

    def forget(self) -> None:
        """Forget all turns."""
        shutil.rmtree(self._state, ignore_errors=True)

    def turn(self, do: Callable[[], None]) -> None:
        """Take a turn whose command does something."""
        place = Place(
            state=self._state,
            home=Path("/nowhere"),
            workspace=self._work,
            roots=[str(self._work)],
            max_bytes=1 << 30,
        )
        recorder = Recorder(place, "thread", time.time)
        self._turns += 1

        async def taken() -> None:
            recorder.begin(str(self._turns), "go")
            await recorder.before(None)
            do()
            await recorder.end()

        asyncio.run(taken())

    def undo(self) -> None:
        """Take the last turn back."""
        workspace = back.Workspace(self._state, self._work, 1 << 30)
        assert back.take(workspace, back.Wanted()).done


class Git:
    """The same by a repository beside the tree."""

    def __init__(self, base: Path, work: Path) -> None:
        self._repository = base / "shadow"
        self._work = work
        self._before = ""

    def forget(self) -> None:
        """Forget all turns."""
        shutil.rmtree(self._repository, ignore_errors=True)
        run("git", "init", "-q", "--bare", str(self._repository))

    def turn(self, do: Callable[[], None]) -> None:
        """Remember the tree, do something, remember it again."""
        self._before = self._remember()
        do()
        self._remember()

    def undo(self) -> None:
        """Bring the tree of before the last turn back."""
        self._git("read-tree", "--reset", "-u", self._before)

    def _remember(self) -> str:
        self._git("add", "-A")
        return self._git("write-tree")

    def _git(self, *words: str) -> str:
        place = ("--git-dir", str(self._repository), "--work-tree", str(self._work))
        return run("git", *place, *words, cwd=self._work)


def stashed(work: Path, figures: dict[str, dict[str, list[Took]]], rounds: int) -> None:
    """Measure `git stash create` in a repository of the tree itself."""
    rows = figures.setdefault("git stash create", {})
    who = ("-c", "user.name=x", "-c", "user.email=x@x")
    run("git", "init", "-q", cwd=work)
    run("git", "add", "-A", cwd=work)
    run("git", *who, "commit", "-q", "-m", "x", cwd=work)
    touch = change(work)

    def twice(do: Callable[[], None]) -> None:
        run("git", *who, "stash", "create", cwd=work)
        do()
        run("git", *who, "stash", "create", cwd=work)

    for _ in range(rounds):
        settle()
        run("git", "reset", "-q", "--hard", cwd=work)
        twice(nothing)
        note(rows, "nothing changed", lambda: twice(nothing))
        note(rows, f"{CHANGED} files changed", lambda: twice(touch))


def plant(work: Path, size: int) -> None:
    """Make a tree of files of some kilobytes."""
    for number in range(size):
        folder = work / f"part{number % 97}" / f"module{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        lines = (f"value_{line} = {number * line}\n" for line in range(LINES))
        (folder / f"file{number}.py").write_text("".join(lines))


def run(*argv: str, cwd: Path | None = None) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run(argv, cwd=cwd, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def settle() -> None:
    """Let all files become old enough to be trusted."""
    subprocess.run(["sleep", str(SETTLE_S)], check=True)


def note(rows: dict[str, list[Took]], name: str, act: Callable[[], object]) -> None:
    """Do something and note how long it took."""
    began, cpu = time.monotonic(), cpu_s()
    act()
    took = time.monotonic() - began, cpu_s() - cpu
    rows.setdefault(name, []).append((took[0] * 1000, took[1] * 1000))


def cpu_s() -> float:
    """Return the processor time of this process and those it waited for."""
    spent = (resource.getrusage(who) for who in (0, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in spent)


def show(size: int, figures: dict[str, dict[str, list[Took]]]) -> None:
    """Print what was measured, and the ratios of the minima."""
    print(
        f"\n{size:,} files          wall ms: min (median)    CPU ms: min    CPU / ours"
    )
    for name, ours in figures["codex-oss"].items():
        for peer, rows in figures.items():
            if name not in rows:
                continue
            wall, cpu = zip(*rows[name], strict=True)
            ratio = min(cpu) / min(took[1] for took in ours)
            middle = f"({statistics.median(wall):.0f})"
            print(
                f"{name:<18} {peer:<18} {min(wall):7.0f} {middle:>8}"
                f" {min(cpu):10.0f} {ratio:9.1f}"
            )


if __name__ == "__main__":
    raise SystemExit(main())
