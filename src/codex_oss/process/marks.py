"""Marks: how everything that a command started is found again, wherever it went.

A process group loses whoever leaves it (``setsid``); a walk from parents to children
loses whoever's parent has ended; a variable in the environment is lost by ``env -i``,
by ``sudo`` and by programs that write their title over it. A resource limit is
inherited through all of that, and ``/proc`` shows it to every user. The limit used is
RLIMIT_RSS: Linux has taken no notice of it since 2.4.30 (getrlimit(2)), and a soft
limit of four exbibytes promises nobody anything.

Who asks Linux for another RLIMIT_RSS escapes, unless the sandbox forbids it (Landlock's
filter does), and so does, as intended, whoever has a daemon start something
(``systemctl start``, ``docker compose up -d``).
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Collection, Generator, Iterable, Iterator
from pathlib import Path

import msgspec

from codex_oss.process.ends import announce_end

NONE = 0
"""The mark of those that wear none."""
ROUNDS = 50
"""How often wearers are looked for again: what is killed may just have forked."""
KILL_S = 10.0
"""How long the system may take, in all, to end what was sent SIGKILL."""
FORKS_PER_S = 20_000
"""No machine starts more processes in a second; tells whether numbers came round."""

_BASE = 1 << 62
_RANDOM_BYTES = 7
_LIMITS_SIZE = 4096
"""``/proc/PID/limits`` has 17 lines of 80 bytes."""

_alone = threading.Lock()
"""Held while a program is started: until then its limit is this program's own."""


class Wearer(msgspec.Struct, frozen=True):
    """A process that wears a mark; ``fd`` is its pidfd, to be closed."""

    pid: int
    fd: int

    def signal(self, number: int) -> bool:
        """Send a signal to this very process; False if it is another user's."""
        try:
            signal.pidfd_send_signal(self.fd, number)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return True


def new() -> int:
    """Return a mark that nobody wears; ``NONE`` where there can be none."""
    if sys.platform != "linux" or not Path("/proc/self/limits").exists():
        return NONE
    import resource  # noqa: PLC0415  0.2 ms that only these commands should pay

    with _alone:
        soft, hard = resource.getrlimit(resource.RLIMIT_RSS)
        free = hard == resource.RLIM_INFINITY and _set(soft, hard)
    return _BASE + int.from_bytes(os.urandom(_RANDOM_BYTES), "big") if free else NONE


@contextlib.contextmanager
def worn(mark: int) -> Generator[None]:
    """Let what is started meanwhile wear ``mark``, and no other.

    With ``NONE`` it wears none, not even the one that this program may wear.
    """
    if sys.platform != "linux":
        yield
        return
    import resource  # noqa: PLC0415  as above

    with _alone:
        soft, hard = resource.getrlimit(resource.RLIMIT_RSS)
        _set(mark or hard, hard)
        try:
            yield
        finally:
            _set(soft, hard)


def _set(soft: int, hard: int) -> bool:
    """Set the limit; False if a sandbox around this program does not allow it."""
    import resource  # noqa: PLC0415  as above

    try:
        resource.setrlimit(resource.RLIMIT_RSS, (soft, hard))
    except (OSError, ValueError):  # ValueError is Python's EPERM here
        return False
    return True


@contextlib.contextmanager
def wearers(
    mark: int, *, since: tuple[int, float], but: Collection[int] = ()
) -> Generator[list[Wearer]]:
    """Give the running processes that wear ``mark``, except those in ``but``.

    ``since`` is the number of the first and when it started, by ``time.monotonic``.
    """
    found: list[Wearer] = []
    try:
        found.extend(each for each in _find(mark, since, set(but)) if each)
        yield found
    finally:
        for wearer in found:
            os.close(wearer.fd)


def kill(mark: int, *, since: tuple[int, float]) -> bool:
    """Kill all that wear ``mark``; return whether none is left that we may kill."""
    deadline = time.monotonic() + KILL_S
    seen = {since[0]}
    for _ in range(ROUNDS):
        found: list[Wearer] = []
        missed = False
        try:
            for each in _find(mark, since, seen):
                if each is None:
                    missed = True
                    continue
                found.append(each)
                # At once, since who forks and ends is gone at a second look; and not
                # yet ended, since its parent would learn of it and have a last word.
                if not each.signal(signal.SIGSTOP):
                    seen.add(each.pid)
            ours = [each for each in found if each.pid not in seen]
            for each in ours:
                each.signal(signal.SIGKILL)
            if not (ours or missed):
                return True
            if not _all_end((each.fd for each in ours), deadline):
                return False
            seen.update(each.pid for each in ours)
        finally:
            for each in found:
                os.close(each.fd)
    return False


def _find(
    mark: int, since: tuple[int, float], seen: set[int]
) -> Iterator[Wearer | None]:
    """Yield those who wear ``mark``, the newest first; who takes one closes it.

    None stands for one that ended between the list and the look: what it may have
    started is newer than the list. Those in ``seen`` are passed over; it takes in all
    that need not be looked at a second time.
    """
    for pid in _candidates(*since) if mark else ():
        if pid in seen:
            continue
        wears = _wears(pid, mark)
        wearer = _wearer(pid, mark) if wears else None
        if wearer is None:
            seen.add(pid)
        if wearer is not None or wears is not False:
            yield wearer


def _all_end(fds: Iterable[int], deadline: float) -> bool:
    """Wait until all of these processes have ended."""
    for fd in fds:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return False
    return True


def _candidates(first: int, started: float) -> list[int]:
    """Return the processes that may have been started since."""
    with os.scandir("/proc") as entries:
        numbers = (int(each.name) for each in entries if each.name.isdigit())
        everyone = sorted(numbers, reverse=True)
    if _came_round(time.monotonic() - started):
        return everyone
    return [pid for pid in everyone if pid > first]


def _came_round(seconds: float) -> bool:
    """Return whether process numbers may have begun again at the bottom."""
    if seconds < 1:
        return False
    try:
        count = int(Path("/proc/sys/kernel/pid_max").read_text("ascii"))
    except (OSError, ValueError):
        return True
    return seconds * FORKS_PER_S > count


def _wearer(pid: int, mark: int) -> Wearer | None:
    """Return a process that was seen to wear ``mark``; None if it has ended."""
    fd = announce_end(pid)
    if fd is None:
        return None
    # Looked at again: by now the number could be another process's. What has ended
    # and waits for its parent shows its limits, too.
    if _wears(pid, mark) and not select.select([fd], [], [], 0)[0]:
        return Wearer(pid, fd)
    os.close(fd)
    return None


def _wears(pid: int, mark: int) -> bool | None:
    """Return whether a process wears ``mark``; None if it is gone."""
    try:
        fd = os.open(f"/proc/{pid}/limits", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:  # another user's, where /proc hides them
        return False
    except OSError:
        return None
    try:
        limits = os.read(fd, _LIMITS_SIZE)
    except OSError:
        return None
    finally:
        os.close(fd)
    return b"%-25s %-20d " % (b"Max resident set", mark) in limits if limits else None
