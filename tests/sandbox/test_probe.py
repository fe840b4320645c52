"""What is found out about bubblewrap, and for how long that holds."""

import asyncio
import os
from pathlib import Path

import pytest

from codex_oss.sandbox import probe
from codex_oss.sandbox.bubblewrap import Found
from codex_oss.sandbox.probe import OUTSIDE, Memory, Obstacle

ENV = {"PATH": os.environ["PATH"]}
ANY = b"\x06\0\0\0\0\0\xff\x7f"  # allows everything


@pytest.fixture
def bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in place of bwrap, outside of any container."""
    monkeypatch.setattr(probe, "_CONTAINERS", ())
    path = tmp_path / "bwrap"
    path.touch(mode=0o755)
    return path


def probed(bwrap: Path, body: str) -> Found | Obstacle:
    version = 'test "$1" = --version && { echo bubblewrap 9.9; exit; }'
    bwrap.write_text(f"#!/bin/sh\n{version}\n{body}\n")

    async def go() -> Found | Obstacle:
        async with asyncio.timeout(60):
            return await probe.probe(bwrap, ENV, ANY)

    return asyncio.run(go())


def test_one_that_works_is_found_with_its_version(bwrap: Path) -> None:
    assert probed(bwrap, "exit 0") == Found(path=str(bwrap), version="bubblewrap 9.9")


def test_a_container_that_forbids_a_new_proc_gets_the_old_one(bwrap: Path) -> None:
    said = "bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
    body = f'case "$*" in *"--proc /proc"*) echo "{said}"; exit 1;; esac'
    found = probed(bwrap, body)
    assert found == Found(path=str(bwrap), version="bubblewrap 9.9", new_proc=False)


_NAMESPACES = (
    "Enable user namespaces: sysctl kernel.unprivileged_userns_clone=1, or "
    f"user.max_user_namespaces above 0. {OUTSIDE}"
)
_APPARMOR = (
    "Ubuntu 24.04 forbids it by AppArmor: install apparmor-profiles and load its "
    f"profile bwrap-userns-restrict. {OUTSIDE}"
)
_OTHER = f"Update bubblewrap (0.5 or later) and enable user namespaces. {OUTSIDE}"


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "bwrap: No permissions to create new namespace, likely because …",
            _NAMESPACES,
        ),
        (
            "bwrap: Creating new namespace failed: nesting depth or … (ENOSPC)",
            _NAMESPACES,
        ),
        ("bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted", _APPARMOR),
        ("bwrap: setting up uid map: Permission denied", _APPARMOR),
        ("bwrap: Unknown option --json-status-fd", _OTHER),
    ],
)
def test_each_complaint_has_its_remedy(bwrap: Path, said: str, remedy: str) -> None:
    found = probed(bwrap, f"cat <<'EOF'\n{said}\nEOF\nexit 1")
    assert found == Obstacle(f"bubblewrap could not make a sandbox ({said})", remedy)
    assert isinstance(found, Obstacle)
    assert found.error().report() == (
        f"Sandbox unavailable: bubblewrap could not make a sandbox ({said}). "
        f"Nothing was run.\n{remedy}"
    )


def test_in_a_container_the_remedy_is_the_containers(
    bwrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_CONTAINERS", (bwrap,))
    found = probed(bwrap, "echo bwrap: No permissions to create new namespace; exit 1")
    assert isinstance(found, Obstacle)
    assert found.remedy == (
        "Start the container with --security-opt seccomp=unconfined, or let the "
        "container be the boundary: --sandbox danger-full-access."
    )


def test_one_that_says_nothing_is_known_by_its_code(bwrap: Path) -> None:
    found = probed(bwrap, "exit 3")
    told = f"bubblewrap could not make a sandbox ({bwrap} exited with code 3)"
    assert found == Obstacle(told, _OTHER)


def test_one_that_is_no_program_is_an_obstacle(bwrap: Path) -> None:
    bwrap.write_bytes(b"nothing that runs")

    async def go() -> Found | Obstacle:
        return await probe.probe(bwrap, ENV, ANY)

    found = asyncio.run(go())
    assert isinstance(found, Obstacle)
    assert "Exec format error" in found.what


def test_one_that_does_not_answer_is_given_up(
    bwrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "PROBE_S", 0.2)
    found = probed(bwrap, "exec sleep 1000")
    assert isinstance(found, Obstacle)
    assert f"{bwrap} did not answer in time" in found.what
    assert found.passing


def test_one_that_is_killed_may_work_the_next_time(bwrap: Path) -> None:
    found = probed(bwrap, "kill -KILL $$")
    assert isinstance(found, Obstacle)
    assert found.passing


# --- the memory -----------------------------------------------------------------------


def test_a_success_is_remembered_for_the_same_program(bwrap: Path) -> None:
    file = bwrap.parent / "state/bwrap.json"
    found = Found(path=str(bwrap), version="bubblewrap 9.9", new_proc=False)
    Memory(file).keep(found)
    assert Memory(file).get(bwrap) == found
    assert [path.name for path in file.parent.iterdir()] == ["bwrap.json"]
    other = bwrap.with_name("other")
    other.touch()
    assert Memory(file).get(other) is None
    os.utime(bwrap, (1, 1))
    assert Memory(file).get(bwrap) is None


def test_what_is_forgotten_or_unreadable_is_not_known(bwrap: Path) -> None:
    file = bwrap.parent / "bwrap.json"
    memory = Memory(file)
    assert memory.get(bwrap) is None
    memory.keep(Found(path=str(bwrap), version=""))
    memory.forget()
    memory.forget()
    assert memory.get(bwrap) is None
    file.write_text("{}")
    assert memory.get(bwrap) is None


def test_another_container_probes_again(
    bwrap: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory(bwrap.parent / "bwrap.json")
    memory.keep(Found(path=str(bwrap), version=""))
    real = os.readlink

    def elsewhere(path: str) -> str:
        return f"{real(path)}other"

    monkeypatch.setattr(os, "readlink", elsewhere)
    assert memory.get(bwrap) is None


def test_where_nothing_can_be_written_nothing_is_remembered(bwrap: Path) -> None:
    memory = Memory(bwrap / "file/bwrap.json")
    memory.keep(Found(path=str(bwrap), version=""))
    assert memory.get(bwrap) is None
