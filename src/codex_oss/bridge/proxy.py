"""Passes on what the bridge does not answer itself, byte for byte.

So it can stand on another server's port: Ollama's own ``/api`` keeps working there.
The target is always below the one configured root, whatever the request says: a path
that climbs is not passed on (``climbs``).
"""

from codex_oss.bridge.guard import CREDENTIALS
from codex_oss.bridge.upstream import Upstream
from codex_oss.net.server import Exchange, HttpRequest

IDLE_S = 3600.0
"""Silence inside an answer; a model that is being pulled or loaded says little."""

_HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "trailer", "transfer-encoding", "upgrade", "proxy-connection",
))  # fmt: skip
"""Headers that are about one connection (RFC 9110, section 7.6.1)."""
_NOT_ASKED = _HOP_BY_HOP | {"host", "content-length", "accept-encoding", "expect"}
# The client took the body out of its encoding, and the exchange frames it anew.
_NOT_TOLD = _HOP_BY_HOP | {
    "content-length",
    "content-encoding",
    "content-type",
    "date",
    "server",
}


def climbs(request: HttpRequest) -> bool:
    """Tell whether a path holds a ``..``, plain or escaped, which leaves its root."""
    return ".." in request.path.replace("\\", "/").split("/")


async def forward(exchange: Exchange, upstream: Upstream, *, own_key: bool) -> None:
    """Answer with what the server answers; raises ``ModelError`` when it does not.

    ``own_key``: the client's key is the bridge's, and is not passed on.
    """
    request = exchange.request
    with await upstream.client.open(
        request.method,
        upstream.root + _target(request),
        headers=_headers(request, upstream, own_key=own_key),
        body=request.body,
        idle_s=IDLE_S,
    ) as reply:
        given = reply.headers.items()
        told = tuple((k, v) for k, v in given if k not in _NOT_TOLD)
        content_type = reply.headers.get("content-type", "")
        exchange.start(reply.status, content_type=content_type, headers=told)
        await reply.pour(exchange.write, exchange.ready)
        exchange.finish()


def _target(request: HttpRequest) -> str:
    """Return path and query as they came; of an absolute URL, only those."""
    target = request.target
    if not target.startswith("/"):
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    return target


def _headers(
    request: HttpRequest, upstream: Upstream, *, own_key: bool
) -> list[tuple[str, str]]:
    ours = dict(upstream.headers)
    named = request.headers.get("connection", "").lower().split(",")
    hidden = {*ours, *(name.strip() for name in named)}
    if own_key:
        hidden |= CREDENTIALS
    given = request.headers.items()
    kept = [(k, v) for k, v in given if k not in _NOT_ASKED and k not in hidden]
    return [*kept, *ours.items()]
