"""The attack program against every backend and mode, as root and as an ordinary user.

``PYTHONPATH=src:tests python -m attack_run`` prints the same as a table.
"""

import functools
import os
import sys

import pytest

import attack_run
from attack_expected import ORIGINAL_LETS_THROUGH, promises
from attack_ground import NOBODY, python_for
from attack_run import Mode, Report
from codex_oss.sandbox.bubblewrap import SYSTEM_BWRAP
from confined_driver import Backend
from confinement import obstacle

USERS = [
    pytest.param(uid, id="root" if uid == 0 else "user")
    for uid in dict.fromkeys((os.getuid(), NOBODY))
]
PROVING = {
    *("create outside", "write through a symlink", "change the repositorys settings"),
    *("make the missing settings", "rename the parent of a nested root"),
    *("write to an inherited descriptor", "read a denied file"),
    *(
        "read the environment of the starting program",
        "attach the hosts shared segment",
    ),
    *("connect by tcp", "ask by udp", "connect to a unix socket"),
    *("send from a raw pair to a unix socket", "connect to an abstract socket"),
    *("signal the victim", "limit the victim", "gain privileges by exec"),
}
"""What an ordinary user can do on any Linux: unless it is seen to work where nothing is
in the way, that it is blocked proves nothing."""


@functools.cache
def bare(uid: int) -> Report:
    return attack_run.bare(uid)


@functools.cache
def ours(backend: Backend, mode: Mode, uid: int) -> Report:
    if why := obstacle(backend, uid):
        pytest.skip(why)
    return attack_run.ours(backend, mode, uid)


@functools.cache
def codex(mode: Mode, uid: int) -> Report:
    if why := attack_run.no_codex(uid):
        pytest.skip(why)
    return attack_run.codex(mode, uid)


def startable(uid: int) -> None:
    if sys.platform != "linux":
        pytest.skip("needs Linux")
    if uid != os.getuid() and os.getuid() != 0:
        pytest.skip("only root can become an ordinary user")
    if not python_for(uid):
        pytest.skip(f"no Python that user {uid} can start")


@pytest.mark.parametrize("uid", USERS)
def test_the_attacks_work_where_nothing_stops_them(uid: int) -> None:
    startable(uid)
    report = bare(uid)
    assert report.errors() == []
    assert set(report.outcomes) == {promise.name for promise in promises()}
    assert report.possible() >= PROVING


@pytest.mark.parametrize("uid", USERS)
@pytest.mark.parametrize("mode", attack_run.MODES)
@pytest.mark.parametrize("backend", attack_run.BACKENDS)
def test_an_attack_gets_as_far_as_the_table_says(
    backend: Backend, mode: Mode, uid: int
) -> None:
    startable(uid)
    report, without = ours(backend, mode, uid), bare(uid)
    assert report.errors() == []
    allowed = {p.name for p in promises() if p.allows(backend, mode, uid)}
    assert sorted(report.possible()) == sorted(allowed & without.possible())


@pytest.mark.skipif(not SYSTEM_BWRAP.exists(), reason="needs the system's bwrap")
@pytest.mark.parametrize("uid", USERS)
@pytest.mark.parametrize("mode", attack_run.MODES)
def test_where_the_hosts_processes_are_seen_they_are_still_out_of_reach(
    mode: Mode, uid: int
) -> None:
    startable(uid)
    usual = ours("bubblewrap", mode, uid).possible()
    report = attack_run.ours("bubblewrap", mode, uid, old_proc=True)
    assert report.errors() == []
    assert report.possible() - usual == {"see the victims command line"}


@pytest.mark.parametrize("mode", attack_run.MODES)
@pytest.mark.parametrize("backend", attack_run.BACKENDS)
def test_the_sandbox_command_confines_as_the_agent_does(
    backend: Backend, mode: Mode
) -> None:
    theirs = ours(backend, mode, os.getuid())
    report = attack_run.by_command(backend, mode)
    assert report.errors() == []
    assert sorted(report.possible()) == sorted(theirs.possible())


@pytest.mark.parametrize("uid", USERS)
@pytest.mark.parametrize("mode", ["read-only", "workspace-write"])
def test_the_host_is_as_it_was(mode: Mode, uid: int) -> None:
    startable(uid)
    assert ours("bubblewrap", mode, uid).harm == ()


@pytest.mark.parametrize("uid", USERS)
def test_with_network_servers_are_reached_and_nothing_else(uid: int) -> None:
    startable(uid)
    report = ours("bubblewrap", "network", uid)
    # A server of the host may pass an open file on: that is what it chose to do.
    servers = {"abstract", "abstract-d", "datagram", "seqpacket", "stream", "tcp"}
    reached = servers | {"udp", "tcp6"} | {"outside/passed"}
    assert set(report.harm) | {"tcp6"} == reached


@pytest.mark.parametrize("uid", USERS)
def test_full_access_is_no_sandbox_at_all(uid: int) -> None:
    startable(uid)
    report = ours("bubblewrap", "danger-full-access", uid)
    # What differs is ours in any mode: no descriptor is passed on.
    passed_on = {"write to an inherited descriptor", "inherit a descriptor"}
    assert bare(uid).possible() - report.possible() == passed_on


@pytest.mark.parametrize("uid", USERS)
@pytest.mark.parametrize("mode", attack_run.MODES)
def test_what_the_codex_cli_blocks_is_blocked_here(mode: Mode, uid: int) -> None:
    startable(uid)
    mine, theirs = ours("bubblewrap", mode, uid), codex(mode, uid)
    sys.stdout.write(attack_run.side_by_side({"ours": mine, "Codex": theirs}))
    assert theirs.blocked() & mine.possible() == set()


@pytest.mark.parametrize("uid", USERS)
def test_what_the_codex_cli_lets_through_is_blocked_here_too(uid: int) -> None:
    startable(uid)
    mine, theirs = (
        ours("bubblewrap", "workspace-write", uid),
        codex("workspace-write", uid),
    )
    known = ORIGINAL_LETS_THROUGH & bare(uid).possible()
    assert known - theirs.possible() == set()
    assert known & mine.possible() == set()
