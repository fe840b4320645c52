"""What the bridge adds to each request and each token, beside other bridges.

    .venv/bin/python bench/bridge.py [--rounds 5] [--litellm] [--quick]

Upstream and load generator are small epoll programs on one core, each bridge has the
other core to itself. All bridges run at the same time, are idle unless measured, and
take turns in each round. Times of the same load straight onto the upstream (`direct`)
are subtracted where it says `added`. Printed: median [minimum] of the rounds, and our
median in terms of each peer's. codex-relay is installed on first use, litellm (700 MB)
only with `--litellm`; it gets a quarter of the connections, or a run would take hours.
"""

import argparse
import contextlib
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from io import FileIO
from pathlib import Path
from typing import cast

import bridge_request as request
import msgspec
from bridge_load import CHAT_DELTA, DELTA, Connection, Load, at_once, one_by_one
from bridge_peers import COMMANDS as BRIDGES
from bridge_peers import MODEL, cpu_s, peak_mb, running, start, wait_port

import bridges

UPSTREAM_CORE, BRIDGE_CORE = 0, 1
CONNECTIONS = 64
SLOW = {"litellm": 16}
"""Bridges that get fewer connections, and a part of the requests."""

SUBTRACTED = (
    "small request p50, ms",
    "small request p99, ms",
    "first delta, 40 KB, p50, ms",
)
"""Times of which those without a bridge are taken off."""

LEFT_S = 5.0
"""After which a server that still works for nobody counts as that late."""

Row = dict[str, list[float]]


class Said:
    """What the server behind says of requests that it holds, line by line."""

    def __init__(self, lines: FileIO) -> None:
        self._lines = lines

    def next(self, word: str) -> tuple[int, float]:
        """Return the next request of which a word is said, and when it was."""
        while select.select([self._lines], [], [], LEFT_S)[0]:
            said, number, at = self._lines.readline().split()
            if said.decode() == word:
                return int(number), float(at)
        return 0, float("inf")

    def gone(self, number: int) -> float:
        """Return when a request's client went, as far as the server knows."""
        while True:
            found, at = self.next("gone")
            if found in (number, 0):
                return at


class Size(msgspec.Struct, frozen=True):
    """How much is asked in each round."""

    single: int = 400
    first: int = 100
    burst: int = 640
    paced: int = 200
    left: int = 20
    requests: int = 3000


QUICK = Size(single=100, first=30, burst=128, paced=50, left=5, requests=600)


class Target(msgspec.Struct, frozen=True):
    """What is loaded: a bridge, or (``direct``) the server behind."""

    name: str
    port: int
    pid: int
    direct: bool = False

    def model(self, script: str) -> str:
        """Return the name of the model that plays a script."""
        return MODEL.get(self.name, "") + script

    @property
    def marker(self) -> bytes:
        """Return what stands once in each delta."""
        return CHAT_DELTA if self.direct else DELTA

    def small(self, script: str, *, stream: bool) -> bytes:
        """Return the least request."""
        if self.direct:
            return request.chat(script, 40, stream=stream)
        return request.http(request.small(self.model(script), stream=stream))

    def codex(self, script: str) -> bytes:
        """Return Codex's first turn, 40 KB."""
        if self.direct:
            return request.chat(script, 40_000, stream=True)
        return request.http(request.body(self.model(script), request.first_turn()))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Cost of the bridge, beside others.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--litellm", action="store_true")
    parser.add_argument("--no-ours", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    names = [n for n in BRIDGES if n != "litellm" or options.litellm]
    names = [n for n in names if n != "codex-oss" or not options.no_ours]
    os.sched_setaffinity(0, {UPSTREAM_CORE})
    size = QUICK if options.quick else Size()
    rows: dict[str, Row] = {}
    with upstream() as (port, said), contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{port}"
        targets = [Target("direct", port, 0, direct=True)]
        for name in names:
            bridge = stack.enter_context(running(name, url, core=BRIDGE_CORE))
            targets.append(Target(name, bridge.port, bridge.pid))
            print(f"{name} listens on port {bridge.port}", file=sys.stderr)
        for number in range(options.rounds):
            print(f"round {number + 1}: load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            measure(rows, targets, size)
            for target in targets:
                for metric, value in left(target, said, size).items():
                    rows.setdefault(metric, {}).setdefault(target.name, []).append(
                        value
                    )
            for name in names:
                cold = cold_start(name, url)
                rows.setdefault("cold start to first answer, ms", {}).setdefault(
                    name, []
                ).append(cold)
        for target in targets[1:]:
            peak = rows.setdefault("resident memory at most, MB", {})
            peak[target.name] = [peak_mb(target.pid)]
    report(rows, ["direct", *names])


@contextlib.contextmanager
def upstream() -> Generator[tuple[int, Said], None, None]:
    """Run the server behind the bridges; give its port and what it says."""
    program = str(Path(__file__).with_name("bridge_upstream.py"))
    process = subprocess.Popen(
        ["taskset", "-c", str(UPSTREAM_CORE), sys.executable, program],
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline()), Said(cast("FileIO", process.stdout))
    finally:
        process.kill()
        process.wait(20)
        process.stdout.close()


def measure(rows: dict[str, Row], targets: list[Target], size: Size) -> None:
    """Measure everything once on every target."""
    for one in (latency, first_delta, flat_out, paced, requests):
        for target in targets:
            for metric, value in one(target, size).items():
                rows.setdefault(metric, {}).setdefault(target.name, []).append(value)


def latency(target: Target, size: Size) -> dict[str, float]:
    """Time small requests, answered whole, one after the other."""
    count = size.single // (4 if target.name in SLOW else 1)
    asked = target.small("p-1", stream=False)
    one_by_one(target.port, asked, 5, target.marker)
    times = sorted(t[1] * 1e3 for t in one_by_one(target.port, asked, count))
    return {
        "small request p50, ms": times[len(times) // 2],
        "small request p99, ms": times[len(times) * 99 // 100],
    }


def first_delta(target: Target, size: Size) -> dict[str, float]:
    """Time the first delta of a 40 KB request, warm."""
    count = size.first // (4 if target.name in SLOW else 1)
    asked = target.codex("p-10")
    one_by_one(target.port, asked, 3, target.marker)
    times = [t[0] * 1e3 for t in one_by_one(target.port, asked, count, target.marker)]
    return {"first delta, 40 KB, p50, ms": statistics.median(times)}


def flat_out(target: Target, size: Size) -> dict[str, float]:
    """Take streams of 200 deltas as fast as they come."""
    total, connections = share(target, size.burst)
    used = spent(target)
    load = at_once(
        target.port,
        target.small("p-200", stream=True),
        connections,
        total,
        target.marker,
    )
    cpu = used()
    deltas = total * 200
    check(target, load, deltas)
    return {
        "CPU s per 100k deltas, flat out": cpu / deltas * 1e5,
        "deltas/s, flat out": deltas / load.wall,
        "events per delta, flat out": load.events / deltas,
    }


def paced(target: Target, size: Size) -> dict[str, float]:
    """Take 64 streams at once, a delta every 20 ms."""
    _, connections = share(target, 0)
    used = spent(target)
    load = at_once(
        target.port,
        target.small(f"p-{size.paced}-20000", stream=True),
        connections,
        connections,
        target.marker,
    )
    cpu = used()
    deltas = connections * size.paced
    check(target, load, deltas)
    return {
        "CPU s per 100k deltas, paced 20 ms": cpu / deltas * 1e5,
        "events per delta, paced 20 ms": load.events / deltas,
    }


def requests(target: Target, size: Size) -> dict[str, float]:
    """Ask 40 KB requests on 64 connections."""
    total, connections = share(target, size.requests)
    used = spent(target)
    load = at_once(target.port, target.codex("p-10"), connections, total, target.marker)
    return {
        "requests/s, 40 KB streamed, 64 connections": load.answers / load.wall,
        "CPU ms per 40 KB request": used() / load.answers * 1e3,
    }


def left(target: Target, said: Said, size: Size) -> dict[str, float]:
    """Time how long the server works on for a client that has hung up."""
    return {
        f"server stops when a client leaves, {when}, ms": statistics.median(
            leave(target, said, script) * 1e3 for _ in range(size.left)
        )
        for when, script in (("prefill", "h-0"), ("streaming", "h-1"))
    }


def leave(target: Target, said: Said, script: str) -> float:
    """Ask, hang up, and return seconds until the server is hung up on."""
    asked = target.small(script, stream=True)
    connection = Connection(target.port, asked, target.marker)
    connection.send()
    number, _ = said.next("held")
    if script == "h-1":
        while not connection.events:
            connection.receive()
    began = time.monotonic()
    connection.sock.close()
    return min(said.gone(number) - began, LEFT_S)


def share(target: Target, total: int) -> tuple[int, int]:
    """Return how many requests on how many connections a target gets."""
    if target.name in SLOW:
        return max(total // 16, SLOW[target.name]), SLOW[target.name]
    return total, CONNECTIONS


def spent(target: Target) -> Callable[[], float]:
    """Return a function that says the processor time since now."""
    if target.direct:
        return lambda: 0.0
    before = cpu_s(target.pid)
    return lambda: cpu_s(target.pid) - before


def check(target: Target, load: Load, deltas: int) -> None:
    """Stop when words were lost. A bridge may join deltas that it read at once."""
    # A word may lie across two reads, and the whole text follows its deltas.
    if load.words < deltas * 0.99:
        raise SystemExit(f"{target.name}: {load.words} of {deltas} words came")


def cold_start(name: str, url: str) -> float:
    """Return milliseconds from the start of a bridge until its first answer."""
    port = bridges.free_port()
    argv = BRIDGES[name](url, port)
    began = time.perf_counter()
    process = start(argv, None)
    try:
        wait_port(process, port)
        target = Target(name, port, process.pid)
        one_by_one(port, target.small("p-1", stream=False), 1)
        return (time.perf_counter() - began) * 1e3
    finally:
        process.kill()
        process.wait(20)


def report(rows: dict[str, Row], names: list[str]) -> None:
    """Print median [minimum], and our median as a share of each peer's."""
    ratios = [n for n in names if n not in ("direct", "codex-oss")]
    heads = [*(f"{n:>20}" for n in names), *(f"{'/ ' + n:>14}" for n in ratios)]
    print(f"{'median [best]':44}" + "".join(heads))
    for metric, row in rows.items():
        if metric in SUBTRACTED:
            line(f"{metric}, added", added(row), names, ratios)
        else:
            line(metric, row, names, ratios)


def added(row: Row) -> Row:
    """Subtract what the same load costs without a bridge."""
    base = statistics.median(row["direct"])
    rest = {n: [v - base for v in values] for n, values in row.items() if n != "direct"}
    return {"direct": row["direct"]} | rest


def line(metric: str, row: Row, names: list[str], ratios: list[str]) -> None:
    """Print one row."""
    cells: list[str] = []
    for name in names:
        values = row.get(name, [])
        best = (max if "/s" in metric else min)(values, default=0)
        middle = statistics.median(values) if values else 0
        cell = f"{middle:.{digits(middle)}f} [{best:.{digits(best)}f}]"
        cells.append(f"{cell if values else '-':>20}")
    mine = row.get("codex-oss")
    for name in ratios:
        theirs = row.get(name)
        known = mine and theirs and statistics.median(theirs)
        ratio = statistics.median(mine) / known if mine and known else 0
        cells.append(f"{ratio:>13.3f}x" if ratio else f"{'-':>14}")
    print(f"{metric:44}" + "".join(cells))


def digits(value: float) -> int:
    """Return how many digits after the point say enough."""
    return 0 if value >= 100 else 1 if value >= 10 else 3


if __name__ == "__main__":
    main()
