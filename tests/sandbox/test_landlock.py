"""Landlock in a real kernel, with every ABI that it and we know."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import restricted
from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import landlock, seccomp
from codex_oss.sandbox.landlock import Rule
from restricted import Order

ABI = landlock.abi()
needs_landlock = pytest.mark.skipif(
    ABI < landlock.OLDEST or os.uname().machine not in seccomp.MACHINES,
    reason=f"Landlock of ABI {landlock.OLDEST} or later is needed, here is {ABI}",
)
ABIS = range(landlock.OLDEST, max(ABI, landlock.OLDEST) + 1)

OUTSIDE = (
    *("make_outside", "append_outside", "truncate_outside", "empty_outside"),
    *("unlink_outside", "rmdir_outside", "mkdir_outside", "symlink_outside"),
    *("move_out", "move_in", "write_through_link", "raw_disk"),
    *("kernel_setting", "system_file"),
)
SECRET = ("read_secret", "read_secret_by_link", "read_secret_by_proc", "move_secret")
METADATA = ("chmod_outside", "chown_outside", "utime_outside")
SYSTEM = {
    "change_mount": "EPERM",
    "limits_outside": "EPERM",
    "mark_taken_off": "EPERM",
    "other_limit": "ok",
    "priority_outside": "EPERM",
    "memory_of_own_program": "EACCES",
    "capabilities": "ok",
    "rest_of_program_is_free": "ok",
    "null_device": "ok",
    "terminal": "ok",
    "list_around": "ok",
    "asyncio": "ok",
    "by_path": "EPERM",
    "abstract": "EPERM",
    "ipv4": "EPERM",
}


@pytest.fixture(params=[-1, restricted.NOBODY], ids=["this user", "nobody"])
def uid(request: pytest.FixtureRequest) -> int:
    if request.param >= 0 and os.getuid():
        pytest.skip("only root can become another user")
    return request.param


@pytest.fixture
def ground(uid: int) -> Iterator[Path]:
    # Not `tmp_path`, which lies in a folder that only this user may enter.
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="codex-oss-")))
    yield restricted.lay(folder, uid)
    shutil.rmtree(folder)


def ask(ground: Path, uid: int, permissions: Permissions, abi: int = ABI) -> Order:
    return Order(
        ground=str(ground),
        attempts=(),
        permissions=permissions,
        metadata=permissions.mode != "read-only",
        abi=abi,
        uid=uid,
    )


@needs_landlock
def test_in_workspace_write_only_the_roots_are_written_to(
    ground: Path, uid: int
) -> None:
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=(str(ground / "ws"),),
        deny_read=(str(ground / "secret"),),
    )
    expected = dict.fromkeys((*OUTSIDE, *SECRET, "device_in_root"), "EACCES") | SYSTEM
    inside = ("make_in_root", "truncate_in_root", "move_in_root", "fifo_in_root")
    expected |= dict.fromkeys((*inside, "shared_memory", "read_outside"), "ok")
    expected |= {"link_in": "EXDEV"}
    # What `weak` says: settings, and what files are.
    expected |= dict.fromkeys(("hook_in_root", *METADATA), "ok")
    restricted.expect(ask(ground, uid, permissions), expected)
    assert (ground / "outside/file").read_text() == "kept"


@needs_landlock
def test_in_read_only_nothing_is_written_to(ground: Path, uid: int) -> None:
    permissions = Permissions(deny_read=(str(ground / "secret/key"),))
    refused = (*OUTSIDE, *SECRET, "device_in_root", "make_in_root", "hook_in_root")
    refused += ("truncate_in_root", "move_in_root", "fifo_in_root", "shared_memory")
    expected = dict.fromkeys((*refused, "link_in"), "EACCES") | SYSTEM
    closed = (*METADATA, "xattr_outside", "chattr_outside")
    expected |= dict.fromkeys(closed, "EPERM") | {"read_outside": "ok"}
    restricted.expect(ask(ground, uid, permissions), expected)


@needs_landlock
@pytest.mark.parametrize("abi", ABIS)
def test_each_abi_keeps_its_promises(abi: int, tmp_path: Path) -> None:
    ground = restricted.lay(tmp_path)
    permissions = Permissions(
        mode="workspace-write", writable_roots=(os.path.realpath(ground / "ws"),)
    )
    expected = dict.fromkeys(OUTSIDE, "EACCES") | {"move_in_root": "ok"}
    expected |= {"signal_outside": "EPERM" if abi >= 6 else "ok", "capabilities": "ok"}
    restricted.expect(ask(ground, -1, permissions, abi), expected)
    assert ("signals reach" in landlock.weak(abi)) is (abi < 6)


@needs_landlock
@pytest.mark.parametrize("abi", ABIS)
def test_each_abi_closes_of_the_network_what_it_can(abi: int, tmp_path: Path) -> None:
    """The filter alone closes it all; this is the second door, with the first open."""
    ground = restricted.lay(tmp_path)
    order = Order(
        ground=str(ground),
        attempts=(),
        permissions=Permissions(),
        kind="open",
        abi=abi,
    )
    expected = {
        "server": "EACCES" if abi >= 4 else "ok",
        "abstract": "EPERM" if abi >= 6 else "ok",
        "by_path": "EACCES" if abi >= 9 else "ok",
    }
    restricted.expect(order, expected)
    free = msgspec.structs.replace(order, permissions=Permissions(network=True))
    restricted.expect(free, expected | {"server": "ok"})
    said = landlock.weak(abi, network=True)
    assert ("abstract sockets" in said) is (abi < 6)
    assert ("Docker" in said) is (abi < 9)


@needs_landlock
def test_a_newer_kernel_than_we_know_is_used_as_far_as_we_do(tmp_path: Path) -> None:
    ground = restricted.lay(tmp_path)
    order = ask(ground, -1, Permissions(), landlock.LATEST + 5)
    restricted.expect(order, {"make_in_root": "EACCES", "read_outside": "ok"})


PROGRAM = seccomp.program("strict", machine="x86_64")


@pytest.mark.parametrize("abi", [0, 1, 2])
def test_an_abi_that_lets_files_be_truncated_is_refused(abi: int) -> None:
    why = "Landlock is too old" if abi and ABI else "no Landlock"
    with pytest.raises(SandboxError, match=why) as raised:
        landlock.restriction(Permissions(), program=PROGRAM, at_most=abi)
    assert "Install bubblewrap" in raised.value.hint


@needs_landlock
@pytest.mark.parametrize(
    ("permissions", "why"),
    [
        (Permissions(mode="danger-full-access"), "without mode and filter"),
        (
            Permissions(mode="workspace-write", writable_roots=("/",)),
            "whose writable root is /",
        ),
        (
            Permissions(
                mode="workspace-write", writable_roots=("{}",), deny_read=("{}/ws",)
            ),
            "cannot deny reading {}/ws beside writing to {}",
        ),
        (
            Permissions(mode="workspace-write", scratch=("{}/ws",), deny_read=("{}",)),
            "cannot deny reading {} beside writing to {}/ws",
        ),
    ],
)
def test_what_landlock_cannot_do_is_refused(
    permissions: Permissions, why: str, tmp_path: Path
) -> None:
    ground = restricted.lay(tmp_path)
    text = msgspec.json.encode(permissions).replace(b"{}", os.fsencode(ground))
    permissions = msgspec.json.decode(text, type=Permissions)
    with pytest.raises(SandboxError) as raised:
        landlock.restriction(permissions, program=PROGRAM)
    assert why.replace("{}", str(ground)) in str(raised.value)


@needs_landlock
def test_no_filter_is_no_restriction() -> None:
    with pytest.raises(SandboxError, match="without mode and filter"):
        landlock.restriction(Permissions(), program=b"")


def test_a_missing_secret_in_a_root_hinders_nothing(tmp_path: Path) -> None:
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=(str(tmp_path),),
        deny_read=(str(tmp_path / "missing/key"),),
    )
    granted = {rule.path: rule.rights for rule in landlock.rules(permissions, 7)}
    assert granted[str(tmp_path)] & landlock.WRITE_FILE


def test_around_what_is_denied_each_neighbour_is_readable(tmp_path: Path) -> None:
    for name in ("secret/deep", "open", "home/keys", "home/work"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "file").touch()
    here = os.path.realpath(tmp_path)
    read = landlock.EXECUTE | landlock.READ_FILE | landlock.READ_DIR
    denied = (f"{here}/secret", f"{here}/secret/deep", f"{here}/home/keys")
    rules = list(landlock.rules(Permissions(deny_read=denied), 7))
    below = sorted(rule.path for rule in rules if rule.path.startswith(here))
    assert below == [f"{here}/file", f"{here}/home/work", f"{here}/open"]
    assert rules[0] == Rule("/", landlock.READ_DIR)
    assert {rule.rights for rule in rules if rule.path.startswith(here)} == {read}
    parts = {str(parent) for parent in (tmp_path, *tmp_path.resolve().parents)}
    assert not parts & {rule.path for rule in rules[1:]}


@needs_landlock
def test_an_older_link_of_a_denied_file_does_not_open_it(tmp_path: Path) -> None:
    ground = restricted.lay(tmp_path)
    (ground / "secret/other").hardlink_to(ground / "secret/key")
    permissions = Permissions(deny_read=(str(ground / "secret/key"),))
    restricted.expect(
        ask(ground, -1, permissions),
        dict.fromkeys(("read_secret", "read_secret_by_link"), "EACCES"),
    )


def test_a_root_that_leads_elsewhere_by_now_is_left_out(tmp_path: Path) -> None:
    here = Path(os.path.realpath(tmp_path))
    for name in ("ws", "outside/deep"):
        (here / name).mkdir(parents=True)
    (here / "ws/build").symlink_to("../outside")
    roots = ("ws", "ws/build", "ws/build/deep", "ws/missing")
    permissions = Permissions(
        mode="workspace-write",
        writable_roots=tuple(f"{here}/{name}" for name in roots),
        scratch=("/proc", "/sys/fs", "/dev", "/dev/pts"),
    )
    writable = [
        rule.path
        for rule in landlock.rules(permissions, 7)
        if rule.rights & landlock.REFER
    ]
    assert writable == sorted(["/dev/shm", f"{here}/ws"])


def test_of_dev_only_what_every_program_needs_is_open() -> None:
    rules = landlock.rules(Permissions(), 7)
    assert [rule.path for rule in rules if rule.path.startswith("/dev")] == [
        *("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"),
        *("/dev/tty", "/dev/ptmx", "/dev/pts"),
    ]


def test_a_device_that_is_denied_is_not_opened() -> None:
    paths = [
        rule.path for rule in landlock.rules(Permissions(deny_read=("/dev/pts",)), 7)
    ]
    assert "/dev/pts" not in paths
    assert "/dev/null" in paths


def test_too_many_neighbours_are_an_error_not_a_hole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "MOST_RULES", 3)
    permissions = Permissions(deny_read=(str(tmp_path / "secret"),))
    with pytest.raises(OSError, match="more than 3 entries"):
        list(landlock.rules(permissions, 7))


@pytest.mark.parametrize("abi", range(1, landlock.LATEST + 1))
def test_each_abi_handles_what_the_one_before_did(abi: int) -> None:
    bits = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16, 6: 16, 7: 16, 8: 16, 9: 17}
    assert landlock.handled(abi) == (1 << bits[abi]) - 1
