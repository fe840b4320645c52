"""Attempts at files, devices and other processes; each raises what the kernel says."""

import errno
import fcntl
import os
import resource
import struct
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from codex_oss.sandbox import kernel

Attempt = Callable[[Path], object]
ON_FILES: dict[str, Attempt] = {}


def _attempt(function: Attempt) -> Attempt:
    ON_FILES[function.__name__] = function
    return function


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


def _block_device() -> str:
    for path in sorted(Path("/dev").iterdir()):
        if path.is_block_device():
            return str(path)
    raise OSError(errno.EACCES, "there is none")
