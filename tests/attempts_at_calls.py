"""Attempts at system calls, sockets above all; each raises what the kernel says."""

import asyncio
import ctypes
import mmap
import os
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from codex_oss.sandbox import kernel, seccomp

Attempt = Callable[[Path], object]


def _number(name: str) -> int:
    number = seccomp.MACHINES[os.uname().machine].number(name)
    assert number is not None
    return number


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
            async with asyncio.timeout(60):
                assert await loop.run_in_executor(pool, lambda: 7) == 7

    asyncio.run(work())


def _server(_: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=180).close()


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


# By number: other systems, which only import this, have no such names.
_NETLINK, _VSOCK = 16, 40
CALLS: dict[str, Attempt] = {
    "ipv4": _socket(socket.AF_INET, socket.SOCK_STREAM),
    "ipv6": _socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "netlink_route": _socket(_NETLINK, socket.SOCK_RAW, 0),
    "netlink_uevent": _socket(_NETLINK, socket.SOCK_RAW, 15),
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
