"""How many files, sockets among them, the process of a server may have open."""

import contextlib
import resource

WANTED = 4096
"""More than any number of clients needs; macOS lets a process begin with 256."""
OWN = 64
"""Those of the process itself: the store, the log, the engine."""


def raise_file_limit() -> int:
    """Let this process open up to ``WANTED`` files, if it may; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return WANTED
    most = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft >= most:
        return soft
    with contextlib.suppress(OSError, ValueError):  # the system's own bound is lower
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections_within(files: int) -> int:
    """Return how many clients ``files`` suffice for: each may need one to a model."""
    return max(1, (files - OWN) // 2)
