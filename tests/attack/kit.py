"""What the attacks share: the ground they run on, system calls, one process for each.

Standard library only: the program runs inside sandboxes that may lack everything else.
"""

import ctypes
import errno
import json
import os
import platform
import select
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

LIMIT_S = 40.0
"""For one attack; a hang counts as blocked, since nothing was gained."""
DETAIL = 160
"""Characters of an explanation."""


class Ground(NamedTuple):
    """What the test has put in place to be attacked. Nothing else is touched."""

    base: str
    """Everything below; the attacker owns it, no root holds it."""
    workspace: str
    """The first writable root: a repository with ``.agents``, without ``.codex``."""
    inner: str
    """A writable root two levels below the workspace, a repository too."""
    worktree: str
    """A writable root whose ``.git`` is a file that leads into the workspace's."""
    scratch: str
    """Writable, nothing in it is protected."""
    outside: str
    """Not writable; readable."""
    denied: str
    """A directory that must not be read, with a ``key`` in it."""
    denied_file: str
    """A file that must not be read."""
    denied_linked: str
    """A file that must not be read, and has an older name in the workspace."""
    denied_inside: str
    """A file in a folder of the workspace that must not be read."""
    shm: str
    """The name of a file in the host's ``/dev/shm``."""
    shm_key: int
    """A System V shared memory segment of the host."""
    queue: str
    """A POSIX message queue of the host."""
    sockets: str
    """A folder with the host's listeners ``stream``, ``seqpacket`` and ``datagram``."""
    pipe: str
    """A named pipe outside that a program of the host reads."""
    terminal: str
    """The user's other terminal."""
    abstract: str
    """The name of the host's abstract listeners; the datagram one ends in ``-d``."""
    tcp: int
    tcp6: int
    udp: int
    victim: int
    """A process of the host, of the attacker's own user."""
    victim_word: str
    """A word in the victim's command line."""
    secret: str
    """A word in the environment of the program that starts the sandbox."""
    setuid: str
    """A copy of ``id`` with the setuid bit that root owns; empty if there is none."""
    ours: tuple[int, ...] = ()
    """Descriptors above 2 that were open when the attacker started."""
    starter: int = 0
    """The attacker's parent: who starts the sandbox, if that can be seen."""


class Absent(Exception):
    """This machine has not what the attack needs; the text says what."""


class Held(Exception):
    """No error, and yet nothing was gained; the text says what stood in the way."""


class Outcome(NamedTuple):
    """How an attack ended: ``possible``, ``blocked``, ``absent`` or ``error``."""

    name: str
    outcome: str
    detail: str


Attack = Callable[[Ground], object]


def attacks(modules: Iterable[object]) -> dict[str, Attack]:
    """Return the public functions of modules by their names in words."""
    return {
        name.replace("_", " "): thing
        for module in modules
        for name, thing in vars(module).items()
        if callable(thing) and not name.startswith("_")
        if getattr(thing, "__module__", "") == vars(module)["__name__"]
    }


def attempt(name: str, attack: Attack, ground: Ground) -> Outcome:
    """Run an attack in a process of its own: some end theirs, all leave it changed."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        _judge(attack, ground, into)
    os.close(into)
    ready, _, _ = select.select([out], [], [], LIMIT_S)
    said = os.read(out, 4096) if ready else b""
    if not ready:
        os.kill(pid, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(out)
    if said:
        outcome, detail = json.loads(said)
        return Outcome(name, outcome, detail)
    if not ready:
        return Outcome(name, "blocked", f"still waiting after {LIMIT_S:g} s")
    why = signal.Signals(-status).name if status < 0 else f"exit {status}"
    return Outcome(name, "blocked", why)


def _judge(attack: Attack, ground: Ground, into: int) -> None:
    # Nothing that an attack does may unwind into the program that forked it.
    try:
        try:
            result = attack(ground)
            told = ("possible", "" if result is None else str(result)[:DETAIL])
        except OSError as refused:
            number = refused.errno or 0
            told = ("blocked", errno.errorcode.get(number, str(refused)[:DETAIL]))
        except Held as held:
            told = ("blocked", str(held)[:DETAIL])
        except Absent as missing:
            told = ("absent", str(missing)[:DETAIL])
        except BaseException as bug:  # noqa: BLE001  reported, and the test fails
            told = ("error", repr(bug)[:DETAIL])
        os.write(into, json.dumps(told).encode())
    finally:
        os._exit(0)


# --- system calls -------------------------------------------------------------------

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long

_X86_64, _AARCH64 = 0, 1
_NUMBERS = {
    "ptrace": (101, 117),
    "mount": (165, 40),
    "umount2": (166, 39),
    "reboot": (169, 142),
    "init_module": (175, 105),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mq_open": (240, 180),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "unshare": (272, 97),
    "perf_event_open": (298, 241),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "renameat2": (316, 276),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "pidfd_send_signal": (424, 424),
    "io_uring_setup": (425, 425),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "mount_setattr": (442, 442),
    "fchmodat2": (452, 452),
    "setxattrat": (463, 463),
    "file_setattr": (469, 469),
}
NO_SUCH_CALL = (errno.ENOSYS,)


def call(name: str, *arguments: Any) -> int:
    """Make a system call and return its result. Raises ``OSError``, ``Absent``."""
    machines = {"x86_64": _X86_64, "aarch64": _AARCH64}
    machine = machines.get(platform.machine())
    if machine is None:
        raise Absent(f"no number of {name} for {platform.machine()}")
    return raw(_NUMBERS[name][machine], *arguments)


def raw(number: int, *arguments: Any) -> int:
    """Make a system call by its number. Integers are passed as longs."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = _LIBC.syscall(ctypes.c_long(number), *words)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def permitted(name: str, *arguments: Any) -> str:
    """Make a call with arguments that mean nothing: what counts is who may make it.

    The kernel looks at the caller's rights first, so that every error but "may not"
    and "no such call" says that the door is open.
    """
    try:
        call(name, *arguments)
    except OSError as refused:
        if refused.errno in {errno.EPERM, errno.EACCES, errno.ENOSYS}:
            raise
        return f"got as far as {errno.errorcode[refused.errno or 0]}"
    return "done"


# --- what attacks are made of -------------------------------------------------------

AT_FDCWD = -100


def put(path: str | Path, text: str = "attacked\n", flags: int = 0) -> None:
    """Open for writing and write, without creating unless ``flags`` say so."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o600)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)


def append(path: str | Path) -> None:
    """Append a line to a file that exists."""
    put(path, flags=os.O_APPEND)


def create(path: str | Path) -> None:
    """Create a file that must not exist."""
    put(path, flags=os.O_CREAT | os.O_EXCL)


def read(path: str | Path) -> str:
    """Return what a file holds; nothing at all does not count as read."""
    data = Path(path).read_bytes()
    if not data:
        raise Held("it reads as empty")
    return f"{len(data)} bytes"


def new_user_namespace() -> None:
    """Become root of a user namespace with mounts of its own. Raises ``OSError``."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", 0x10000000 | 0x00020000)  # CLONE_NEWUSER | CLONE_NEWNS
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount. Raises ``OSError``."""
    words = [
        ctypes.c_char_p(text.encode()) if text else None
        for text in (source, target, kind)
    ]
    call("mount", *words, flags, ctypes.c_char_p(data.encode()) if data else None)


def umount(target: str) -> None:
    """Detach a mount. Raises ``OSError``."""
    call("umount2", ctypes.c_char_p(target.encode()), 2)  # MNT_DETACH


MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
