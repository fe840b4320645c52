"""Attacks on the kernel: settings, mounts, modules, other entries, the terminal."""

import ctypes
import fcntl
import mmap
import os
import platform
import pty
import socket
import termios
from pathlib import Path

from attack.kit import (
    AT_FDCWD,
    Absent,
    Ground,
    Held,
    call,
    mount,
    new_user_namespace,
    permitted,
    raw,
    umount,
)

_X32 = 0x40000000


def write_kernel_settings(_: Ground) -> None:
    _write_back("/proc/sys/kernel/core_pattern")


def write_kernel_settings_through_the_first_process(_: Ground) -> None:
    _write_back("/proc/1/root/proc/sys/kernel/core_pattern")


def write_kernel_settings_of_a_new_proc(g: Ground) -> None:
    new_user_namespace()
    mount("proc", f"{g.scratch}/alias", "proc", 0)
    _write_back(f"{g.scratch}/alias/sys/kernel/core_pattern")


def open_the_magic_request_key(_: Ground) -> None:
    os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))


def write_below_sys(_: Ground) -> str:
    for path in ("/sys/kernel/mm/ksm/run", "/sys/power/state", "/sys/kernel/profiling"):
        if Path(path).exists():
            os.close(os.open(path, os.O_WRONLY))
            return path
    raise Absent("no such setting here")


def write_to_a_control_group(_: Ground) -> str:
    for path in ("/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs"):
        if Path(path).exists():
            os.close(os.open(path, os.O_WRONLY))
            return path
    raise Absent("no control groups here")


def mount_a_file_system(g: Ground) -> None:
    mount("none", f"{g.scratch}/alias", "tmpfs", 0)
    umount(f"{g.scratch}/alias")


def mount_by_the_newer_calls(_: Ground) -> None:
    os.close(call("fsopen", ctypes.c_char_p(b"tmpfs"), 0))


def clone_the_disks_mount(_: Ground) -> None:
    os.close(call("open_tree", AT_FDCWD, ctypes.c_char_p(b"/"), 1))


def change_a_mounts_attributes(g: Ground) -> str:
    path = ctypes.c_char_p(g.outside.encode())
    nothing = (ctypes.c_uint64 * 4)(0, 1, 0, 0)  # clear MOUNT_ATTR_RDONLY
    return permitted("mount_setattr", AT_FDCWD, path, 0, nothing, 32)


def load_a_module(_: Ground) -> str:
    return permitted("init_module", None, 0, ctypes.c_char_p(b""))


def load_another_kernel(_: Ground) -> str:
    return permitted("kexec_load", 0, 0, None, -1)


def restart_the_machine(_: Ground) -> str:
    return permitted("reboot", 0, 0, 0, None)


def rename_the_machine(_: Ground) -> None:
    socket.sethostname(socket.gethostname())


def add_a_key(_: Ground) -> None:
    words = (ctypes.c_char_p(b"user"), ctypes.c_char_p(b"attack"))
    call("add_key", *words, ctypes.c_char_p(b"1"), 1, -1)  # the thread's own keyring


def find_the_sessions_keyring(_: Ground) -> None:
    call("keyctl", 0, -3, 0)  # KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING


def load_a_program_into_the_kernel(_: Ground) -> str:
    return permitted("bpf", 0, ctypes.create_string_buffer(72), 72)


def count_events_of_the_machine(_: Ground) -> None:
    # PERF_TYPE_SOFTWARE, size 64, PERF_COUNT_SW_DUMMY, user space only, own thread
    attributes = (ctypes.c_uint64 * 8)(1 | 64 << 32, 9, 0, 0, 0, 0b1100001, 0, 0)
    os.close(call("perf_event_open", attributes, 0, -1, -1, 0))


def handle_page_faults(_: Ground) -> None:
    os.close(call("userfaultfd", 1))  # UFFD_USER_MODE_ONLY


def enter_by_the_32_bit_door(_: Ground) -> str:
    if platform.machine() != "x86_64":
        raise Absent("x86_64 only")
    # mov eax, 20 (getpid of i386); int 0x80; ret
    result = _execute(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    if result != os.getpid():
        raise Held(f"it returned {result}")
    return "getpid answered"


def connect_by_the_32_bit_door(g: Ground) -> str:
    if platform.machine() != "x86_64":
        raise Absent("x86_64 only")
    # mov eax, 359 (socket of i386); mov ebx, 1 (AF_UNIX); mov ecx, 2 (SOCK_DGRAM);
    # xor edx, edx; int 0x80; ret   with rbx saved around it
    code = b"\x53\xb8\x67\x01\x00\x00\xbb\x01\x00\x00\x00\xb9\x02\x00\x00\x00"
    result = _execute(code + b"\x31\xd2\xcd\x80\x5b\xc3")
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return f"a socket, {result}"


def enter_by_the_x32_door(_: Ground) -> str:
    if platform.machine() != "x86_64":
        raise Absent("x86_64 only")
    result = raw(_X32 + 39)  # getpid
    return f"getpid answered {result}"


def type_into_the_terminal(_: Ground) -> None:
    _ours, theirs = pty.openpty()  # left open: a hang-up would end us first
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    fcntl.ioctl(theirs, termios.TIOCSTI, b"\n")


def type_into_the_terminal_with_high_bits(_: Ground) -> None:
    # The kernel looks at 32 bits of the request; a filter that looks at 64 is passed.
    _ours, theirs = pty.openpty()  # left open: a hang-up would end us first
    os.setsid()
    fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)
    number = {"x86_64": 16, "aarch64": 29}.get(platform.machine())
    if number is None:
        raise Absent("no number of ioctl here")
    request = 1 << 40 | termios.TIOCSTI
    raw(number, theirs, request, ctypes.create_string_buffer(b"\n"))


def _write_back(path: str) -> None:
    fd = os.open(path, os.O_RDWR)
    same = os.read(fd, 4096)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, same)


def _execute(code: bytes) -> int:
    memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)()
