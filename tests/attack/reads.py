"""Attacks on what must not be read: denied paths, our environment, other memory."""

# Each attack is a system call and shown as such, so not by way of pathlib.
# ruff: noqa: PTH101, PTH104, PTH120, PTH208

import ctypes
import os
from pathlib import Path

from attack.kit import (
    AT_FDCWD,
    MS_BIND,
    Ground,
    Held,
    append,
    call,
    mount,
    new_user_namespace,
    read,
    umount,
)


def read_outside(g: Ground) -> str:
    return read(f"{g.outside}/secret")


def read_a_denied_file(g: Ground) -> str:
    return read(g.denied_file)


def read_in_a_denied_directory(g: Ground) -> str:
    return read(f"{g.denied}/key")


def list_a_denied_directory(g: Ground) -> str:
    if names := os.listdir(g.denied):
        return str(names)
    raise Held("it seems empty")


def write_in_a_denied_directory(g: Ground) -> None:
    append(f"{g.denied}/key")


def write_a_denied_file(g: Ground) -> None:
    fd = os.open(g.denied_file, os.O_WRONLY | os.O_APPEND)
    os.write(fd, b"attacked\n")


def read_denied_through_proc_root(g: Ground) -> str:
    return read(f"/proc/self/root{g.denied}/key")


def read_denied_through_the_first_process(g: Ground) -> str:
    return read(f"/proc/1/root{g.denied}/key")


def read_denied_through_dots(g: Ground) -> str:
    return read(f"{g.outside}/..//./{Path(g.denied).name}/./key")


def read_denied_through_a_symlink(g: Ground) -> str:
    return read(f"{g.workspace}/link-to-denied")


def read_denied_through_a_descriptor(g: Ground) -> str:
    fd = os.open(g.denied_file, os.O_PATH)
    return read(f"/proc/self/fd/{fd}")


def read_denied_through_a_handle(g: Ground) -> str:
    size = 128
    handle = (ctypes.c_uint32 * (2 + size // 4))(size)
    where = ctypes.c_int()
    path = ctypes.c_char_p(g.denied_file.encode())
    call("name_to_handle_at", AT_FDCWD, path, handle, ctypes.byref(where), 0)
    folder = os.open(g.workspace, os.O_RDONLY)
    fd = call("open_by_handle_at", folder, handle, os.O_RDONLY)
    return read(f"/proc/self/fd/{fd}")


def read_denied_through_an_older_hard_link(g: Ground) -> str:
    return read(f"{g.workspace}/older-key")


def hardlink_denied_and_read(g: Ground) -> str:
    os.link(g.denied_file, f"{g.workspace}/key")
    return read(f"{g.workspace}/key")


def rename_denied_and_read(g: Ground) -> str:
    moved = f"{g.workspace}/key-moved"
    os.rename(g.denied_inside, moved)
    try:
        return read(moved)
    finally:
        os.rename(moved, g.denied_inside)


def read_denied_in_the_workspace(g: Ground) -> str:
    return read(g.denied_inside)


def rename_the_parent_of_denied(g: Ground) -> None:
    # What is moved away now is not denied in the next run.
    parent = os.path.dirname(g.denied_inside)
    os.rename(parent, f"{parent}-moved")
    os.rename(f"{parent}-moved", parent)


def open_up_the_denied_directory(g: Ground) -> str:
    os.chmod(g.denied, 0o777)
    return read(f"{g.denied}/key")


def unmount_the_denial(g: Ground) -> str:
    umount(g.denied)
    return read(f"{g.denied}/key")


def unmount_the_denial_in_a_user_namespace(g: Ground) -> str:
    new_user_namespace()
    umount(g.denied)
    return read(f"{g.denied}/key")


def bind_the_folder_around_the_denial(g: Ground) -> str:
    new_user_namespace()
    mount(g.base, f"{g.scratch}/alias", "", MS_BIND)
    return read(f"{g.scratch}/alias/{Path(g.denied).name}/key")


def clone_the_folder_around_the_denial(g: Ground) -> str:
    new_user_namespace()
    path = ctypes.c_char_p(g.base.encode())
    folder = call("open_tree", AT_FDCWD, path, 1)  # OPEN_TREE_CLONE
    return read(f"/proc/self/fd/{folder}/{Path(g.denied).name}/key")


def lay_the_folder_around_the_denial_under_another(g: Ground) -> str:
    new_user_namespace()
    layers = f"lowerdir={g.base}:/usr,userxattr"
    mount("overlay", f"{g.scratch}/alias", "overlay", 0, layers)
    return read(f"{g.scratch}/alias/{Path(g.denied).name}/key")


def read_what_is_typed_into_another_terminal(g: Ground) -> None:
    os.close(os.open(g.terminal, os.O_RDONLY | os.O_NOCTTY))


def read_the_environment_of_the_starting_program(g: Ground) -> str:
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if g.secret.encode() in path.read_bytes():
                return str(path)
        except OSError:
            continue
    raise Held("no process shows it")


def read_the_environment_of_the_first_process(g: Ground) -> str:
    if g.secret.encode() in Path("/proc/1/environ").read_bytes():
        return "it is there"
    raise Held("it is not there")


def read_the_hosts_shared_memory(g: Ground) -> str:
    return read(f"/dev/shm/{g.shm}")


def attach_the_hosts_shared_segment(g: Ground) -> None:
    number = call("shmget", g.shm_key, 0, 0)
    call("shmat", number, None, 0o10000)  # SHM_RDONLY


def open_the_hosts_message_queue(g: Ground) -> None:
    call("mq_open", ctypes.c_char_p(g.queue.encode()), os.O_RDONLY, 0, None)


def read_kernel_memory_addresses(_: Ground) -> str:
    with Path("/proc/kallsyms").open() as table:
        address = table.readline().split()[0]
    if set(address) == {"0"}:
        raise Held("addresses are hidden")
    return address
