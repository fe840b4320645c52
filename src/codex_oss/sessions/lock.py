"""Who may write to a conversation: one process at a time.

The lock is the Codex CLI 0.169's own: ``flock`` on ``thread-writer-locks/<id>.lock``
below its home. The kernel lets go of it when the process ends, however it does, so no
lock outlives its owner, and a Codex that has the conversation open is told apart too.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from codex_oss.config.locked import NO_LOCKS
from codex_oss.errors import SessionError

FOLDER = "thread-writer-locks"
COORDINATION = ".coordination.lock"
"""Held by who takes lock files away, so that nobody locks one that is gone."""
TRIES = 10
"""A file that was taken away between opening and locking it is opened again."""
_PID_BYTES = 32


class Lock:
    """The right to write to one conversation."""

    def __init__(self, home: Path, thread_id: str) -> None:
        self._folder = home / FOLDER
        self._path = self._folder / f"{thread_id}.lock"
        self._thread_id = thread_id
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether the right is ours now."""
        return self._fd is not None

    def take(self) -> None:
        """Take the right, if it is not ours yet.

        Raises ``SessionError`` with the other's process id while somebody else has it.
        """
        for _ in range(TRIES):
            if self._fd is None:
                self._try()
        if self._fd is None:
            raise SessionError(f"cannot lock the session: {self._path} comes and goes")

    def release(self) -> None:
        """Give the right back, and take the file away."""
        if self._fd is None:
            return
        fd, self._fd = self._fd, None
        try:
            self._remove()
        finally:
            os.close(fd)

    def _try(self) -> None:
        """Lock the file; do nothing if it was taken away meanwhile."""
        fd = -1
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            _flock(fd)
            if not _is(fd, self._path):
                os.close(fd)
                return
            os.ftruncate(fd, 0)
            with suppress(OSError):  # a full disk: it is locked all the same
                os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except BlockingIOError:
            raise self._taken(fd) from None
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            raise SessionError(
                f"cannot lock the session at {self._path}: {error.strerror}",
                hint="Free some space or make the folder writable, "
                "or run with `--ephemeral`.",
            ) from error
        self._fd = fd

    def _taken(self, fd: int) -> SessionError:
        try:
            pid = _owner(fd)
        finally:
            os.close(fd)
        whose = f"process {pid}" if pid else "another process"
        return SessionError(
            f"the session {self._thread_id} is open in {whose}",
            hint="Wait until that has ended, or go on in a copy: "
            f"codex-oss exec fork {self._thread_id} PROMPT",
        )

    def _remove(self) -> None:
        """Take our file away, unless somebody is just about to lock it."""
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            other = os.open(self._folder / COORDINATION, flags, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._path.unlink(missing_ok=True)
        except OSError:  # an empty file stays; it locks nothing
            return
        finally:
            os.close(other)


def _flock(fd: int) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise


def _is(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _owner(fd: int) -> int | None:
    """Return who holds the lock: as it wrote, or as Linux knows."""
    written = os.pread(fd, _PID_BYTES, 0).strip()
    if written.isdigit():
        return int(written)
    inode = str(os.fstat(fd).st_ino)
    try:
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    for line in lines:
        words = line.split()
        if "FLOCK" in words and words[-3].endswith(f":{inode}"):
            return int(words[-4])
    return None
