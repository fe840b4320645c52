"""What a start costs: CPU of `--version`, and of `exec` until its first model request.

    .venv/bin/python bench/startup.py [--rounds 10]

Ours is measured by each way to start it; the Codex CLI beside it when `CODEX_BIN` names
one (its native binary too, when that is found next to an npm shim). All are run in turn
in every round, so that load falls on all alike: read the ratios, not the digits. The
`exec` figures need Linux, where one process may read the CPU clock of another.
"""

import argparse
import os
import platform
import re
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv" / "bin" / "python"
SCRIPT = ROOT / ".venv" / "bin" / "codex-oss"

ARRIVAL_TIMEOUT_S = 30.0
TOP_IMPORTS = 15
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
NOT_FOUND = (
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"
)


class NotMeasured(Exception):
    """The command did not do what is measured; the text says what it did."""


class Peer(NamedTuple):
    """A program to start: its name in the table and the words before the arguments."""

    name: str
    argv: list[str]


Measure = Callable[[Peer], float]


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description="What a start costs.")
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    floor = Peer("python -c pass", [str(PYTHON), "-c", "pass"])
    peers = [*ours(), *theirs()]
    print(f"{platform.platform()}, Python {python_version()}, {os.cpu_count()} cores")

    table("--version, CPU ms of the process tree", [floor, *peers], rounds, version_cpu)
    if sys.platform == "linux":
        title = "exec until its first model request, CPU ms of the process tree"
        table(title, peers, rounds, exec_cpu)
    imports(exec_imports())
    return 0


def ours() -> list[Peer]:
    """Return the ways to start codex-oss; the launcher sets up `.venv` if need be."""
    launcher = str(ROOT / "codex-oss")
    subprocess.run([launcher, "--version"], check=True, stdout=subprocess.DEVNULL)
    return [
        Peer("codex-oss: ./codex-oss", [launcher]),
        Peer("codex-oss: installed script", [str(SCRIPT)]),
        Peer("codex-oss: python -m", [str(PYTHON), "-m", "codex_oss"]),
    ]


def theirs() -> list[Peer]:
    """Return the Codex CLI as `CODEX_BIN` names it, and its native binary."""
    named = os.environ.get("CODEX_BIN")
    if not named:
        print("CODEX_BIN is not set: no Codex CLI beside ours")
        return []
    shim = Path(named).resolve()
    if shim.suffix != ".js":
        return [Peer("Codex: CODEX_BIN", [str(shim)])]
    scope = shim.parent.parent.parent
    found = sorted(scope.glob("codex*/**/vendor/*/**/codex"))
    natives = [path for path in found if path.is_file() and os.access(path, os.X_OK)]
    return [
        *(Peer("Codex: native binary", [str(path)]) for path in natives[:1]),
        Peer("Codex: npm shim", [named]),
    ]


def table(title: str, peers: list[Peer], rounds: int, measure: Measure) -> None:
    """Measure every peer once a round and print a row for each."""
    figures: dict[str, list[float]] = {peer.name: [] for peer in peers}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for peer in peers:
            if peer.name not in failed:
                try:
                    figures[peer.name].append(measure(peer))
                except NotMeasured as why:
                    failed[peer.name] = str(why)
    anchor = next((name for name in figures if name.startswith("Codex")), peers[0].name)
    base = min(figures[anchor], default=float("nan"))
    print(f"\n{title} ({rounds} rounds)")
    print(f"{'':30} {'min':>8} {'median':>8}   min / min of {anchor}")
    for name, row in figures.items():
        if name in failed:
            print(f"{name:30} not measured: {failed[name]}")
        else:
            low = min(row)
            print(
                f"{name:30} {low:8.1f} {statistics.median(row):8.1f} {low / base:8.2f}"
            )


def version_cpu(peer: Peer) -> float:
    """Return the CPU milliseconds of `--version`, children included."""
    arguments = [] if peer.name.startswith("python") else ["--version"]
    with surroundings() as (folder, env):
        child = subprocess.Popen(
            [*peer.argv, *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        assert child.stderr is not None
        told = child.stderr.read().decode(errors="replace")
        child.stderr.close()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise NotMeasured(f"exit {child.returncode}: {last_line(told)}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def exec_cpu(peer: Peer) -> float:
    """Return the CPU milliseconds that `exec` took until its first request arrived."""
    with surroundings() as (folder, env), listening() as server:
        child = start_exec(peer.argv, server, folder, env)
        try:
            await_request(server, child)
            os.killpg(child.pid, signal.SIGSTOP)
            return session_cpu_ms(child.pid)
        finally:
            end(child)


def exec_imports() -> str:
    """Return what `-X importtime` says of `exec`, or why there was no request."""
    argv = [str(PYTHON), "-X", "importtime", "-m", "codex_oss"]
    with surroundings() as (folder, env), listening() as server:
        child = start_exec(argv, server, folder, env)
        try:
            await_request(server, child)
        except NotMeasured as why:
            return str(why)
        finally:
            end(child)
        return (folder / "stderr").read_text(errors="replace")


@contextmanager
def surroundings() -> Generator[tuple[Path, dict[str, str]]]:
    """Yield an empty folder to run in, and an environment whose home it is."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        home.mkdir()
        keep = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "TMPDIR"}}
        homes = {
            "HOME": str(home),
            "CODEX_HOME": str(home),
            "CODEX_OSS_HOME": str(home),
        }
        yield folder, keep | homes


@contextmanager
def listening() -> Generator[socket.socket]:
    """Yield a listening loopback socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def start_exec(
    argv: list[str], server: socket.socket, folder: Path, env: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start `exec` against ``server``, in a session of its own."""
    url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    provider = f'{{name="x",base_url="{url}",wire_api="responses"}}'
    arguments = ["exec", "-c", 'model_provider="x"']
    arguments += ["-c", f"model_providers.x={provider}"]
    arguments += ["-m", "m", "--skip-git-repo-check", "hi"]
    with (folder / "stderr").open("wb") as errors:
        return subprocess.Popen(
            [*argv, *arguments],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def await_request(server: socket.socket, child: subprocess.Popen[bytes]) -> None:
    """Return when the first bytes of a POST arrived; answer all else with 404.

    Raises NotMeasured when ``child`` ends before, or time runs out.
    """
    deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
    while time.monotonic() < deadline:
        readable, _, _ = select.select([server], [], [], 0.1)
        if readable:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(ARRIVAL_TIMEOUT_S)
                if connection.recv(4096).startswith(b"POST"):
                    return
                connection.sendall(NOT_FOUND)
        elif child.poll() is not None:
            raise NotMeasured(f"exit {child.returncode} before any request")
    raise NotMeasured(f"no request within {ARRIVAL_TIMEOUT_S:.0f} s")


def session_cpu_ms(session: int) -> float:
    """Return the CPU of all processes of a session and of the children they reaped.

    The kernel's CPU clock of a process (``man 2 clock_getres``) counts nanoseconds;
    the times of reaped children are to be had in ticks only.
    """
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
            if int(fields[3]) == session:
                pid = int(stat.parent.name)
                reaped = (int(fields[13]) + int(fields[14])) / TICKS_PER_S
                total += time.clock_gettime((~pid << 3) | 2) + reaped
        except OSError:
            continue  # it ended meanwhile
    return total * 1e3


def end(child: subprocess.Popen[bytes]) -> None:
    """Kill what ``start_exec`` started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def imports(told: str) -> None:
    """Print the dearest imports of `exec` by their own time."""
    lines = re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)", told)
    if not lines:
        print(f"\nimports of exec not measured: {last_line(told)}")
        return
    dearest = sorted(((int(us), name) for us, name in lines), reverse=True)
    total_ms = sum(us for us, _ in dearest) / 1e3
    print(
        f"\nexec until its first model request: {len(lines)} imports, {total_ms:.1f} ms"
    )
    for us, name in dearest[:TOP_IMPORTS]:
        print(f"{us / 1e3:8.2f} ms  {name}")


def python_version() -> str:
    """Return the version of the Python that runs codex-oss."""
    words = [str(PYTHON), "-c", "import platform; print(platform.python_version())"]
    return subprocess.check_output(words, text=True).strip()


def last_line(text: str) -> str:
    """Return the last line that is not blank."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "")


if __name__ == "__main__":
    sys.exit(main())
