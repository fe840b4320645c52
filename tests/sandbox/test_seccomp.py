"""Every rule of the filters, on both machines, run by a small packet filter machine."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bpf_machine
from codex_oss.errors import SandboxError
from codex_oss.sandbox import seccomp

ALLOWED, EPERM, ENOSYS, KILLED = 0x7FFF0000, 0x00050001, 0x00050026, 0x80000000
EOPNOTSUPP = 0x0005005F
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386, ARM = 0x40000003, 0x40000028
UNIX, INET, INET6, NETLINK, PACKET, VSOCK = 1, 2, 10, 16, 17, 40
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
RSS = 5
CLOEXEC_NONBLOCK = 0o2004000
HIGH = 1 << 32
KINDS: tuple[seccomp.Kind, ...] = ("loopback", "strict", "open")

ALWAYS = {
    *("process_vm_readv", "process_vm_writev", "pidfd_getfd"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd"),
}
STRICT = {"connect", "accept", "accept4", "bind", "listen", "sendmmsg", "recvmmsg"}
METADATA = {
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown"),
    *("fchownat", "utime", "utimes", "futimesat", "utimensat", "file_setattr"),
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat"),
}
ONLY_X86 = {"chmod", "chown", "lchown", "utime", "utimes", "futimesat"}
# Calls that ordinary programs live by, by their numbers on x86_64 and aarch64.
ORDINARY = {
    "read": (0, 63),
    "write": (1, 64),
    "openat": (257, 56),
    "execve": (59, 221),
    "clone": (56, 220),
    "sendmsg": (46, 211),
    "recvmsg": (47, 212),
    "getsockopt": (55, 209),
    "setsockopt": (54, 208),
    "getsockname": (51, 204),
    "getpeername": (52, 205),
    "shutdown": (48, 210),
    "unshare": (272, 97),
    "exit_group": (231, 94),
}


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


def said(program: bytes, machine: str, name: str, *args: int) -> int:
    column = list(ARCHITECTURES).index(machine)
    number = {**seccomp.NUMBERS, **ORDINARY}[name][column]
    assert number is not None
    return bpf_machine.run(program, arch=ARCHITECTURES[machine], nr=number, args=args)


def closed(program: bytes, machine: str) -> set[str]:
    """Return the calls that are refused when all arguments are 0."""
    column = list(ARCHITECTURES).index(machine)
    return {
        name
        for name, numbers in seccomp.NUMBERS.items()
        if numbers[column] is not None and said(program, machine, name) == EPERM
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ptrace", [False, True])
@pytest.mark.parametrize("metadata", [False, True])
def test_whole_calls_are_refused_by_kind(
    kind: seccomp.Kind, *, ptrace: bool, metadata: bool, machine: str
) -> None:
    program = seccomp.program(kind, machine=machine, ptrace=ptrace, metadata=metadata)
    nothing: set[str] = set()
    expected = ALWAYS | (nothing if ptrace else {"ptrace"})
    # Without arguments `socket` asks for no domain, which only `open` lets pass.
    expected |= {
        "strict": STRICT | {"socket", "socketpair"},
        "loopback": {"socket", "socketpair"},
        "open": nothing,
    }[kind]
    expected |= nothing if metadata else METADATA
    expected -= ONLY_X86 if machine == "aarch64" else nothing
    assert closed(program, machine) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_what_programs_live_by_is_allowed(kind: seccomp.Kind, machine: str) -> None:
    program = seccomp.program(kind, machine=machine, metadata=False)
    assert {name: said(program, machine, name) for name in ORDINARY} == dict.fromkeys(
        ORDINARY, ALLOWED
    )


@pytest.mark.parametrize("kind", KINDS)
def test_another_architecture_is_killed(kind: seccomp.Kind, machine: str) -> None:
    program = seccomp.program(kind, machine=machine)
    others = {I386, ARM, 0, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}
    for arch in others:
        assert bpf_machine.run(program, arch=arch, nr=0) == KILLED


def test_the_second_table_of_x86_64_does_not_exist() -> None:
    program = seccomp.program("open", machine="x86_64")
    arch = ARCHITECTURES["x86_64"]
    for nr in (0x40000000, 0x40000000 | 41, 0x7FFFFFFF, 0xFFFFFFFF):
        assert bpf_machine.run(program, arch=arch, nr=nr) == ENOSYS
    assert bpf_machine.run(program, arch=arch, nr=0x3FFFFFFF) == ALLOWED


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_typed_into_a_terminal(kind: seccomp.Kind, machine: str) -> None:
    program = seccomp.program(kind, machine=machine)
    requests = {
        0x5412: EPERM,  # TIOCSTI
        0x541C: EPERM,  # TIOCLINUX
        HIGH | 0x5412: EPERM,  # the kernel ignores the high half
        (0xABCD << 32) | 0x541C: EPERM,
        0x5413: ALLOWED,  # TIOCGWINSZ
        0x5401: ALLOWED,  # TCGETS
        0x40086602: ALLOWED,  # FS_IOC_SETFLAGS
    }
    assert {r: said(program, machine, "ioctl", 0, r) for r in requests} == requests


def test_without_metadata_file_settings_are_closed_too(machine: str) -> None:
    program = seccomp.program("strict", machine=machine, metadata=False)
    for request in (0x40086602, 0x40046602, 0x401C5820, 0x40087602, 0x40806685):
        assert said(program, machine, "ioctl", 3, request) == EPERM
        assert said(program, machine, "ioctl", 3, HIGH | request) == EPERM
    assert said(program, machine, "ioctl", 3, 0x5412) == EPERM
    assert said(program, machine, "ioctl", 3, 0x80086601) == ALLOWED  # GETFLAGS


@pytest.mark.parametrize(
    ("kind", "call"),
    [("strict", "socket"), ("strict", "socketpair"), ("loopback", "socketpair")],
)
def test_only_connected_unix_sockets_are_made(
    kind: seccomp.Kind, call: str, machine: str
) -> None:
    program = seccomp.program(kind, machine=machine)
    expected = {
        (UNIX, STREAM): ALLOWED,
        (UNIX, SEQPACKET): ALLOWED,
        (UNIX, STREAM | CLOEXEC_NONBLOCK): ALLOWED,
        (HIGH | UNIX, HIGH | STREAM): ALLOWED,
        (UNIX, DGRAM): EPERM,
        (UNIX, DGRAM | CLOEXEC_NONBLOCK): EPERM,
        (UNIX, HIGH | DGRAM): EPERM,
        (UNIX, RAW): EPERM,  # Linux makes a datagram socket of it
        (UNIX, 0): EPERM,
        (INET, STREAM): EPERM,
        (HIGH | INET, STREAM): EPERM,
        (INET6, DGRAM): EPERM,
        (NETLINK, RAW): EPERM,
        (PACKET, RAW): EPERM,
        (VSOCK, STREAM): EPERM,
        (0, STREAM): EPERM,
    }
    assert {a: said(program, machine, call, *a) for a in expected} == expected


def test_loopback_has_ip_and_lists_of_addresses(machine: str) -> None:
    program = seccomp.program("loopback", machine=machine)
    expected: dict[tuple[int, ...], int] = {
        (INET, STREAM): ALLOWED,
        (INET, DGRAM): ALLOWED,
        (INET6, STREAM, 6): ALLOWED,
        (NETLINK, RAW, 0): ALLOWED,
        (NETLINK, RAW, HIGH): ALLOWED,
        (NETLINK, RAW, 15): EPERM,
        (UNIX, STREAM): EPERM,
        (HIGH | UNIX, STREAM): EPERM,
        (UNIX, DGRAM): EPERM,
        (PACKET, RAW): EPERM,
        (VSOCK, STREAM): EPERM,
        (38, SEQPACKET): EPERM,  # AF_ALG
    }
    assert {a: said(program, machine, "socket", *a) for a in expected} == expected


def test_open_closes_the_way_out_of_a_virtual_machine_only(machine: str) -> None:
    program = seccomp.program("open", machine=machine)
    expected: dict[tuple[int, ...], int] = {
        (UNIX, STREAM): ALLOWED,
        (UNIX, DGRAM): ALLOWED,
        (INET, STREAM): ALLOWED,
        (NETLINK, RAW, 15): ALLOWED,
        (VSOCK, STREAM): EPERM,
        (HIGH | VSOCK, STREAM): EPERM,
    }
    assert {a: said(program, machine, "socket", *a) for a in expected} == expected
    assert said(program, machine, "socketpair", UNIX, DGRAM) == ALLOWED


def test_strict_sends_only_where_a_socket_is_connected_to(machine: str) -> None:
    program = seccomp.program("strict", machine=machine)
    addresses = {0: ALLOWED, 0x7F00_1000: EPERM, 1: EPERM, HIGH: EPERM, 1 << 63: EPERM}
    assert {
        each: said(program, machine, "sendto", 3, 0x1000, 8, 0, each, 16)
        for each in addresses
    } == addresses
    for kind in ("loopback", "open"):
        other = seccomp.program(kind, machine=machine)
        assert said(other, machine, "sendto", 3, 0x1000, 8, 0, 1, 16) == ALLOWED


def test_among_others_a_command_changes_only_itself(machine: str) -> None:
    program = seccomp.among_others(machine=machine)
    expected: dict[tuple[str, *tuple[int, ...]], int] = {
        ("prlimit64", 0, 7, 0x1000): ALLOWED,
        ("prlimit64", 77, 7, 0): ALLOWED,  # asks
        ("prlimit64", 77, 7, 0x1000): EPERM,
        ("prlimit64", 77, 7, HIGH): EPERM,
        ("prlimit64", HIGH, 7, 0x1000): ALLOWED,  # a number of 32 bits: itself
        ("prlimit64", 0, RSS, 0): ALLOWED,
        ("prlimit64", 0, RSS, 0x1000): EPERM,
        ("prlimit64", 0, HIGH | RSS, HIGH): EPERM,
        ("setrlimit", RSS, 0x1000): EPERM,
        ("setrlimit", HIGH | RSS, 0x1000): EPERM,
        ("setrlimit", 7, 0x1000): ALLOWED,
        ("setpriority", 0, 0, 5): ALLOWED,
        ("setpriority", 0, 77, 5): EPERM,
        ("setpriority", 2, 0, 5): EPERM,  # all processes of the user
        ("ioprio_set", 1, 0, 5): ALLOWED,
        ("ioprio_set", 1, 77, 5): EPERM,
        ("ioprio_set", 3, 0, 5): EPERM,
        ("shmget", 0x5EC, 0, 0): EPERM,
        ("shmat", 1, 0, 0): EPERM,
        ("fsetxattr", 3, 0x1000, 0x1000, 1, 0): EOPNOTSUPP,
        ("file_setattr", 3, 0x1000, 0x1000, 8, 0): EOPNOTSUPP,
        ("fchmod", 3, 0o600): ALLOWED,
        ("ioctl", 3, 0x40086602, 0x1000): EPERM,  # FS_IOC_SETFLAGS
        ("ioctl", 3, HIGH | 0x40086602, 0x1000): EPERM,
        ("ioctl", 3, 0x5401, 0x1000): ALLOWED,  # TCGETS
        ("socket", VSOCK, STREAM): ALLOWED,
        ("read",): ALLOWED,
    }
    assert {
        (name, *args): said(program, machine, name, *args) for name, *args in expected
    } == expected
    assert bpf_machine.run(program, arch=I386, nr=0) == KILLED


WORDS = st.integers(0, 2**64 - 1)


@given(
    kind=st.sampled_from(KINDS),
    machine=st.sampled_from(sorted(ARCHITECTURES)),
    options=st.tuples(st.booleans(), st.booleans()),
    arch=st.sampled_from([*ARCHITECTURES.values(), I386]) | st.integers(0, 2**32 - 1),
    nr=st.integers(0, 480) | st.integers(0, 2**32 - 1),
    args=st.tuples(*[st.integers(0, 64) | WORDS] * 6),
)
def test_no_call_leads_out_of_a_program_and_unknown_ones_are_allowed(
    kind: seccomp.Kind,
    machine: str,
    options: tuple[bool, bool],
    arch: int,
    nr: int,
    args: tuple[int, ...],
) -> None:
    ptrace, metadata = options
    program = seccomp.program(kind, machine=machine, ptrace=ptrace, metadata=metadata)
    answer = bpf_machine.run(program, arch=arch, nr=nr, args=args)
    if arch != ARCHITECTURES[machine]:
        assert answer == KILLED
    elif machine == "x86_64" and nr >= 0x40000000:
        assert answer == ENOSYS
    else:
        column = list(ARCHITECTURES).index(machine)
        known = {numbers[column] for numbers in seccomp.NUMBERS.values()}
        assert answer in ({ALLOWED, EPERM} if nr in known else {ALLOWED})


def test_an_unknown_machine_is_refused() -> None:
    for make in (
        lambda: seccomp.program("strict", machine="riscv64"),
        lambda: seccomp.among_others(machine="riscv64"),
    ):
        with pytest.raises(SandboxError, match="system calls of 'riscv64' cannot be"):
            make()


@pytest.mark.parametrize(
    ("column", "header"),
    [
        (0, "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        (1, "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_are_the_kernels(column: int, header: str) -> None:
    path = Path(header)
    if not path.exists():
        pytest.skip(f"no {header} (linux-libc-dev)")
    defined = {
        name: int(number)
        for name, number in re.findall(
            r"^#define __NR_(\w+) (\d+)$", path.read_text(), re.MULTILINE
        )
    }
    ours = {name: numbers[column] for name, numbers in seccomp.NUMBERS.items()}
    # Calls that are younger than the header have one number on all machines.
    younger = {name for name, n in ours.items() if n is not None and n >= 450}
    assert younger == {"fchmodat2", "setxattrat", "removexattrat", "file_setattr"}
    assert {name: defined.get(name) for name in ours.keys() - younger} == {
        name: number for name, number in ours.items() if name not in younger
    }
