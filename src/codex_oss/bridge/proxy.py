"""Passes on what the bridge does not answer itself, byte for byte.

So it can stand on another server's port: Ollama's own ``/api`` keeps working there.
The target is always below the configured URL, whatever the request says: ``/v1/x`` is
``/x`` below the API's URL, all else stands below the root above it, and a path that
climbs is not passed on (``climbs``).
"""

from functools import partial

from codex_oss.bridge.clients import Caller
from codex_oss.bridge.failures import one_line
from codex_oss.bridge.guard import CREDENTIALS
from codex_oss.bridge.ledger import Entry, Ledger
from codex_oss.bridge.upstream import Upstream
from codex_oss.errors import CodexOssError
from codex_oss.facts import Sent
from codex_oss.net.server import Exchange, HttpRequest
from codex_oss.providers.endpoint import revived

IDLE_S = 3600.0
"""Silence inside an answer; a model that is being pulled or loaded says little."""
OTHER = "other"
"""The route of paths that are nobody's API."""

_ROUTES = frozenset((
    "api/blobs", "api/chat", "api/copy", "api/create", "api/delete", "api/embed",
    "api/embeddings", "api/generate", "api/ps", "api/pull", "api/push", "api/show",
    "api/tags", "api/version", "v1/audio", "v1/chat", "v1/completions",
    "v1/embeddings", "v1/images", "v1/messages",
))  # fmt: skip
"""Of Ollama's API and OpenAI's; clients could think of new ones for ever."""
_ERRORS = 400
"""The first HTTP status that is one."""

_HOP_BY_HOP = frozenset((
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
    "trailer", "transfer-encoding", "upgrade", "proxy-connection",
))  # fmt: skip
"""Headers that are about one connection (RFC 9110, section 7.6.1)."""
_NOT_ASKED = _HOP_BY_HOP | {"host", "content-length", "accept-encoding", "expect"}
# The client took the body out of its encoding, and the exchange frames it anew.
_NOT_TOLD = _HOP_BY_HOP | {
    "access-control-allow-origin",
    "content-length",
    "content-encoding",
    "content-type",
    "date",
    "server",
}


def climbs(request: HttpRequest) -> bool:
    """Tell whether a path holds a ``.`` or ``..``, plain or escaped: it may climb."""
    segments = request.path.replace("\\", "/").split("/")
    return "." in segments or ".." in segments


async def forward(
    exchange: Exchange,
    upstream: Upstream,
    ledger: Ledger,
    caller: Caller,
    *,
    own_key: bool,
) -> None:
    """Answer with what the server answers; raises ``ModelError`` when it does not.

    ``own_key``: the client's key is the bridge's, and is not passed on.
    """
    request = exchange.request
    with ledger.open(
        client=caller.name,
        route=_route(request.path),
        model="",
        thread=caller.thread,
        came=request.body,
    ) as entry:
        try:
            headers = _headers(request, upstream, own_key=own_key)
            await _pass_on(exchange, upstream, headers, entry)
        except CodexOssError as error:
            outcome = "failed" if exchange.started else "refused"
            status = entry.status or error.http_status
            entry.end(status=status, outcome=outcome, error=one_line(error))
            raise


async def _pass_on(
    exchange: Exchange,
    upstream: Upstream,
    headers: list[tuple[str, str]],
    entry: Entry,
) -> None:
    request = exchange.request
    url = _url(request, upstream)
    entry.note(Sent(url=url, body=request.body))

    def put(data: bytes) -> bool:
        entry.wrote(data)
        return exchange.write(data)

    asked = partial(
        upstream.client.open,
        request.method,
        url,
        headers=headers,
        body=request.body,
        idle_s=IDLE_S,
    )
    # Who only looks, such as for the models, starts no engine.
    reviver = upstream.reviver if request.body else None
    with await revived(reviver, request.body, asked, entry.note) as reply:
        given = reply.headers.items()
        told = tuple((k, v) for k, v in given if k not in _NOT_TOLD)
        content_type = reply.headers.get("content-type", "")
        exchange.start(reply.status, content_type=content_type, headers=told)
        entry.status = reply.status
        await reply.pour(put, exchange.ready)
        exchange.finish()
        outcome = "completed" if reply.status < _ERRORS else "failed"
        entry.end(status=reply.status, outcome=outcome)


def _route(path: str) -> str:
    """Return what numbers and lists call a path."""
    route = "/".join(path.strip("/").split("/")[:2])
    return route if route in _ROUTES else OTHER


def _url(request: HttpRequest, upstream: Upstream) -> str:
    """Return where path and query lead; of an absolute URL, only those are taken."""
    target = request.target
    if not target.startswith("/"):
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    if target.partition("?")[0] == "/v1" or target.startswith("/v1/"):
        return upstream.url(target.removeprefix("/v1"))
    return upstream.root + target


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
