"""Who may ask: the key, and the names by which a browser may reach the bridge.

A page in a browser can send requests to servers on its user's machine. It cannot
choose the ``Host`` of a name that was pointed here (DNS rebinding), nor hide its
``Origin``; both are looked at.
"""

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from codex_oss.bridge.failures import Refusal, error_body
from codex_oss.net import url as urls

COOKIE = "codex_oss_bridge"
"""The inspector's cookie, which holds the key."""

CREDENTIALS = frozenset(("authorization", "api-key", "cookie"))
"""The headers in which a client may send the key."""

KEPT_NAMES = 64
"""Values of ``Host`` and ``Origin`` that were looked at once already."""

_FORBIDDEN = 403
_UNAUTHORIZED = 401


class Guard(msgspec.Struct, frozen=True, kw_only=True):
    """``key`` is what clients must send, if anything; ``loopback``: bound to it."""

    key: str
    loopback: bool

    def refuse(self, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request is not answered, or None."""
        host = headers.get("host", "")
        if self.loopback and not _is_here(host):
            return _forbidden(
                f"the bridge answers on this machine's own names only, not `{host}`"
            )
        origin = headers.get("origin", "")
        if origin and not self._may_come_from(origin, host):
            return _forbidden(f"the bridge does not answer to pages of `{origin}`")
        return None

    def shares(self, headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the headers by which a page that may ask may read the answer.

        Source: the Fetch standard's CORS protocol.
        """
        origin = headers.get("origin", "")
        if not origin:
            return ()
        return (("access-control-allow-origin", origin), ("vary", "origin"))

    def knows(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request has the key, or needs none."""
        if not self.key:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":  # in any case of letters: RFC 9110, 11.1
            given = headers.get("api-key", "") or _cookie(headers)
        import hmac  # noqa: PLC0415  loads OpenSSL: 2 ms, 4 MB; for bridges with a key

        return hmac.compare_digest(given.strip().encode(), self.key.encode())

    def _may_come_from(self, origin: str, host: str) -> bool:
        authority = origin.partition("://")[2]  # none of `null`, which hides a page
        if not authority:
            return False
        return authority == host or (self.loopback and _is_here(authority))


def preflight(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what a browser wants to know before it sends a page's request."""
    asked = headers.get("access-control-request-headers", "")
    return (
        ("access-control-allow-methods", "GET, POST, DELETE"),
        ("access-control-allow-headers", asked or "authorization, content-type"),
        ("access-control-max-age", "600"),
    )


def unauthorized() -> Refusal:
    """Return the answer to a request without the key."""
    return Refusal(
        status=_UNAUTHORIZED,
        body=error_body(
            "the bridge asks for a key: send it as `Authorization: Bearer KEY`",
            "authentication_error",
            code="invalid_api_key",
        ),
        headers=(("www-authenticate", "Bearer"),),
    )


def _cookie(headers: Mapping[str, str]) -> str:
    for pair in headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


@lru_cache(maxsize=KEPT_NAMES)
def _is_here(authority: str) -> bool:
    host = authority.rpartition(":")[0] if _has_port(authority) else authority
    host = host.strip("[]").lower().rstrip(".")
    return not host or host.endswith(".localhost") or urls.is_loopback(host)


def _has_port(authority: str) -> bool:
    return authority.rpartition(":")[2].isdecimal() and not authority.endswith("]")


def _forbidden(message: str) -> Refusal:
    body = error_body(message, "invalid_request_error", code="forbidden_origin")
    return Refusal(status=_FORBIDDEN, body=body)
