"""Attacks on what a writable root protects: ``.git``, ``.codex``, ``.agents``.

Who writes there runs code later, outside: hooks, filters, aliases, instructions.
"""

# Each attack is a system call and shown as such, so not by way of pathlib.
# ruff: noqa: PTH101, PTH102, PTH103, PTH104, PTH106, PTH108, PTH120, PTH211

import ctypes
import os

from attack.kit import (
    AT_FDCWD,
    MS_BIND,
    MS_REC,
    MS_REMOUNT,
    Ground,
    append,
    call,
    create,
    mount,
    new_user_namespace,
    umount,
)

_RENAME_EXCHANGE = 2


def change_the_repositorys_settings(g: Ground) -> None:
    append(f"{g.workspace}/.git/config")


def create_a_hook(g: Ground) -> None:
    create(f"{g.workspace}/.git/hooks/post-checkout")


def rename_the_repository(g: Ground) -> None:
    os.rename(f"{g.workspace}/.git", f"{g.workspace}/git")
    os.rename(f"{g.workspace}/git", f"{g.workspace}/.git")


def exchange_the_repository_for_another(g: Ground) -> None:
    paths = (f"{g.workspace}/.git", f"{g.workspace}/substitute")
    one, other = (ctypes.c_char_p(path.encode()) for path in paths)
    call("renameat2", AT_FDCWD, one, AT_FDCWD, other, _RENAME_EXCHANGE)
    call("renameat2", AT_FDCWD, one, AT_FDCWD, other, _RENAME_EXCHANGE)


def put_a_link_in_the_repositorys_place(g: Ground) -> None:
    link = f"{g.workspace}/link-to-substitute"
    os.symlink("substitute", link)
    os.rename(f"{g.workspace}/.git", f"{g.workspace}/git")
    os.rename(link, f"{g.workspace}/.git")
    os.unlink(f"{g.workspace}/.git")
    os.rename(f"{g.workspace}/git", f"{g.workspace}/.git")


def delete_the_repositorys_settings(g: Ground) -> None:
    os.unlink(f"{g.workspace}/.git/description")


def chmod_the_repositorys_settings(g: Ground) -> None:
    os.chmod(f"{g.workspace}/.git/config", 0o606)


def hardlink_the_repositorys_settings_and_write(g: Ground) -> None:
    os.link(f"{g.workspace}/.git/config", f"{g.workspace}/config")
    append(f"{g.workspace}/config")


def write_the_settings_through_dots(g: Ground) -> None:
    append(f"{g.workspace}/inner/.././/.git/config")


def write_the_settings_through_proc_cwd(g: Ground) -> None:
    append("/proc/self/cwd/.git/config")


def write_the_settings_through_a_directory_descriptor(g: Ground) -> None:
    folder = os.open(f"{g.workspace}/.git", os.O_PATH)
    fd = os.open("config", os.O_WRONLY | os.O_APPEND, dir_fd=folder)
    os.write(fd, b"attacked\n")


def write_the_settings_in_another_case(g: Ground) -> None:
    append(f"{g.workspace}/.GIT/config")


def change_other_agents_instructions(g: Ground) -> None:
    create(f"{g.workspace}/.agents/attacked")


def make_the_missing_settings(g: Ground) -> None:
    os.mkdir(f"{g.workspace}/.codex")
    os.rmdir(f"{g.workspace}/.codex")


def rename_onto_the_missing_settings(g: Ground) -> None:
    os.rename(f"{g.workspace}/prepared", f"{g.workspace}/.codex")
    os.rename(f"{g.workspace}/.codex", f"{g.workspace}/prepared")


def link_the_missing_settings(g: Ground) -> None:
    os.symlink("prepared", f"{g.workspace}/.codex")
    os.unlink(f"{g.workspace}/.codex")


def open_up_the_missing_settings_place(g: Ground) -> None:
    os.chmod(f"{g.workspace}/.codex", 0o777)
    create(f"{g.workspace}/.codex/config.toml")


def remove_what_holds_the_missing_settings_place(g: Ground) -> None:
    os.rmdir(f"{g.workspace}/.codex")


def write_a_nested_roots_settings(g: Ground) -> None:
    append(f"{g.inner}/.git/config")


def rename_the_parent_of_a_nested_root(g: Ground) -> None:
    parent = os.path.dirname(g.inner)
    os.rename(parent, f"{g.workspace}/elsewhere")
    try:
        os.makedirs(f"{g.inner}/.git/hooks")
        create(f"{g.inner}/.git/hooks/post-checkout")
        os.unlink(f"{g.inner}/.git/hooks/post-checkout")
        os.removedirs(f"{g.inner}/.git/hooks")
    finally:
        os.rename(f"{g.workspace}/elsewhere", parent)


def rewrite_the_file_that_names_the_repository(g: Ground) -> None:
    append(f"{g.worktree}/.git")


def replace_the_file_that_names_the_repository(g: Ground) -> None:
    create(f"{g.worktree}/new")
    os.rename(f"{g.worktree}/.git", f"{g.worktree}/git")
    os.rename(f"{g.worktree}/new", f"{g.worktree}/.git")
    os.rename(f"{g.worktree}/git", f"{g.worktree}/.git")


def write_the_worktrees_settings(g: Ground) -> None:
    append(f"{g.workspace}/.git/worktrees/tree/HEAD")


def create_a_hook_in_a_repository_further_down(g: Ground) -> None:
    create(f"{g.workspace}/nested/.git/hooks/post-checkout")


# --- by mounts ----------------------------------------------------------------------


def unmount_the_protection(g: Ground) -> None:
    umount(f"{g.workspace}/.git")
    append(f"{g.workspace}/.git/config")


def unmount_the_protection_in_a_user_namespace(g: Ground) -> None:
    new_user_namespace()
    umount(f"{g.workspace}/.git")
    append(f"{g.workspace}/.git/config")


def remount_the_protection_in_a_user_namespace(g: Ground) -> None:
    new_user_namespace()
    mount("", f"{g.workspace}/.git", "", MS_REMOUNT | MS_BIND)
    append(f"{g.workspace}/.git/config")


def bind_the_workspace_without_its_protection(g: Ground) -> None:
    new_user_namespace()
    mount(g.workspace, f"{g.scratch}/alias", "", MS_BIND)
    append(f"{g.scratch}/alias/.git/config")


def bind_the_workspace_with_its_protection(g: Ground) -> None:
    new_user_namespace()
    mount(g.workspace, f"{g.scratch}/alias", "", MS_BIND | MS_REC)
    append(f"{g.scratch}/alias/.git/config")


def remount_the_disk_in_a_user_namespace(g: Ground) -> None:
    new_user_namespace()
    mount("", "/", "", MS_REMOUNT | MS_BIND)
    append(f"{g.outside}/file")


def bind_the_disk_elsewhere_in_a_user_namespace(g: Ground) -> None:
    new_user_namespace()
    mount("/", f"{g.scratch}/alias", "", MS_BIND | MS_REC)
    append(f"{g.scratch}/alias{g.outside}/file")
