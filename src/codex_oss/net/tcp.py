"""TCP keep-alive: the kernel finds out when a silent peer has died."""

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
