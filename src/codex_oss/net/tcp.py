"""What the kernel does for TCP: it finds out that a peer has died, and who listens."""

import errno
import socket

PROBE_AFTER_S = 60
"""Silence after which the kernel asks whether the peer still lives."""
PROBE_EVERY_S = 15
"""Between its questions."""
PROBES = 4
"""Unanswered questions that end the connection."""

_OPTIONS = (
    ("TCP_KEEPIDLE", PROBE_AFTER_S),
    ("TCP_KEEPALIVE", PROBE_AFTER_S),  # macOS's name for TCP_KEEPIDLE
    ("TCP_KEEPINTVL", PROBE_EVERY_S),
    ("TCP_KEEPCNT", PROBES),
)


def keep_alive(sock: socket.socket) -> None:
    """Let the kernel watch over a socket, or over all that a listener accepts."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        option: int | None = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)


def is_taken(host: str, port: int) -> bool:
    """Return whether somebody listens at a port of this machine; ``host`` is IPv4."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connection just ended is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
