"""What a client may send, and what of it a handler gets."""

from urllib.parse import parse_qsl, unquote

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may send and how long it may take. Sizes in bytes."""

    body_bytes: int = 64 * 1024 * 1024
    """Of one body, plain and as sent: a long conversation with images. Else 413."""
    head_bytes: int = 64 * 1024
    """Of request line and headers together. Else 431."""
    headers: int = 100
    """How many headers one request may have. Else 431."""
    head_s: float = 15.0
    """For a whole head, from its first byte. Else 408."""
    body_s: float = 120.0
    """For a whole body, from the end of its head. Else 408."""
    idle_s: float = 120.0
    """Between requests; longer than clients keep their side (reqwest: 90 s)."""
    stall_s: float = 300.0
    """How long a client may take nothing of an answer before it counts as gone."""
    connections: int = 450
    """At the same time; each may need a second one to a model. Else 503."""


class HttpRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request. A compressed body is plain here, its header gone.

    ``path`` is percent-decoded and without the query, ``target`` is as sent;
    ``headers`` have lower-case names, several of one name joined by commas; of a
    query's several values the last one counts. ``peer`` is the client's address.
    """

    method: str
    path: str
    target: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    peer: str


def locate(target: str) -> tuple[str, dict[str, str]]:
    """Return the decoded path and the query of a request's target."""
    path, mark, rest = target.partition("?")
    if "%" in path:
        path = unquote(path)
    query = dict(parse_qsl(rest, keep_blank_values=True)) if mark else {}
    return path, query
