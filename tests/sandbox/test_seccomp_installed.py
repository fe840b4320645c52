"""The filters in a real kernel: installed in a thread, then tried."""

import os
import sys
from pathlib import Path

import pytest

import restricted
from codex_oss.errors import SandboxError
from codex_oss.sandbox import kernel, seccomp
from restricted import Order

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.uname().machine not in seccomp.MACHINES,
    reason="seccomp's filters are for Linux on x86_64 and aarch64",
)

ALWAYS = {
    "vsock": "EPERM",
    "keyring": "EPERM",
    "io_uring": "EPERM",
    "bpf": "EPERM",
    "userfaultfd": "EPERM",
    "ptrace": "EPERM",
    "process_vm_readv": "EPERM",
    "type_into_terminal": "EPERM",
    "type_with_high_word": "EPERM",
    "pair": "ok",
    "pair_packets": "ok",
    "asyncio": "ok",
    "run_program": "ok",
    "terminal": "ok",
    "rest_of_program_is_free": "ok",
}
OFF = {
    "netlink_uevent": "EPERM",
    "unix_datagram": "EPERM",
    "unix_raw": "EPERM",
    "pair_datagrams": "EPERM",
    "pair_raw": "EPERM",
    "abstract": "EPERM",
    "by_path": "EPERM",
    "datagram_by_path": "EPERM",
}


def test_strict_leaves_pairs_of_sockets_only(tmp_path: Path) -> None:
    ground = str(restricted.lay(tmp_path))
    expected = ALWAYS | OFF
    expected |= dict.fromkeys(("ipv4", "ipv6", "netlink_route", "server"), "EPERM")
    expected |= {"unix": "ok"}
    restricted.expect(Order(ground=ground, attempts=(), kind="strict"), expected)


def test_loopback_leaves_ip_and_no_unix_sockets(tmp_path: Path) -> None:
    ground = str(restricted.lay(tmp_path))
    expected = ALWAYS | OFF | {"unix": "EPERM"}
    expected |= dict.fromkeys(("ipv4", "netlink_route", "server"), "ok")
    restricted.expect(Order(ground=ground, attempts=(), kind="loopback"), expected)


def test_open_leaves_the_network(tmp_path: Path) -> None:
    ground = str(restricted.lay(tmp_path))
    expected = ALWAYS | dict.fromkeys((*OFF, "ipv4", "netlink_route", "server"), "ok")
    restricted.expect(Order(ground=ground, attempts=(), kind="open"), expected)


def test_debuggers_work_where_they_may(tmp_path: Path) -> None:
    ground = str(restricted.lay(tmp_path))
    order = Order(ground=ground, attempts=(), kind="loopback", ptrace=True)
    restricted.expect(order, {"ptrace": "ESRCH", "process_vm_readv": "EPERM"})


def test_without_metadata_no_file_changes_what_it_is(tmp_path: Path) -> None:
    ground = str(restricted.lay(tmp_path))
    names = ("chmod_outside", "chown_outside", "utime_outside")
    names += ("xattr_outside", "chattr_outside")
    order = Order(ground=ground, attempts=(), metadata=False)
    restricted.expect(order, dict.fromkeys(names, "EPERM") | {"make_outside": "ok"})


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="x86_64 has other tables")
@pytest.mark.parametrize("kind", ["loopback", "strict", "open"])
def test_the_other_tables_of_x86_64_are_closed(
    kind: seccomp.Kind, tmp_path: Path
) -> None:
    ground = str(restricted.lay(tmp_path))
    told = restricted.attempt(Order(ground=ground, attempts=("i386", "x32"), kind=kind))
    # SIGSEGV: this kernel has no such table at all.
    assert told["i386"] in {"SIGSYS", "SIGSEGV"}
    assert told["x32"] == "ENOSYS"


@pytest.mark.parametrize("size", [0, 7, 12, 8 * 4097])
def test_bytes_that_are_no_program_are_refused(size: int) -> None:
    with pytest.raises(SandboxError, match=f"cannot filter .* with {size} bytes"):
        seccomp.install(bytes(size))


def test_what_the_kernel_refuses_is_an_error_of_the_sandbox(tmp_path: Path) -> None:
    # In a thread of its own: the kernel takes the promise of no new privileges.
    import threading  # noqa: PLC0415

    raised: list[SandboxError] = []

    def install() -> None:
        try:
            seccomp.install(b"\xff" * 8)
        except SandboxError as error:
            raised.append(error)

    thread = threading.Thread(target=install)
    thread.start()
    thread.join()
    assert [str(error) for error in raised] == [
        "cannot filter system calls: Invalid argument. Nothing was run."
    ]


def test_the_kernel_names_a_machine_that_is_known() -> None:
    assert kernel.machine() in seccomp.MACHINES
