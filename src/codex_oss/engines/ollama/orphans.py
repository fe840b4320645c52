"""Servers of ours that outlived the program that had started them, and their end.

Beside each server a file says which process it is and which one started it, both by
number and birth (``process.detached``): the number alone may be a stranger's by now. A
server whose starter is gone is an orphan and is ended at the next start; every other
server is left alone. Mostly there is none: a guard ends it with its starter
(``process.guard``), unless that was killed too, or the machine has no marks.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import msgspec

from codex_oss.config.whole import write_whole
from codex_oss.process import detached
from codex_oss.process.detached import Process

END_S, KILL_S = 10.0, 5.0
"""For an orphan to end when it is asked to, and by force."""
MAX_FILES = 64


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A server and who started it."""

    server: Process
    starter: Process


def keep(folder: Path, pid: int) -> Path | None:
    """Write down a server that this program has started; return the file.

    None where it cannot be written, or the server has ended already.
    """
    server, starter = detached.find(pid), detached.find(os.getpid())
    if server is None or starter is None:
        return None
    path = folder / f"{pid}.json"
    kept = Kept(server=server, starter=starter)
    try:
        write_whole(path, msgspec.json.encode(kept))
    except OSError:
        return None
    return path


def end_all(folder: Path) -> list[Process]:
    """End the orphans and return them.

    Returns at once where another process is at it. May take ``END_S`` for each.
    """
    ended: list[Process] = []
    with _locked(folder) as ours:
        for path in sorted(folder.glob("*.json"))[:MAX_FILES] if ours else ():
            kept = _read(path)
            if kept is not None and detached.runs(kept.starter):
                continue
            if kept is not None and detached.runs(kept.server):
                with contextlib.suppress(PermissionError):  # another user's
                    detached.end(kept.server, grace_s=END_S, kill_s=KILL_S)
                    ended.append(kept.server)
            with contextlib.suppress(OSError):
                path.unlink()
    return ended


def _read(path: Path) -> Kept | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Kept)
    except (OSError, msgspec.DecodeError):
        return None


@contextlib.contextmanager
def _locked(folder: Path) -> Generator[bool]:
    """Give whether this process may sweep; nothing to sweep counts as no."""
    import fcntl  # noqa: PLC0415  only who sweeps needs it

    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # there is no such folder: no server was ever started
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)
