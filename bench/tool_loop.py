"""What the loop costs per tool call, beside the real Codex CLI on the same fake server.

    .venv/bin/python bench/tool_loop.py [--calls 40] [--rounds 3]

A scripted Responses server answers at once: so many calls, then a message. The same
run without calls is subtracted, so that what is left is the loop and what the calls
do: wall time and CPU (process tree) per call. `CODEX_BIN` names the Codex CLI.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Sequence

from peers import peers, run_exec

from fake_events import call, message, turn
from fake_server import FakeServer

PATCH = """apply_patch <<'EOF'
*** Begin Patch
*** Add File: f{number}.txt
+text
*** End Patch
EOF
"""
KINDS = {"command in the sandbox": "true {number}", "patch of a new file": PATCH}


def main() -> None:
    """Measure and print a table for each kind of call."""
    parser = argparse.ArgumentParser(description="Cost of the loop per tool call.")
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    programs = peers()
    for kind, command in KINDS.items():
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, argv in programs.items():
                rows[name].append(per_call(argv, command, options.calls))
        report(kind, rows)


def report(kind: str, rows: dict[str, list[tuple[float, float]]]) -> None:
    """Print the medians of one kind of call, and the ratio to Codex."""
    print(f"\n{kind + ', per call':32} {'wall ms':>8} {'CPU ms':>8}")
    medians: list[tuple[float, float]] = []
    for name, runs in rows.items():
        wall, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        medians.append((wall, cpu))
        print(f"  {name:30} {wall:8.1f} {cpu:8.1f}")
    if len(medians) == 2:
        ours, theirs = medians
        wall, cpu = ours[0] / theirs[0], ours[1] / theirs[1]
        print(f"  {'ours / Codex':30} {wall:8.2f} {cpu:8.2f}")


def per_call(argv: Sequence[str], command: str, calls: int) -> tuple[float, float]:
    """Return wall and CPU milliseconds per call, the run without calls subtracted."""
    empty, loaded = one_run(argv, command, 0), one_run(argv, command, calls)
    wall, cpu = loaded[0] - empty[0], loaded[1] - empty[1]
    return wall / calls * 1e3, cpu / calls * 1e3


def one_run(argv: Sequence[str], command: str, calls: int) -> tuple[float, float]:
    """Return wall and CPU seconds of one `exec` with so many calls."""
    # Each command differs: a model that repeats itself would be stopped.
    commands = [command.replace("{number}", str(n)) for n in range(calls)]
    script = [
        turn(call("exec_command", {"cmd": text}, f"call_{number}"))
        for number, text in enumerate(commands)
    ]
    with FakeServer([*script, turn(message("done"))]) as server:
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        run_exec(argv, server, ["-s", "workspace-write"])
        wall = time.monotonic() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if (sent := len(server.posts)) != calls + 1:
            raise SystemExit(f"{argv[0]} sent {sent} requests instead of {calls + 1}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu


if __name__ == "__main__":
    main()
