"""Ports for servers that must be told theirs: nobody else is given one of them.

A port that is bound to 0, read and let go may be another program's a moment later.
These lie below those that systems give away by themselves, and each process of the
tests counts up in a part of its own.
"""

import itertools
import os
import socket

_FIRST, _PART, _PARTS = 12_000, 800, 20
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """Return a port of 127.0.0.1 where nothing listens, and nothing else will."""
    while True:
        part = int(_WORKER) % _PARTS
        port = _FIRST + part * _PART + next(_numbers) % _PART
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
