"""How confined commands start and end: what is inherited, what is left, the cost."""

import asyncio
import contextlib
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

import confinement
from codex_oss import process
from codex_oss.policy import Permissions
from codex_oss.sandbox.run import Sandbox, Settings
from confined_driver import Backend, Ended
from confinement import Ran, obstacle, only

LIMIT_S = 180
ENV = {"PATH": os.environ["PATH"]}
BACKENDS: tuple[Backend, ...] = ("bubblewrap", "landlock")
on_each_backend = pytest.mark.parametrize("backend", BACKENDS)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    return root


def working(repo: Path, *, network: bool = False) -> Permissions:
    return Permissions(
        mode="workspace-write", writable_roots=(str(repo),), network=network
    )


def needs(backend: Backend) -> None:
    if why := obstacle(backend, os.getuid()):
        pytest.skip(why)


def sh(script: str, repo: Path, backend: Backend, **fields: object) -> Ran:
    needs(backend)
    return confinement.sh(script, repo, working(repo), settings=only(backend), **fields)


# --- nothing is left ----------------------------------------------------------------

STAYS = """
trap 'echo bye; exit 7' TERM
stubborn='trap "" HUP TERM; exec 3>line; echo up >&3; sleep 1000'
(setsid nohup sh -c "$stubborn" >/dev/null &)
sh -c "$stubborn" &
while :; do sleep 0.05; done
"""


@contextlib.contextmanager
def staying(
    repo: Path, backend: Backend
) -> Generator[tuple["subprocess.Popen[str]", int]]:
    """Yield a driver whose command has two stubborn children, and their line to us."""
    needs(backend)
    os.mkfifo(repo / "line")
    line = os.open(repo / "line", os.O_RDONLY | os.O_NONBLOCK)
    spec = confinement.script_spec(
        STAYS, repo, working(repo), settings=only(backend), until_told=True
    )
    file = confinement.spec_file(repo.parent, spec)
    with subprocess.Popen(
        confinement.command(file, os.getuid()),
        env=confinement.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        heard = b""
        while heard != b"up\nup\n":
            assert select.select([line], [], [], LIMIT_S)[0], heard
            heard += os.read(line, 64)
        try:
            yield driver, line
        finally:
            driver.kill()
            os.close(line)


def nobody_holds(line: int) -> bool:
    """Return whether the last process that could write has ended."""
    return bool(select.select([line], [], [], LIMIT_S)[0]) and os.read(line, 64) == b""


@on_each_backend
def test_what_is_ended_leaves_nothing_and_has_its_grace(
    repo: Path, backend: Backend
) -> None:
    with staying(repo, backend) as (driver, line):
        out, err = driver.communicate(timeout=LIMIT_S)
        assert nobody_holds(line)
    assert out.endswith("bye\n")
    assert '"code":7' in err


@on_each_backend
def test_our_own_violent_end_leaves_nothing(repo: Path, backend: Backend) -> None:
    with staying(repo, backend) as (driver, line):
        driver.kill()
        assert nobody_holds(line)


@on_each_backend
def test_a_command_outlives_the_thread_that_started_it(
    repo: Path, backend: Backend
) -> None:
    script = "for i in 1 2 3 4 5; do sleep 0.05; done; echo done"
    ran = sh(script, repo, backend, from_a_dying_thread=True)
    assert ran == Ran("done\n", Ended(0))


# --- what is inherited --------------------------------------------------------------


def test_the_environment_is_what_was_given_and_nothing_else(repo: Path) -> None:
    needs("bubblewrap")
    env = {"PATH": os.environ["PATH"], "GIVEN": "1"}
    spec = confinement.script_spec(
        "tr '\\0' '\\n' </proc/1/environ; echo --; tr '\\0' '\\n' </proc/self/environ",
        repo,
        working(repo),
        env=env,
    )
    file = confinement.spec_file(repo.parent, spec)
    ran = confinement.run(file, os.getuid(), {"AGENTS_OWN_KEY": "secret"})
    first, _, own = ran.output.partition("--\n")
    given = {**env, "CODEX_SANDBOX_NETWORK_DISABLED": "1"}
    lines = {f"{name}={value}" for name, value in given.items()}
    assert set(first.split()) == lines
    assert set(own.split()) - {f"PWD={repo}", f"OLDPWD={repo}"} == lines


@on_each_backend
def test_no_descriptor_but_the_standard_three_is_passed_on(
    repo: Path, backend: Backend
) -> None:
    (repo / "leak").touch()
    script = f"{sys.executable} -c 'import os; print(os.listdir(\"/proc/self/fd\"))'"
    ran = sh(script, repo, backend, leak=str(repo / "leak"))
    assert sorted(ran.output) == sorted("['0', '1', '2', '3']\n")  # 3 lists


def test_the_host_is_out_of_reach_while_own_servers_work(repo: Path) -> None:
    needs("bubblewrap")
    script = """
import socket
inner = socket.create_server(("127.0.0.1", {port}))
with socket.create_connection(("127.0.0.1", {port}), 10) as one:
    print("reached:", inner.accept()[1] == one.getsockname())
inner.close()
try:
    socket.create_connection(("127.0.0.1", {port}), 10)
except ConnectionRefusedError:
    print("refused")
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (repo / "try.py").write_text(script.format(port=port))
        ran = confinement.sh(f"{sys.executable} try.py", repo, working(repo))
        assert ran.output == "reached: True\nrefused\n"
        assert select.select([server], [], [], 0)[0] == []


# --- where there is no sandbox ------------------------------------------------------

NO_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"'


def without_namespaces(repo: Path, settings: Settings) -> Ran:
    """Run where a user namespace cannot be made, since its user has none left."""
    needs("bubblewrap")
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    spec = confinement.script_spec(
        "echo ran; echo x > made", repo, working(repo), settings=settings
    )
    file = confinement.spec_file(repo.parent, spec)
    inner = ["sh", "-c", NO_NAMESPACES, "sh", *confinement.command(file, os.getuid())]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *inner],
        env=confinement.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    if "unshare" in done.stderr or "max_user_namespaces" in done.stderr:
        pytest.skip(f"cannot be emulated here: {done.stderr.strip()}")
    return confinement.told(done)


def test_without_namespaces_nothing_runs_if_nothing_else_is_allowed(
    repo: Path,
) -> None:
    ran = without_namespaces(repo, Settings(fallback="deny"))
    assert ran.output == ""
    assert "Nothing was run" in ran.ended.refused
    assert "new namespace" in ran.ended.refused
    assert list(repo.iterdir()) == []


def test_without_namespaces_landlock_takes_over(repo: Path) -> None:
    needs("landlock")
    ran = without_namespaces(repo, Settings())
    assert ran.ended.refused == ""
    assert ran.output == "ran\n"


def test_without_any_backend_nothing_runs(repo: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    ran = confinement.sh(
        "echo x > made",
        repo,
        working(repo),
        hide_bubblewrap=True,
        settings=Settings(fallback="deny"),
    )
    assert "Nothing was run" in ran.ended.refused
    assert "Install bubblewrap" in ran.ended.refused
    assert list(repo.iterdir()) == []


# --- exit codes ---------------------------------------------------------------------

I386 = (
    "import ctypes, mmap; m = mmap.mmap(-1, 64, prot=7);"
    " m.write(bytes.fromhex('b814000000cd80c3'));"
    " ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()"
)


@on_each_backend
@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", 0),
        ("exit 3", 3),
        ("no-such-command 2>&-", 127),
        ("./made", 126),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -SEGV $$", 139),
        ("kill -SYS $$", 159),
    ],
)
def test_exit_codes_pass_through(
    repo: Path, backend: Backend, script: str, code: int
) -> None:
    (repo / "made").touch()
    ended = sh(script, repo, backend).ended
    assert ended.code == code
    assert ended.reached is not False


@on_each_backend
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64")
def test_another_machines_system_call_ends_the_program(
    repo: Path, backend: Backend
) -> None:
    ran = sh(f'exec {sys.executable} -c "{I386}"', repo, backend)
    assert ran.ended.code == 159


def test_a_command_that_is_not_there_was_not_reached(repo: Path) -> None:
    needs("bubblewrap")
    ran = confinement.sh("", repo, working(repo), argv=("/nonexistent/program",))
    assert ran.ended.reached is False
    assert "/nonexistent/program" in ran.output


# --- what it costs ------------------------------------------------------------------

BUDGET_MS = {"bubblewrap": 30.0, "landlock": 20.0}
"""Several times what it takes: a machine that others use, too, is that much slower."""
STARTS = 25


def cpu_ms() -> float:
    """Return what this process and the children it reaped have spent."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    times = [resource.getrusage(each) for each in who]
    return sum(each.ru_utime + each.ru_stime for each in times) * 1e3


async def spent_on_starts(repo: Path, backend: Backend) -> list[float]:
    """Return the milliseconds of each start, the first of which probes."""
    sandbox = Sandbox(os.environ, state=repo.parent / "state", settings=only(backend))
    spent: list[float] = []
    for _ in range(1 + STARTS):
        before = cpu_ms()
        ready = await sandbox.prepare(
            ("/bin/true",), repo, working(repo), ENV, sandboxed=True, tty=False
        )
        child = await process.start(
            ready.argv,
            cwd=repo,
            env=ready.env,
            on_output=lambda _: None,
            confined=ready.confined,
        )
        async with asyncio.timeout(LIMIT_S):
            assert await child.wait() == 0
        ready.end()
        spent.append(cpu_ms() - before)
    return spent


@on_each_backend
def test_a_start_stays_within_its_budget(repo: Path, backend: Backend) -> None:
    needs(backend)
    _, *spent = asyncio.run(spent_on_starts(repo, backend))
    assert min(spent) < BUDGET_MS[backend], spent
