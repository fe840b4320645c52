"""A lock that is held for one reading and one writing of a small file."""

import errno
import select
from collections.abc import Generator
from contextlib import contextmanager
from io import IOBase
from pathlib import Path

MAX_TRIES = 500
PAUSE_S = 0.02
"""How often, and how far apart, another process's lock is tried: ten seconds in all."""
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks say: work goes on there without one."""


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the lock at ``path``; ``OSError`` if another process does not let go."""
    with path.open("ab") as file:
        take(file)
        yield


def take(file: IOBase | int) -> None:
    """Lock an open file; ``OSError`` if another process does not let go."""
    import fcntl  # noqa: PLC0415  only where something is written

    for tries_left in reversed(range(MAX_TRIES)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if not tries_left:
                told = "another process does not let go of its lock"
                raise BlockingIOError(error.errno, told) from error
        except OSError as error:
            if error.errno in NO_LOCKS:
                return
            raise
        else:
            return
        select.select([], [], [], PAUSE_S)
