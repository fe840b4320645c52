"""What people and their tools look at: health, metrics and the inspector."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from codex_oss.bridge.failures import error_body
from codex_oss.bridge.guard import Guard, unauthorized
from codex_oss.bridge.health import Checker, health
from codex_oss.bridge.metrics import Metrics, metrics
from codex_oss.net.server import Exchange

if TYPE_CHECKING:
    from codex_oss.bridge.inspector import Inspector


class Seen:
    """Answers ``/__health``, ``/metrics`` and ``/__inspect``.

    The inspector asks for the key itself, so that a browser can bring it. It is made,
    by ``inspector``, for the first who looks.
    """

    def __init__(
        self,
        guard: Guard,
        checker: Checker,
        counted: Metrics,
        inspector: "Callable[[], Inspector]",
    ) -> None:
        self._guard = guard
        self._checker = checker
        self._counted = counted
        self._inspector = inspector
        self._made: Inspector | None = None

    def refused(self) -> None:
        """Count a request that the guard did not let in."""
        self._counted.refused()

    async def handle(self, exchange: Exchange, segments: list[str]) -> None:
        """Answer one request to such a path."""
        known = self._guard.knows(exchange.request.headers)
        reads = exchange.request.method in ("GET", "HEAD")
        match segments:
            case ["__inspect", *_]:
                self._made = self._made or self._inspector()
                await self._made.handle(exchange)
            case _ if not known:
                self.refused()
                refusal = unauthorized()
                exchange.respond(refusal.status, refusal.body, headers=refusal.headers)
            case ["__health"] | ["metrics"] if not reads:
                body = error_body("this page only shows", "invalid_request_error")
                exchange.respond(405, body, headers=(("allow", "GET, HEAD"),))
            case ["__health"]:
                await health(exchange, self._checker)
            case ["metrics"]:
                await metrics(exchange, self._counted)
            case _:
                body = error_body("there is no such page", "invalid_request_error")
                exchange.respond(404, body)
