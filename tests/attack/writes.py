"""Attacks on files outside: content, names, metadata, and ways around a path."""

# Each attack is a system call and shown as such, so not by way of pathlib.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH111, PTH115, PTH123, PTH211

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess

from attack.kit import (
    AT_FDCWD,
    Ground,
    Held,
    append,
    call,
    create,
    put,
)

_RENAME_EXCHANGE = 2
_GETFLAGS, _SETFLAGS, _NODUMP = 0x80086601, 0x40086602, 0x40


def create_outside(g: Ground) -> None:
    create(f"{g.outside}/created")


def append_outside(g: Ground) -> None:
    append(f"{g.outside}/file")


def truncate_outside(g: Ground) -> None:
    os.truncate(f"{g.outside}/file", 1)


def truncate_outside_while_opening_to_read(g: Ground) -> None:
    os.close(os.open(f"{g.outside}/file", os.O_RDONLY | os.O_TRUNC))


def unlink_outside(g: Ground) -> None:
    os.unlink(f"{g.outside}/unlinked")


def mkdir_outside(g: Ground) -> None:
    os.mkdir(f"{g.outside}/made")


def rmdir_outside(g: Ground) -> None:
    os.rmdir(f"{g.outside}/empty")


def symlink_outside(g: Ground) -> None:
    os.symlink("file", f"{g.outside}/link")


def fifo_outside(g: Ground) -> None:
    os.mkfifo(f"{g.outside}/fifo")


def unnamed_file_outside(g: Ground) -> None:
    os.close(os.open(g.outside, os.O_TMPFILE | os.O_WRONLY, 0o600))


def rename_outside_into_workspace(g: Ground) -> None:
    os.rename(f"{g.outside}/taken", f"{g.workspace}/taken")


def rename_workspace_to_outside(g: Ground) -> None:
    create(f"{g.scratch}/given") if _is_writable(g.scratch) else None
    os.rename(f"{g.scratch}/given", f"{g.outside}/given")


def exchange_with_outside(g: Ground) -> None:
    paths = (f"{g.workspace}/mine", f"{g.outside}/theirs")
    one, other = (ctypes.c_char_p(path.encode()) for path in paths)
    call("renameat2", AT_FDCWD, one, AT_FDCWD, other, _RENAME_EXCHANGE)


def hardlink_outside_into_workspace_and_write(g: Ground) -> None:
    os.link(f"{g.outside}/file", f"{g.workspace}/hard")
    append(f"{g.workspace}/hard")


def write_through_an_older_hard_link(g: Ground) -> None:
    # The same file as one outside: no path says so.
    append(f"{g.workspace}/older-link")


def write_through_a_symlink(g: Ground) -> None:
    append(f"{g.workspace}/link")


def write_through_a_parent_directory(g: Ground) -> None:
    append(f"{g.workspace}/../outside/file")


def write_through_proc_root(g: Ground) -> None:
    append(f"/proc/self/root{g.outside}/file")


def write_through_proc_cwd(g: Ground) -> None:
    os.chdir(g.outside)
    append("/proc/self/cwd/file")


def reopen_a_read_descriptor_for_writing(g: Ground) -> None:
    fd = os.open(f"{g.outside}/file", os.O_RDONLY)
    append(f"/proc/self/fd/{fd}")


def reopen_a_path_descriptor_for_writing(g: Ground) -> None:
    fd = os.open(f"{g.outside}/file", os.O_PATH)
    append(f"/proc/self/fd/{fd}")


def write_to_an_inherited_descriptor(g: Ground) -> str:
    for fd in g.ours:
        try:
            os.write(fd, b"attacked\n")
        except OSError:
            continue
        return f"descriptor {fd}"
    raise Held(f"of {len(g.ours)} inherited descriptors none is writable")


def inherit_a_descriptor(g: Ground) -> str:
    if not g.ours:
        raise Held("only 0, 1 and 2 were open")
    return f"{[os.readlink(f'/proc/self/fd/{fd}') for fd in g.ours]}"


def write_from_a_program_in_memory(g: Ground) -> None:
    fd = os.memfd_create("program", 0)
    shell = shutil.which("sh") or "/bin/sh"
    with open(shell, "rb") as program:
        os.write(fd, program.read())
    path = f"{g.outside}/from-memory"
    ran = subprocess.run(
        ["sh", "-c", f": > {path}"],
        executable=f"/proc/self/fd/{fd}",
        pass_fds=(fd,),
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        raise Held(ran.stderr.strip())


def rename_the_workspace(g: Ground) -> None:
    os.rename(g.workspace, f"{g.base}/moved")
    os.rename(f"{g.base}/moved", g.workspace)


def create_at_the_root(_: Ground) -> None:
    path = f"/attacked-{os.getpid()}"
    create(path)
    os.unlink(path)


def create_in_the_home(g: Ground) -> None:
    create(f"{os.path.expanduser('~')}/attacked-{os.getpid()}")


def write_into_a_named_pipe_of_the_host(g: Ground) -> None:
    # A disk that is mounted read-only lets pipes be written to.
    put(g.pipe, flags=os.O_NONBLOCK)


def write_to_another_terminal(g: Ground) -> None:
    put(g.terminal, flags=os.O_NOCTTY)


# --- metadata -----------------------------------------------------------------------


def chmod_outside(g: Ground) -> None:
    os.chmod(f"{g.outside}/meta", 0o604)


def chmod_outside_by_descriptor(g: Ground) -> None:
    fd = os.open(f"{g.outside}/meta", os.O_RDONLY)
    os.fchmod(fd, 0o606)


def chmod_outside_by_the_newer_call(g: Ground) -> None:
    path = ctypes.c_char_p(f"{g.outside}/meta".encode())
    call("fchmodat2", AT_FDCWD, path, 0o602, 0)


def chown_outside(g: Ground) -> None:
    os.chown(f"{g.outside}/meta", os.getuid(), os.getgid())


def utime_outside(g: Ground) -> None:
    os.utime(f"{g.outside}/meta", (1, 1))


def set_attribute_outside(g: Ground) -> None:
    os.setxattr(f"{g.outside}/meta", "user.attacked", b"1")


def set_attribute_outside_by_the_newer_call(g: Ground) -> None:
    value = ctypes.create_string_buffer(b"1")
    packed = struct.pack("=QII", ctypes.addressof(value), 1, 0)
    what = ctypes.create_string_buffer(packed, len(packed))
    path = ctypes.c_char_p(f"{g.outside}/meta".encode())
    name = ctypes.c_char_p(b"user.attacked2")
    call("setxattrat", AT_FDCWD, path, 0, name, what, len(packed))


def remove_attribute_outside(g: Ground) -> None:
    os.removexattr(f"{g.outside}/meta", "user.given")


def set_flags_outside(g: Ground) -> None:
    fd = os.open(f"{g.outside}/meta", os.O_RDONLY)
    flags = bytearray(8)
    fcntl.ioctl(fd, _GETFLAGS, flags)
    value = int.from_bytes(flags[:4], "little") ^ _NODUMP
    fcntl.ioctl(fd, _SETFLAGS, value.to_bytes(8, "little"))


# --- devices ------------------------------------------------------------------------


def make_a_block_device_and_open_it(g: Ground) -> None:
    path = f"{g.workspace}/device"
    try:
        os.mknod(path, 0o60600, os.makedev(7, 0))
    except FileExistsError:
        os.unlink(path)
        os.mknod(path, 0o60600, os.makedev(7, 0))
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    finally:
        os.unlink(path)


def open_a_disk(_: Ground) -> str:
    return _open_one_of(("/dev/loop0", "/dev/sda", "/dev/vda", "/dev/nvme0n1"))


def open_the_kernel_log_for_writing(_: Ground) -> str:
    return _open_one_of(("/dev/kmsg",))


def open_the_machines_memory(_: Ground) -> str:
    return _open_one_of(("/dev/mem", "/proc/kcore"), os.O_RDONLY)


def read_a_disk(_: Ground) -> str:
    disks = ("/dev/loop0", "/dev/sda", "/dev/vda", "/dev/nvme0n1")
    return _open_one_of(disks, os.O_RDONLY | os.O_NONBLOCK)


def write_the_hosts_shared_memory(g: Ground) -> None:
    put(f"/dev/shm/{g.shm}")


def _open_one_of(paths: tuple[str, ...], flags: int = os.O_RDWR) -> str:
    refused: OSError = FileNotFoundError(2, "none of them is there")
    for path in paths:
        try:
            os.close(os.open(path, flags))
        except OSError as error:
            refused = error
        else:
            return path
    raise refused


def _is_writable(folder: str) -> bool:
    return os.access(folder, os.W_OK)
