"""The filter of system calls: what a confined command cannot ask the kernel for.

Everything is allowed but what is listed here. Three kinds differ in the network:

``strict``
    No socket but pairs of connected ones, so that programs may talk to themselves.
``loopback``
    For a network namespace of its own, where nothing but the command listens: IP is
    allowed, so that tests may run servers. Sockets in the file system are not: no
    namespace keeps them apart.
``open``
    For commands that may reach the network; only sockets to the host of a virtual
    machine are closed, which on WSL run programs of Windows.

The kernel passes values only: what a pointer points to, such as an address to connect
to, cannot be looked at. That is why whole calls are closed here.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from codex_oss.errors import SandboxError
from codex_oss.sandbox import kernel
from codex_oss.sandbox.bpf import (
    LIMIT,
    Instruction,
    assemble,
    at_least,
    equal,
    give,
    load,
    mask,
)

Kind = Literal["loopback", "strict", "open"]

# linux/seccomp.h
ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
EPERM, ENOSYS, EOPNOTSUPP = 1, 38, 95
_SET_MODE_FILTER = 1
_SIZE = struct.calcsize("<HBBI")

# Offsets in struct seccomp_data; both machines are little endian.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_X32_BIT = 0x40000000
"""Numbers from here on are x86_64's second table, in which our numbers are wrong."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_VSOCK = 1, 2, 10, 16, 40
_STREAM, _SEQPACKET, _TYPE_BITS = 1, 5, 0xF
_NETLINK_ROUTE = 0

_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX type into the terminal of whoever started us."""
_FILE_SETTINGS = (0x40086602, 0x40046602, 0x401C5820, 0x40087602, 0x40806685)
"""FS_IOC_SETFLAGS, its 32-bit form, FS_IOC_FSSETXATTR, FS_IOC_SETVERSION and
FS_IOC_ENABLE_VERITY change a file that is open for reading only."""

_ALWAYS = (
    *("process_vm_readv", "process_vm_writev", "pidfd_getfd"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register"),
    *("keyctl", "add_key", "request_key"),
    *("bpf", "perf_event_open", "userfaultfd"),
)
_CONNECTING = (
    *("connect", "bind", "listen", "accept", "accept4", "sendmmsg", "recvmmsg"),
)
_ATTRIBUTES = (
    *("setxattr", "lsetxattr", "fsetxattr", "setxattrat"),
    *("removexattr", "lremovexattr", "fremovexattr", "removexattrat", "file_setattr"),
)
_METADATA = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2"),
    *("chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
    *_ATTRIBUTES,
)
_SHARED_SEGMENTS = ("shmget", "shmat", "shmctl")

NUMBERS: dict[str, tuple[int | None, int | None]] = {
    # name: x86_64, aarch64 (None: not there, as a newer call does its work)
    "accept": (43, 202),
    "accept4": (288, 242),
    "add_key": (248, 217),
    "bind": (49, 200),
    "bpf": (321, 280),
    "chmod": (90, None),
    "chown": (92, None),
    "connect": (42, 203),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "file_setattr": (469, 469),
    "fremovexattr": (199, 16),
    "fsetxattr": (190, 7),
    "futimesat": (261, None),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioprio_set": (251, 30),
    "ioctl": (16, 29),
    "keyctl": (250, 219),
    "lchown": (94, None),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "prlimit64": (302, 261),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "recvmmsg": (299, 243),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "request_key": (249, 218),
    "seccomp": (317, 277),
    "sendmmsg": (307, 269),
    "sendto": (44, 206),
    "setpriority": (141, 140),
    "setrlimit": (160, 164),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "userfaultfd": (323, 282),
    "utime": (132, None),
    "utimensat": (280, 88),
    "utimes": (235, None),
}
"""Source: the kernel's syscall_64.tbl and its generic unistd.h."""


class Machine(msgspec.Struct, frozen=True):
    """What a filter must know of a kind of processor."""

    architecture: int
    """The AUDIT_ARCH number that the kernel gives with each call."""
    column: int
    """Of ``NUMBERS``."""
    x32: bool = False

    def number(self, name: str) -> int | None:
        """Return the number of a call, None where there is no such call."""
        return NUMBERS[name][self.column]


MACHINES = {
    "x86_64": Machine(0xC000003E, 0, x32=True),
    "aarch64": Machine(0xC00000B7, 1),
}


def program(
    kind: Kind, *, machine: str, ptrace: bool = False, metadata: bool = True
) -> bytes:
    """Return the filter for seccomp, as bubblewrap's ``--seccomp`` reads it too.

    ``machine`` is the kernel's name of it. ``ptrace`` lets debuggers work, which is
    safe only in a process namespace of the command's own. Without ``metadata`` modes,
    owners, times and extended attributes cannot be changed, of no file.

    Raises ``SandboxError`` for a machine whose system calls are not known here.
    """
    on = _known(machine)
    closed = [*_ALWAYS, *(() if ptrace else ("ptrace",))]
    closed += _CONNECTING if kind == "strict" else ()
    closed += () if metadata else _METADATA
    return _whole(on, _looked_at(kind, metadata=metadata), closed)


def among_others(*, machine: str) -> bytes:
    """Return a filter, beside the other, for a command that shares our processes.

    Of processes but itself it cannot change limits and priorities, which Landlock
    leaves open; and not its own RLIMIT_RSS, by which ``process.marks`` finds what it
    leaves behind. It cannot attach others' System V shared memory, nor change flags
    and extended attributes, of no file: Landlock knows of none of these, and few
    programs need them. What copies attributes takes the disk for one without.

    Raises ``SandboxError`` as ``program`` does.
    """
    return _whole(_known(machine), _OTHERS, _SHARED_SEGMENTS, _ATTRIBUTES)


def install(program: bytes) -> None:
    """Filter the system calls of this thread and of all that it starts, for good.

    Raises ``SandboxError`` when the kernel does not do it; nothing is filtered then.
    """
    count, rest = divmod(len(program), _SIZE)
    if rest or not 0 < count <= LIMIT:
        raise SandboxError(f"cannot filter system calls with {len(program)} bytes")
    on = MACHINES.get(kernel.machine())
    number = on and on.number("seccomp")
    if number is None:
        raise SandboxError("cannot filter system calls: unknown kind of machine")
    try:
        kernel.no_new_privileges()
        kernel.call_with_array(number, _SET_MODE_FILTER, 0, array=program, count=count)
    except OSError as error:
        raise SandboxError(
            f"cannot filter system calls: {error.strerror}. Nothing was run.",
            hint="The kernel must have seccomp filters, and a container must not "
            "forbid them.",
        ) from error


def _known(machine: str) -> Machine:
    on = MACHINES.get(machine)
    if on is None:
        raise SandboxError(
            f"Sandbox unavailable: system calls of {machine!r} cannot be filtered, "
            f"only those of {' and '.join(MACHINES)}. Nothing was run."
        )
    return on


def _whole(
    on: Machine,
    looked_at: Mapping[str, Sequence[Instruction | str]],
    closed: Iterable[str] = (),
    unsupported: Iterable[str] = (),
) -> bytes:
    """Return the program that refuses ``closed`` and follows rules for ``looked_at``.

    ``unsupported`` are refused as file systems do that know nothing of them.
    What a rule may go to stands behind all of them; jumps do not go back.
    """
    return assemble(
        [
            *_native_only(on),
            *_dispatch(on, dict.fromkeys(closed, "forbid")),
            *_dispatch(on, dict.fromkeys(unsupported, "unsupported")),
            *_dispatch(on, {name: name for name in looked_at}),
            give(ALLOW),
            *(line for name, rule in looked_at.items() for line in (name, *rule)),
            *("allow", give(ALLOW)),
            *("forbid", give(ERRNO | EPERM)),
            *(("unsupported", give(ERRNO | EOPNOTSUPP)) if unsupported else ()),
            *(("unknown", give(ERRNO | ENOSYS)) if on.x32 else ()),
            *("kill", give(KILL_PROCESS)),
        ]
    )


def _native_only(on: Machine) -> list[Instruction]:
    """Keep out the calls of other tables, in which the numbers mean other calls.

    Another architecture (i386's ``int 0x80``) is killed, as nothing asks for it by
    mistake.
    """
    lines = [load(_ARCHITECTURE), equal(on.architecture, no="kill"), load(_NUMBER)]
    return [*lines, at_least(_X32_BIT, yes="unknown")] if on.x32 else lines


def _dispatch(on: Machine, labels: dict[str, str]) -> Iterable[Instruction]:
    for name, label in labels.items():
        number = on.number(name)
        if number is not None:
            yield equal(number, yes=label)


def _looked_at(kind: Kind, *, metadata: bool) -> dict[str, list[Instruction]]:
    """Return the rules of the calls that depend on their arguments."""
    requests = (*_TERMINAL_INPUT, *(() if metadata else _FILE_SETTINGS))
    # The kernel reads 32 bits of a request and of a domain; so must we.
    ioctl = [_low(1), *(equal(each, yes="forbid") for each in requests), give(ALLOW)]
    match kind:
        case "strict":
            return {
                "ioctl": ioctl,
                "sendto": _WITHOUT_ADDRESS,
                "socket": _CONNECTED_UNIX,
                "socketpair": _CONNECTED_UNIX,
            }
        case "loopback":
            return {"ioctl": ioctl, "socket": _IP, "socketpair": _CONNECTED_UNIX}
        case "open":
            return {"ioctl": ioctl, "socket": _NO_VSOCK}


def _low(argument: int) -> Instruction:
    return load(_ARGUMENTS + 8 * argument)


def _high(argument: int) -> Instruction:
    return load(_ARGUMENTS + 8 * argument + 4)


# `send` on a connected socket is `sendto` without an address.
_WITHOUT_ADDRESS = [
    _low(4),
    equal(0, no="forbid"),
    _high(4),
    equal(0, yes="allow", no="forbid"),
]
# Of unix sockets those that deliver only where they are connected: a datagram names
# its receiver, and SOCK_RAW is another name for one.
_CONNECTED_UNIX = [
    _low(0),
    equal(AF_UNIX, no="forbid"),
    _low(1),
    mask(_TYPE_BITS),
    equal(_STREAM, yes="allow"),
    equal(_SEQPACKET, yes="allow", no="forbid"),
]
# Of netlink only what lists addresses and routes; programs ask for their own.
_IP = [
    _low(0),
    equal(AF_INET, yes="allow"),
    equal(AF_INET6, yes="allow"),
    equal(AF_NETLINK, no="forbid"),
    _low(2),
    equal(_NETLINK_ROUTE, yes="allow", no="forbid"),
]
_NO_VSOCK = [_low(0), equal(AF_VSOCK, yes="forbid", no="allow")]
_PRIO_PROCESS, _IOPRIO_PROCESS, _RLIMIT_RSS = 0, 1, 5
# Process 0 is the caller, here and for the other two.
_ITSELF = [_low(1), equal(0, yes="allow", no="forbid")]
_NO_OTHER_RSS = [equal(_RLIMIT_RSS, yes="forbid", no="allow")]
_OTHERS: dict[str, list[Instruction | str]] = {
    "setrlimit": [_low(0), *_NO_OTHER_RSS],
    # To ask for limits is harmless: no new ones are given.
    "prlimit64": [
        _low(2),
        equal(0, no="new limits"),
        _high(2),
        equal(0, yes="allow"),
        *("new limits", _low(0)),
        equal(0, no="forbid"),
        *(_low(1), *_NO_OTHER_RSS),
    ],
    "setpriority": [_low(0), equal(_PRIO_PROCESS, no="forbid"), *_ITSELF],
    "ioprio_set": [_low(0), equal(_IOPRIO_PROCESS, no="forbid"), *_ITSELF],
    "ioctl": [
        _low(1),
        *(equal(each, yes="forbid") for each in _FILE_SETTINGS),
        give(ALLOW),
    ],
}
