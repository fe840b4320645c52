"""An HTTP/1.1 server: what a client may send, and one ``Exchange`` per request.

``Listener`` owns the port, ``Exchange`` is one request and its answer, ``Limits`` what
is allowed. Inside: ``connection`` (bytes to requests, one after the other), ``head``
(which requests are refused), ``coding`` (compressed bodies), ``answer`` (bytes of an
answer), ``files`` (how many clients the process has room for).
"""

from codex_oss.net.server.exchange import Exchange
from codex_oss.net.server.files import connections_within, raise_file_limit
from codex_oss.net.server.listener import Listener
from codex_oss.net.server.request import HttpRequest, Limits

__all__ = [
    "Exchange",
    "HttpRequest",
    "Limits",
    "Listener",
    "connections_within",
    "raise_file_limit",
]
