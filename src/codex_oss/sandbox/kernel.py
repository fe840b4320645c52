"""System calls of Linux that Python has no functions for, for the calling thread.

Privileges, filters and Landlock belong to a thread, and what it starts inherits them;
the program's other threads are not touched.
"""

import contextlib
import errno
import functools
import os
import struct
import sys
from typing import Any

from codex_oss.errors import SandboxError

# linux/prctl.h
PR_SET_DUMPABLE, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 4, 24, 38, 47
_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_MOST_CAPABILITIES = 64

# linux/openat2.h; the number is the same everywhere.
_OPENAT2, _AT_FDCWD, _RESOLVE_NO_SYMLINKS = 437, -100, 0x04

_CAPSET = {"x86_64": 126, "aarch64": 91}


def machine() -> str:
    """Return the kernel's name of this machine.

    Raises ``SandboxError`` where this program is not one of 64 bits: its system calls
    would have other numbers than the machine's own.
    """
    if not sys.platform.startswith("linux") or struct.calcsize("P") != 8:  # noqa: PLR2004  bytes
        raise SandboxError(
            "Sandbox unavailable: system calls can be filtered on 64-bit Linux only. "
            "Nothing was run."
        )
    return os.uname().machine


def call(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call; bytes are passed by their address. Raises ``OSError``."""
    libc, ctypes = _libc()
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    libc.syscall.restype = ctypes.c_long
    return _checked(libc.syscall(ctypes.c_long(number), *words), ctypes)


def prctl(option: int, *arguments: int) -> int:
    """Call ``prctl(2)`` with up to four arguments. Raises ``OSError``."""
    libc, ctypes = _libc()
    words = (option, *arguments, 0, 0, 0, 0)[:5]
    return _checked(libc.prctl(*map(ctypes.c_ulong, words)), ctypes)


def open_path(path: str) -> int:
    """Return a descriptor that stands for what ``path`` names, and is no way to it.

    Links lead nowhere, not even on the way. Raises ``OSError``.
    """
    flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
    how = struct.pack("@3Q", flags, 0, _RESOLVE_NO_SYMLINKS)
    return call(_OPENAT2, _AT_FDCWD, os.fsencode(path), how, len(how))


def call_with_array(number: int, *head: int, array: bytes, count: int) -> int:
    """Make a system call whose last argument is a ``{u16 count; void *array}``."""
    _, ctypes = _libc()
    kept = ctypes.create_string_buffer(array, len(array))
    return call(number, *head, struct.pack("@HP", count, ctypes.addressof(kept)))


def no_new_privileges() -> None:
    """Let no program that this thread starts gain privileges, by setuid or so."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """Close this process's memory and environment to others of the same user.

    A thread that has taken a restriction on is, to Landlock, the equal of the program
    it starts, which could read through ``/proc`` what it shares with the other
    threads. This is for all threads, and lasts; core dumps and debuggers go with it.
    """
    prctl(PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Give up every capability, also what a program started by root would get."""
    for capability in range(_MOST_CAPABILITIES):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError as error:
            # EINVAL: past the last one. EPERM: not ours to drop, and without new
            # privileges not to be had either.
            if error.errno not in {errno.EINVAL, errno.EPERM}:
                raise
            break
    with contextlib.suppress(OSError):  # Linux 4.3; what is not there gives nothing
        prctl(PR_CAP_AMBIENT, _AMBIENT_CLEAR_ALL)
    nothing = struct.pack("@6I", *(0,) * 6)
    call(_CAPSET[machine()], struct.pack("@Ii", _CAPABILITY_VERSION_3, 0), nothing)


def _checked(result: int, ctypes: Any) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


@functools.cache
def _libc() -> tuple[Any, Any]:
    try:
        import ctypes  # noqa: PLC0415  3 ms, and only where bubblewrap does not work
    except ImportError as error:  # a Python that was built without libffi
        raise OSError(errno.ENOSYS, "this Python has no ctypes") from error
    return ctypes.CDLL(None, use_errno=True), ctypes
