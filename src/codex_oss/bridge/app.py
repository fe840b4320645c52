"""The bridge's routes: what is answered here, and what is passed on.

::

    POST   /v1/responses                     an answer, streamed or whole
    GET    /v1/responses/{id}                a response that was kept
    DELETE /v1/responses/{id}                forget it
    GET    /v1/responses/{id}/input_items    what it was asked with
    POST   /v1/responses/{id}/cancel         stop one that runs in the background
    GET    /v1/models                        OpenAI's form; with client_version Codex's
    GET    /__health  /metrics  /__inspect   for people and their tools
    *      /api/…  /v1/…                     passed on as they come

The paths of the Responses API are also known without ``/v1``.
"""

from codex_oss.bridge.answering import Answering
from codex_oss.bridge.clients import caller_of
from codex_oss.bridge.failures import Refusal, error_body, refusal_of
from codex_oss.bridge.guard import preflight, unauthorized
from codex_oss.bridge.models import models
from codex_oss.bridge.parts import Parts
from codex_oss.bridge.proxy import climbs, forward
from codex_oss.bridge.seen import Seen
from codex_oss.bridge.stored import Stored
from codex_oss.errors import CodexOssError
from codex_oss.net.server import Exchange

_NOT_FOUND = 404
_PASSED_ON = ("api", "v1")
_SELF = ("__health", "__inspect", "metrics")


class App:
    """Answers every request that a bridge gets."""

    def __init__(self, parts: Parts, seen: Seen) -> None:
        self._parts = parts
        self._seen = seen
        self._answering = Answering(parts)
        self._stored = Stored(parts.store, parts.running)

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        headers, guard = exchange.request.headers, self._parts.guard
        if refusal := guard.refuse(headers):
            self._seen.refused()
            send(exchange, refusal)
            return
        segments = exchange.request.path.strip("/").split("/")
        try:
            if segments[0] in _SELF:
                await self._seen.handle(exchange, segments)
                return
            exchange.headers = guard.shares(headers)
            if exchange.headers and exchange.request.method == "OPTIONS":
                exchange.respond(204, b"", content_type="", headers=preflight(headers))
            elif not guard.knows(headers):
                self._seen.refused()
                send(exchange, unauthorized())
            else:
                await self._route(exchange, segments)
        except CodexOssError as error:
            if exchange.started:
                raise
            send(exchange, refusal_of(error, codex=caller_of(headers).codex))

    async def _route(self, exchange: Exchange, segments: list[str]) -> None:
        method = exchange.request.method
        caller = caller_of(exchange.request.headers)
        parts = self._parts
        below = segments[1:] if segments[0] == "v1" else segments
        match method, below:
            case "POST", ["responses"]:
                await self._answering.answer(exchange, caller, self._owner(exchange))
            case _, ["responses", *rest]:
                await self._stored.handle(exchange, rest, self._owner(exchange))
            case "GET", ["models", *name]:
                await models(exchange, parts, "/".join(name))
            case _ if climbs(exchange.request):
                send(exchange, _unknown(exchange))
            case _ if segments[0] in _PASSED_ON or below == [""]:
                own_key = bool(parts.settings.key)
                await forward(
                    exchange, parts.upstream, parts.ledger, caller, own_key=own_key
                )
            case _:
                send(exchange, _unknown(exchange))

    def _owner(self, exchange: Exchange) -> str:
        """Return whose responses these are: those of one key are one client's."""
        key = exchange.request.headers.get("authorization", "")
        if not key:
            return ""
        # From where hashlib has it, which brings OpenSSL: 2 ms, and 4 MB for ever.
        from _blake2 import blake2b  # noqa: PLC0415  for clients with a key

        return blake2b(key.encode(), digest_size=8).hexdigest()


def send(exchange: Exchange, refusal: Refusal) -> None:
    """Answer with a refusal."""
    exchange.respond(
        refusal.status,
        refusal.body,
        content_type=refusal.content_type,
        headers=refusal.headers,
    )


def _unknown(exchange: Exchange) -> Refusal:
    request = exchange.request
    message = f"the bridge has no {request.method} {request.path}: see /__inspect"
    body = error_body(message, "invalid_request_error", code="unknown_url")
    return Refusal(status=_NOT_FOUND, body=body)
