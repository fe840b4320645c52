"""The door to the network: an HTTP client for model servers and downloads.

``Client`` opens requests, ``Reply`` is an answer; ``url`` knows what kind of place a
host is. The rest is inside: ``connection`` (bytes and parser), ``dial`` (TCP, TLS),
``proxy`` (which one), ``inflate`` (gzip).
"""

from codex_oss.net.client import Client, Headers, Patience
from codex_oss.net.reply import Reply

__all__ = ["Client", "Headers", "Patience", "Reply"]
