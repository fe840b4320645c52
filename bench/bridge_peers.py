"""The bridges that are measured side by side, each in a place of its own.

Peers are installed on first use into `.cache/bench/`, below the checkout. They are
pinned: figures in the documentation are of these versions.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import msgspec
from peers import ROOT

sys.path.insert(0, str(ROOT / "tests"))

import bridges

CACHE = ROOT / ".cache" / "bench"
PINS = {"codex-relay": "codex-relay==0.5.8", "litellm": "litellm[proxy]==1.106.2"}
INSTALL_S = 900
START_S = 120.0
MODEL = {"litellm": "lm_studio/"}
"""What a bridge wants before the model's name, to take the way to a chat server."""


class Bridge(msgspec.Struct, frozen=True):
    """A running bridge."""

    name: str
    port: int
    pid: int

    def model(self, name: str) -> str:
        """Return a model's name as this bridge wants it."""
        return MODEL.get(self.name, "") + name


Command = Callable[[str, int], list[str]]
"""Makes the argv of a bridge in front of a URL (without `/v1`) on a port."""


def ours(upstream: str, port: int) -> list[str]:
    """Return our own command."""
    argv = [sys.executable, "-m", "codex_oss", "bridge", "--upstream", f"{upstream}/v1"]
    return [*argv, "--listen-port", str(port), "--quiet"]


def relay(upstream: str, port: int) -> list[str]:
    """Return the command of codex-relay."""
    argv = [str(installed("codex-relay")), "--port", str(port)]
    return [*argv, "--upstream", f"{upstream}/v1", "--api-key", "none"]


def litellm(upstream: str, port: int) -> list[str]:
    """Return the command of litellm's proxy, by its bridge for LM Studio."""
    config = CACHE / f"litellm-{port}.yaml"
    config.write_text(
        "model_list:\n"
        '  - model_name: "*"\n'
        "    litellm_params:\n"
        '      model: "lm_studio/*"\n'
        f"      api_base: {upstream}/v1\n"
        "      api_key: none\n"
        "litellm_settings:\n  telemetry: false\n  drop_params: true\n"
    )
    argv = [str(installed("litellm")), "--config", str(config), "--port", str(port)]
    return [*argv, "--host", "127.0.0.1"]


COMMANDS: dict[str, Command] = {
    "codex-oss": ours,
    "codex-relay": relay,
    "litellm": litellm,
}


def installed(name: str) -> Path:
    """Return a peer's program; install it when it is not there."""
    folder = CACHE / name
    program = folder / "bin" / name
    if not program.exists():
        print(f"installing {PINS[name]} into {folder}", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [folder / "bin" / "pip", "install", "--quiet", PINS[name]]
        subprocess.run(pip, check=True, timeout=INSTALL_S, stdout=sys.stderr)
    return program


@contextlib.contextmanager
def running(
    name: str, upstream: str, flags: Sequence[str] = (), *, core: int | None = None
) -> Generator[Bridge, None, None]:
    """Run a bridge, on one core if one is named."""
    port = bridges.free_port()
    process = start([*COMMANDS[name](upstream, port), *flags], core)
    try:
        wait_port(process, port)
        yield Bridge(name, port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)


def start(argv: list[str], core: int | None) -> "subprocess.Popen[bytes]":
    """Start a process, pinned to a core."""
    home = str(CACHE / "home")
    env = os.environ | {
        "PYTHONPATH": str(ROOT / "src"),
        "CODEX_OSS_HOME": home,
        "CODEX_HOME": home,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "OTEL_SDK_DISABLED": "true",
    }
    (CACHE / "home").mkdir(parents=True, exist_ok=True)
    if core is not None:
        argv = ["taskset", "-c", str(core), *argv]
    return subprocess.Popen(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_port(process: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until a bridge listens; looks every two milliseconds."""
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"a bridge ended with {process.returncode}")
        with contextlib.suppress(OSError):
            bridges.connect(port).close()
            return
        time.sleep(0.002)  # noqa: TID251  another program's port tells nobody
    raise SystemExit("a bridge does not listen")


# --- what the kernel knows of a process ---------------------------------------------


def cpu_s(pid: int) -> float:
    """Return seconds of processor time of a process and its living children."""
    clock = (~pid << 3) | 2  # CLOCK_PROCESS_CPUTIME_ID of another process (Linux)
    return time.clock_gettime(clock) + sum(map(cpu_s, children(pid)))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    listed: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            listed += map(int, (task / "children").read_text().split())
    return listed


def peak_mb(pid: int) -> float:
    """Return the most memory that a process and its children had resident, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    here = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return here + sum(map(peak_mb, children(pid)))
