"""What in a writable root stays read-only: hooks, settings, and where they really are.

A link in such a place is refused: whoever may write beside a link can put another one
in its place, and no mount hinders that.
"""
# Every command passes here, and a Path costs more than the system call it makes.
# ruff: noqa: PTH112, PTH118, PTH119, PTH120, PTH123

import os
import stat
from collections.abc import Collection, Iterator
from itertools import product

from codex_oss.errors import SandboxError
from codex_oss.policy import PROTECTED_NAMES

GITDIR_MAX = 4096
"""Bytes that are read of a ``.git`` file; it holds one path."""


def names(root: str) -> list[str]:
    """Return the paths in a root that must stay as they are, there or not."""
    base = "" if root == "/" else root
    return [f"{base}/{name}" for name in PROTECTED_NAMES]


def existing(root: str) -> Iterator[str]:
    """Yield what must be kept read-only for the sake of a root.

    Beside a worktree's ``.git`` file that is the repository it belongs to, wherever it
    is. Raises ``SandboxError`` for a link.
    """
    for path in names(root):
        mode = _mode(path)
        if stat.S_ISLNK(mode):
            raise _crosses_link(path)
        if mode:
            yield path
        if stat.S_ISREG(mode) and path.endswith("/.git"):
            yield from _repository_of_worktree(path)


def spellings(path: str) -> list[str]:
    """Return all names of what exists at ``path`` where the disk ignores case.

    Linux does not know that of disks which a server keeps, such as a drive of Windows
    below WSL or a folder of macOS in a container: a mount on ``.git`` does not cover
    ``.GIT`` there, which is the same directory. Elsewhere it is ``path`` alone.
    """
    folder, name = os.path.split(path)
    if not _same(path, os.path.join(folder, name.upper())):
        return [path]
    letters = [sorted({letter, letter.upper()}) for letter in name]
    spelled = (os.path.join(folder, "".join(each)) for each in product(*letters))
    return [each for each in spelled if each == path or _same(path, each)]


def refuse_links(path: str, roots: Collection[str]) -> None:
    """Raise ``SandboxError`` if ``path`` leads through a link inside of ``roots``."""
    parent, name = os.path.split(path)
    while name:
        if stat.S_ISLNK(_mode(path)):
            where = os.path.join(os.path.realpath(parent), name)
            if any(is_below(where, root) for root in roots):
                raise _crosses_link(path)
        path = parent
        parent, name = os.path.split(path)


def is_below(path: str, root: str) -> bool:
    """Return whether a path is ``root`` or below it; both absolute and normal."""
    return root in {"/", path} or path.startswith(f"{root}/")


def _same(path: str, other: str) -> bool:
    try:
        return path != other and os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError:
        return False


def _mode(path: str) -> int:
    """Return an entry's mode; 0 if there is none."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except OSError as error:
        raise SandboxError(
            f"cannot enforce sandbox read-only path {path}: {error.strerror}"
        ) from error
    return mode


def _crosses_link(path: str) -> SandboxError:
    return SandboxError(
        f"cannot enforce sandbox read-only path {path} because it crosses writable "
        f"symlink {path}",
        hint=f"Replace {path} by what it points to.",
    )


def _repository_of_worktree(file: str) -> Iterator[str]:
    """Yield the directory that a ``.git`` file points to, and the one it shares."""
    here = os.path.dirname(file)
    key, _, target = _line(file).partition(": ")
    if key != "gitdir" or not target:
        return
    directory = os.path.realpath(os.path.join(here, target))
    # gitrepository-layout(5): a worktree's own directory names the common one.
    common = _line(f"{directory}/commondir")
    if not common and os.path.basename(os.path.dirname(directory)) == "worktrees":
        common = "../.."
    directory = os.path.realpath(os.path.join(directory, common))
    # A file that points at the work itself must not make that read-only.
    if os.path.isdir(directory) and not is_below(here, directory):
        yield directory


def _line(path: str) -> str:
    """Return a short file's text; empty if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return os.fsdecode(file.read(GITDIR_MAX).strip())
    except OSError:
        return ""
