"""A lock that is held for one reading and one writing of a small file."""

import select
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

MAX_TRIES = 50
PAUSE_S = 0.02
"""How often, and how far apart, another process's lock is tried: a second in all."""


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Hold the lock at ``path``; ``OSError`` if another process does not let go."""
    import fcntl  # noqa: PLC0415  only where something is written

    with path.open("ab") as file:
        for tries_left in reversed(range(MAX_TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not tries_left:
                    raise
                select.select([], [], [], PAUSE_S)
        yield
