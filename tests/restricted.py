"""Runs attempts under a real restriction, in a program of their own.

``attempt`` starts this file. There a thread takes the restriction on and makes the
attempts one by one; each answers ``ok`` or the name of what the kernel says. The rest
of that program stays free, as codex-oss does.
"""

import asyncio
import contextlib
import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from codex_oss.errors import SandboxError
from codex_oss.policy import Permissions
from codex_oss.sandbox import kernel, landlock, seccomp

NOBODY = 65534


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to attempt, and under which restriction."""

    ground: str
    """A folder with ``ws`` and ``outside``; see ``lay``."""
    attempts: tuple[str, ...]
    permissions: Permissions | None = None
    """For Landlock; without, the filter alone is installed."""
    kind: seccomp.Kind = "strict"
    metadata: bool = True
    ptrace: bool = False
    abi: int = landlock.LATEST
    uid: int = -1


def attempt(order: Order) -> dict[str, str]:
    """Return what became of each attempt."""
    told = subprocess.run(
        (sys.executable, __file__, msgspec.json.encode(order)),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, (told.returncode, told.stderr.decode())
    return json.loads(told.stdout)


def lay(ground: Path, uid: int = -1) -> Path:
    """Make the folders and files that the attempts are about."""
    for folder in ("ws/one", "ws/two", "ws/.git/hooks", "outside/folder", "secret"):
        (ground / folder).mkdir(parents=True)
    for file in ("ws/one/file", "ws/.git/config", "outside/file", "secret/key"):
        (ground / file).write_text("kept")
    (ground / "ws/link").symlink_to(ground / "outside/file")
    (ground / "ws/to-secret").symlink_to(ground / "secret")
    if uid >= 0:
        for path in (ground, *ground.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
    return ground


Attempt = Callable[[Path], object]
ATTEMPTS: dict[str, Attempt] = {}


def _attempt(function: Attempt) -> Attempt:
    ATTEMPTS[function.__name__] = function
    return function


def _number(name: str) -> int:
    number = seccomp.MACHINES[os.uname().machine].number(name)
    assert number is not None
    return number


# --- files ----------------------------------------------------------------------------


@_attempt
def make_in_root(at: Path) -> None:
    (at / "ws/new").write_text("new")


@_attempt
def truncate_in_root(at: Path) -> None:
    os.truncate(at / "ws/one/file", 1)


@_attempt
def move_in_root(at: Path) -> None:
    (at / "ws/one/file").rename(at / "ws/two/file")


@_attempt
def device_in_root(at: Path) -> None:
    os.mknod(at / "ws/device", 0o600 | 0o020000, os.makedev(1, 3))


@_attempt
def fifo_in_root(at: Path) -> None:
    os.mkfifo(at / "ws/fifo")


@_attempt
def hook_in_root(at: Path) -> None:
    (at / "ws/.git/hooks/post-checkout").write_text("evil")


@_attempt
def make_outside(at: Path) -> None:
    (at / "outside/new").write_text("new")


@_attempt
def append_outside(at: Path) -> None:
    with (at / "outside/file").open("a") as file:
        file.write("more")


@_attempt
def truncate_outside(at: Path) -> None:
    os.truncate(at / "outside/file", 1)


@_attempt
def empty_outside(at: Path) -> None:
    os.close(os.open(at / "outside/file", os.O_RDONLY | os.O_TRUNC))


@_attempt
def unlink_outside(at: Path) -> None:
    (at / "outside/file").unlink()


@_attempt
def rmdir_outside(at: Path) -> None:
    (at / "outside/folder").rmdir()


@_attempt
def mkdir_outside(at: Path) -> None:
    (at / "outside/made").mkdir()


@_attempt
def symlink_outside(at: Path) -> None:
    (at / "outside/link").symlink_to("file")


@_attempt
def move_out(at: Path) -> None:
    (at / "ws/one").rename(at / "outside/one")


@_attempt
def move_in(at: Path) -> None:
    (at / "outside/file").rename(at / "ws/file")


@_attempt
def link_in(at: Path) -> None:
    (at / "ws/hard").hardlink_to(at / "outside/file")


@_attempt
def write_through_link(at: Path) -> None:
    with (at / "ws/link").open("a") as file:
        file.write("more")


@_attempt
def read_outside(at: Path) -> None:
    assert (at / "outside/file").read_text().startswith("kept")


@_attempt
def read_secret(at: Path) -> None:
    (at / "secret/key").read_text()


@_attempt
def read_secret_by_link(at: Path) -> None:
    (at / "ws/to-secret/key").read_text()


@_attempt
def read_secret_by_proc(at: Path) -> None:
    Path(f"/proc/self/root{at}/secret/key").read_text()


@_attempt
def move_secret(at: Path) -> None:
    (at / "secret").rename(at / "ws/moved")


@_attempt
def list_around(at: Path) -> None:
    assert "ws" in os.listdir(at)  # noqa: PTH208


@_attempt
def run_program(_: Path) -> None:
    subprocess.run(("/bin/sh", "-c", "cat /etc/passwd >/dev/null"), check=True)


# --- what a file is, not what is in it ------------------------------------------------


@_attempt
def chmod_outside(at: Path) -> None:
    (at / "outside/file").chmod(0o600)


@_attempt
def chown_outside(at: Path) -> None:
    os.chown(at / "outside/file", os.getuid(), os.getgid())


@_attempt
def utime_outside(at: Path) -> None:
    os.utime(at / "outside/file")


@_attempt
def xattr_outside(at: Path) -> None:
    os.setxattr(at / "outside/file", b"user.codex", b"1")


@_attempt
def chattr_outside(at: Path) -> None:

    get, put = 0x80086601, 0x40086602
    fd = os.open(at / "outside/file", os.O_RDONLY)
    flags = fcntl.ioctl(fd, get, struct.pack("l", 0))
    fcntl.ioctl(fd, put, flags)


# --- the system -----------------------------------------------------------------------


@_attempt
def null_device(_: Path) -> None:
    Path("/dev/null").write_text("gone")


@_attempt
def terminal(_: Path) -> None:
    ours, theirs = os.openpty()
    assert os.isatty(theirs)
    os.close(os.open(os.ttyname(theirs), os.O_RDWR | os.O_NOCTTY))
    os.close(ours)


@_attempt
def shared_memory(_: Path) -> None:
    path = Path(f"/dev/shm/codex-oss-test-{os.getpid()}")
    path.write_text("x")
    path.unlink()


@_attempt
def raw_disk(_: Path) -> None:
    os.close(os.open(_block_device(), os.O_RDONLY))


@_attempt
def kernel_setting(_: Path) -> None:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))


@_attempt
def system_file(_: Path) -> None:
    os.close(os.open("/etc/passwd", os.O_WRONLY))


@_attempt
def change_mount(at: Path) -> None:
    """Change flags of what is no mount: EINVAL, if one may ask at all."""
    number = 165 if os.uname().machine == "x86_64" else 40
    kernel.call(number, None, os.fsencode(at / "ws"), None, 32, None)


@_attempt
def signal_outside(_: Path) -> None:
    os.kill(os.getppid(), 0)


@_attempt
def limits_outside(_: Path) -> None:

    now = resource.prlimit(os.getppid(), resource.RLIMIT_CORE)
    resource.prlimit(os.getppid(), resource.RLIMIT_CORE, now)


@_attempt
def mark_taken_off(_: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_RSS)
    resource.prlimit(0, resource.RLIMIT_RSS, (soft, hard))


@_attempt
def other_limit(_: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(0, resource.RLIMIT_NOFILE, (soft, hard))


@_attempt
def priority_outside(_: Path) -> None:
    os.setpriority(os.PRIO_PROCESS, os.getppid(), os.getpriority(0, os.getppid()))


@_attempt
def memory_of_own_program(_: Path) -> None:
    code = f"cat /proc/{os.getpid()}/task/{threading.get_native_id()}/environ"
    told = subprocess.run(("/bin/sh", "-c", code), capture_output=True, check=False)
    if told.returncode:
        raise OSError(errno.EACCES, told.stderr.decode())


@_attempt
def capabilities(_: Path) -> None:
    status = Path("/proc/thread-self/status").read_text()
    # What one could have had only root can give up; NoNewPrivs stands in for it.
    held = [
        line
        for line in status.splitlines()
        if line.startswith("Cap") and (not os.getuid() or "CapBnd" not in line)
    ]
    assert all(set(line.split()[1]) == {"0"} for line in held), held
    assert "NoNewPrivs:\t1" in status


@_attempt
def rest_of_program_is_free(_: Path) -> None:
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    assert "Seccomp:\t0" in status
    assert "NoNewPrivs:\t0" in status


# --- system calls ---------------------------------------------------------------------


def _socket(family: int, kind: int, proto: int = 0) -> Attempt:
    return lambda _: socket.socket(family, kind, proto).close()


def _pair(kind: int) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, kind)
    ours.send(b"x")
    theirs.setblocking(False)
    assert theirs.recv(1) == b"x"
    ours.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    ours.shutdown(socket.SHUT_WR)
    ours.close()
    theirs.close()


def _abstract(_: Path) -> None:
    """Connect to a socket that the free part of this program listens at."""
    socket.socket(socket.AF_UNIX).connect(f"\0codex-oss-test-{os.getpid()}")


def _by_path(at: Path) -> None:
    os.chdir(at)
    socket.socket(socket.AF_UNIX).connect("outside/socket")


def _datagram_by_path(at: Path) -> None:
    os.chdir(at)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.sendmsg([b"x"], [], 0, "outside/datagrams")


def _raw_call(name: str, *arguments: int) -> Attempt:
    return lambda _: kernel.call(_number(name), *arguments)


def _high_word(_: Path) -> None:
    kernel.call(_number("ioctl"), 0, (1 << 32) | 0x5412, b"x")


def _second_table(_: Path) -> None:
    kernel.call(0x40000000 | 39)


def _loop(_: Path) -> None:

    async def work() -> None:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as pool:
            async with asyncio.timeout(10):
                assert await loop.run_in_executor(pool, lambda: 7) == 7

    asyncio.run(work())


def _server(_: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


def _i386(_: Path) -> None:
    """Call getpid by i386's table, in a process that may die of it."""
    pid = os.fork()
    if not pid:
        code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"  # mov eax, 20; int 0x80; ret
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(code)
        at = ctypes.addressof(ctypes.c_char.from_buffer(page))
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(at)() > 0 else 1)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if ended < 0:
        raise OSError(signal.Signals(-ended).name)


_VSOCK = getattr(socket, "AF_VSOCK", 40)
_OF_CALLS: dict[str, Attempt] = {
    "ipv4": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "ipv6": _socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "netlink_route": _socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "netlink_uevent": _socket(socket.AF_NETLINK, socket.SOCK_RAW, 15),
    "vsock": _socket(_VSOCK, socket.SOCK_STREAM),
    "unix": _socket(socket.AF_UNIX, socket.SOCK_STREAM),
    "unix_datagram": _socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    "unix_raw": _socket(socket.AF_UNIX, socket.SOCK_RAW),
    "pair": lambda _: _pair(socket.SOCK_STREAM),
    "pair_packets": lambda _: _pair(socket.SOCK_SEQPACKET),
    "pair_datagrams": lambda _: _pair(socket.SOCK_DGRAM),
    "pair_raw": lambda _: _pair(socket.SOCK_RAW),
    "abstract": _abstract,
    "by_path": _by_path,
    "datagram_by_path": _datagram_by_path,
    "asyncio": _loop,
    "server": _server,
    "keyring": _raw_call("keyctl", 0, -3, 0),
    "io_uring": _raw_call("io_uring_setup", 0, 0),
    "bpf": _raw_call("bpf", 0, 0, 0),
    "userfaultfd": _raw_call("userfaultfd", -1),
    "ptrace": _raw_call("ptrace", 16, 0x7FFFFFFF, 0, 0),  # nobody has this number
    "process_vm_readv": _raw_call("process_vm_readv", 0, 0, 0, 0, 0, 0),
    "type_into_terminal": _raw_call("ioctl", 0, 0x5412, 0),
    "type_with_high_word": _high_word,
    "x32": _second_table,
    "i386": _i386,
}
ATTEMPTS.update(_OF_CALLS)


# --- in the program of their own ------------------------------------------------------


def _block_device() -> str:
    for path in sorted(Path("/dev").iterdir()):
        if path.is_block_device():
            return str(path)
    raise OSError(errno.EACCES, "there is none")


def _restriction(order: Order) -> Callable[[], None]:
    program = seccomp.program(
        order.kind,
        machine=os.uname().machine,
        ptrace=order.ptrace,
        metadata=order.metadata,
    )
    if order.permissions is None:
        return lambda: seccomp.install(program)
    return landlock.restriction(order.permissions, program=program, at_most=order.abi)


def _answer(name: str, ground: Path) -> str:
    try:
        ATTEMPTS[name](ground)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except subprocess.CalledProcessError as error:
        return f"exit {error.returncode}"
    return "ok"


def _listening(ground: Path) -> list[socket.socket]:
    """Open what the attempts try to reach."""
    os.chdir(ground)
    for name in ("socket", "datagrams"):
        (ground / "outside" / name).unlink(missing_ok=True)
    listening = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    listening[0].bind(f"\0codex-oss-test-{os.getpid()}")
    listening[1].bind("outside/socket")
    for each in listening:
        each.listen()
    listening.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    listening[-1].bind("outside/datagrams")
    return listening


def main() -> None:
    """Take the restriction on in a thread, make the attempts, print the answers."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    ground = Path(order.ground)
    if order.uid >= 0:
        os.setgroups([])
        os.setgid(order.uid)
        os.setuid(order.uid)
    restrict = _restriction(order)
    answers: dict[str, str] = {}

    def work() -> None:
        try:
            restrict()
        except SandboxError as error:
            answers["restrict"] = str(error)
            return
        for name in order.attempts:
            answers[name] = _answer(name, ground)

    with contextlib.ExitStack() as stack:
        for each in _listening(ground):
            stack.enter_context(each)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    sys.stdout.write(json.dumps(answers))


def expect(order: Order, expected: dict[str, str]) -> None:
    """Assert that the attempts end as expected."""
    named: Any = msgspec.structs.replace(order, attempts=tuple(expected))
    assert attempt(named) == expected


if __name__ == "__main__":
    main()
