"""Attacks on processes outside, and on the sandbox's own first process."""

# Each attack is a system call and shown as such, so not by way of pathlib.
# ruff: noqa: PTH115

import ctypes
import os
import resource
import signal
import struct
import subprocess
from pathlib import Path

from attack.kit import Absent, Ground, Held, call

_PTRACE_SEIZE, _PTRACE_DETACH = 0x4206, 17
_CAPABILITIES = (1 << 64) - 1


def see_the_victims_command_line(g: Ground) -> None:
    _recognize(g)


def signal_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    os.kill(g.victim, signal.SIGCONT)


def signal_the_victim_by_descriptor(g: Ground) -> None:
    _recognize_if_visible(g)
    fd = call("pidfd_open", g.victim, 0)
    call("pidfd_send_signal", fd, signal.SIGCONT, None, 0)


def trace_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    call("ptrace", _PTRACE_SEIZE, g.victim, None, None)
    os.kill(g.victim, signal.SIGCONT)


def read_the_victims_memory(g: Ground) -> None:
    _recognize_if_visible(g)
    address = _first_mapping(g.victim)
    into = ctypes.create_string_buffer(4)
    local = struct.pack("PN", ctypes.addressof(into), 4)
    remote = struct.pack("PN", address, 4)
    one, other = (ctypes.create_string_buffer(v, len(v)) for v in (local, remote))
    call("process_vm_readv", g.victim, one, 1, other, 1, 0)


def open_the_victims_memory(g: Ground) -> None:
    _recognize_if_visible(g)
    fd = os.open(f"/proc/{g.victim}/mem", os.O_RDWR)
    os.pread(fd, 4, _first_mapping(g.victim))


def read_the_victims_environment(g: Ground) -> None:
    _recognize_if_visible(g)
    if not Path(f"/proc/{g.victim}/environ").read_bytes():
        raise Held("it is empty")


def enter_the_victims_root(g: Ground) -> str:
    _recognize_if_visible(g)
    return os.readlink(f"/proc/{g.victim}/root")


def enter_the_victims_folder(g: Ground) -> str:
    _recognize_if_visible(g)
    return os.readlink(f"/proc/{g.victim}/cwd")


def take_a_descriptor_of_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    fd = call("pidfd_open", g.victim, 0)
    call("pidfd_getfd", fd, 1, 0)


def reopen_a_descriptor_of_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    os.close(os.open(f"/proc/{g.victim}/fd/1", os.O_WRONLY))


def join_the_victims_mounts(g: Ground) -> None:
    _recognize_if_visible(g)
    fd = os.open(f"/proc/{g.victim}/ns/mnt", os.O_RDONLY)
    call("setns", fd, 0x00020000)


def limit_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    limits = resource.prlimit(g.victim, resource.RLIMIT_CORE)
    resource.prlimit(g.victim, resource.RLIMIT_CORE, limits)


def slow_the_victim_down(g: Ground) -> None:
    _recognize_if_visible(g)
    priority = os.getpriority(os.PRIO_PROCESS, g.victim)
    os.setpriority(os.PRIO_PROCESS, g.victim, priority)


def pin_the_victim(g: Ground) -> None:
    _recognize_if_visible(g)
    os.sched_setaffinity(g.victim, os.sched_getaffinity(g.victim))


def signal_a_thread_of_the_starting_program(g: Ground) -> str:
    # What one thread takes on, the others may lack: each is asked. Signal 0 asks only.
    refused = OSError(3, "it has no threads")
    for thread in _threads_of_the_starting_program(g):
        try:
            os.kill(int(thread.name), 0)
        except OSError as error:
            refused = error
        else:
            return f"thread {thread.name}"
    raise refused


def read_through_a_thread_of_the_starting_program(g: Ground) -> str:
    for thread in _threads_of_the_starting_program(g):
        for name in ("environ", "mem"):
            try:
                os.close(os.open(thread / name, os.O_RDONLY))
            except OSError:
                continue
            return f"{thread}/{name}"
    raise Held("no thread shows anything")


def have_the_sandboxs_first_process_do_more(_: Ground) -> str:
    # Its memory may be open to us; what counts is whether it may do more than we.
    first, own = _status("1"), _status("self")
    if int(first["CapEff"], 16) & ~int(own["CapEff"], 16) & _CAPABILITIES:
        gained = f"capabilities {first['CapEff']}"
    elif first["Seccomp"] == "0" and own["Seccomp"] != "0":
        gained = "no filter"
    elif first["NoNewPrivs"] == "0" and own["NoNewPrivs"] == "1":
        gained = "new privileges"
    else:
        raise Held("it may do no more")
    os.close(os.open("/proc/1/mem", os.O_RDWR))
    return gained


def join_the_first_processs_users(_: Ground) -> None:
    fd = os.open("/proc/1/ns/user", os.O_RDONLY)
    call("setns", fd, 0x10000000)  # CLONE_NEWUSER


def have_capabilities(_: Ground) -> str:
    own = _status("self")
    held = {k: v for k, v in own.items() if k.startswith("Cap") and int(v, 16)}
    if not {"CapEff", "CapPrm", "CapInh", "CapAmb"} & set(held):
        raise Held("none")
    return str(held)


def become_root_by_a_setuid_program(g: Ground) -> None:
    if not g.setuid or os.getuid() == 0:
        raise Absent("prepared by root, for somebody else")
    told = subprocess.check_output([g.setuid, "-u"], text=True).strip()
    if told != "0":
        raise Held(f"it runs as {told}")


def gain_privileges_by_exec(_: Ground) -> None:
    if _status("self")["NoNewPrivs"] == "1":
        raise Held("no_new_privs is set")


def _status(pid: str) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (x.partition(":") for x in lines)}


def _recognize(g: Ground) -> None:
    line = Path(f"/proc/{g.victim}/cmdline").read_bytes()
    if g.victim_word.encode() not in line:
        raise Held("somebody else has that number here")


def _recognize_if_visible(g: Ground) -> None:
    # Numbers are given anew in a namespace: a stranger is not the victim.
    if Path(f"/proc/{g.victim}").exists():
        _recognize(g)


def _threads_of_the_starting_program(g: Ground) -> list[Path]:
    if g.starter <= 1 or b"bwrap" in Path(f"/proc/{g.starter}/cmdline").read_bytes():
        raise Held("it is not to be seen")
    return list(Path(f"/proc/{g.starter}/task").iterdir())


def _first_mapping(pid: int) -> int:
    with Path(f"/proc/{pid}/maps").open() as maps:
        return int(maps.readline().partition("-")[0], 16)
