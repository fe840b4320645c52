"""What a server refused, as an error that says what to do next."""

import msgspec

from codex_oss.errors import (
    BadRequest,
    Busy,
    Loading,
    ModelError,
    NotFound,
    QuotaExceeded,
    ServerFault,
    Unauthorized,
)
from codex_oss.translate.failure import classify, overflow

LOADING_DELAY_S = 2.0
"""Before asking a server again that is still reading its model from disk."""
MAX_SAID_CHARS = 2000
"""Of a server's words that are shown."""

_FAULTS = range(500, 600)
_REDIRECTS = range(300, 400)
_LIST = '{"detail":['
_LOADING = "loading model"
_OTHER_API = 'Where it has Chat Completions only, set `wire_api = "chat"`.'
_PLAN_USED_UP = "usage_limit_reached"
_REFUSALS_AS_FAULTS = ("unsupported param", "requires --jinja", "cannot use ")
"""llama.cpp answers 500 to some requests that will never be right."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of whom, for messages.

    ``verbatim``: show a refused request's body as it came, as the Codex CLI does.
    ``key_hint`` says where the key comes from.
    """

    provider: str
    base_url: str
    url: str
    model: str
    key_hint: str
    verbatim: bool


def refusal(
    asked: Asked, status: int, headers: dict[str, str], body: bytes
) -> ModelError:
    """Return the error for an answer that is not 2xx."""
    raw = body.decode("utf-8", "replace").strip()
    said = words(raw)
    code = classify(status, raw)
    delay = retry_after(headers)
    if code == "context_length_exceeded":
        return overflow(raw)
    if _PLAN_USED_UP in raw:
        return QuotaExceeded(said)
    if code == "insufficient_quota":
        return QuotaExceeded(hint=said)
    if status in _REDIRECTS:
        return _redirect(asked, status, headers.get("location", "nowhere"))
    if status in (401, 403):
        return _unauthorized(asked, status, said)
    if status in (404, 405):
        return _not_found(asked, status, said)
    if status in _FAULTS or code == "server_error":
        return _fault(asked, status, said, delay)
    if code == "rate_limit_exceeded":
        return Busy(f"{asked.provider} is busy ({status}): {said}", delay_s=delay)
    return BadRequest(raw[:MAX_SAID_CHARS] if asked.verbatim and raw else said)


def words(raw: str) -> str:
    """Return what a server says in an error's body, on one line."""
    if raw.startswith("<"):
        return "a web page instead of an answer"
    from codex_oss.wire import chat  # noqa: PLC0415  5 ms that only failures pay

    match chat.decode_completion(raw):
        # FastAPI's list of what is wrong is said best in its own words.
        case chat.ChunkError(message=message) if not raw.startswith(_LIST):
            raw = message
        case _:
            pass
    return " ".join(raw.split())[:MAX_SAID_CHARS] or "without saying why"


def retry_after(headers: dict[str, str]) -> float | None:
    """Return the seconds in ``retry-after``; its form with a date is not read."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if value.replace(".", "", 1).isdecimal():
            return float(value) * unit
    return None


def not_an_api(asked: Asked, content_type: str) -> NotFound:
    """Return the error for a 200 whose body is of a type that no API answers."""
    return NotFound(
        f"{asked.url} answered {content_type or 'no known type'}, not an API's answer",
        hint=_url_hint(asked),
    )


def _unauthorized(asked: Asked, status: int, said: str) -> Unauthorized:
    return Unauthorized(
        f"{asked.provider} refused the key ({status}): {said}", hint=asked.key_hint
    )


def _not_found(asked: Asked, status: int, said: str) -> NotFound:
    other = f" {_OTHER_API}" if asked.url.endswith("/responses") else ""
    return NotFound(
        f"{asked.url} answered {status} for the model {asked.model!r}: {said}",
        hint=f"Is the model pulled or loaded there? {_url_hint(asked)}{other}",
    )


def _url_hint(asked: Asked) -> str:
    end = "" if asked.base_url.endswith("/v1") else ", and should it end in /v1"
    return f"Is `base_url` of provider {asked.provider!r} right{end}?"


def _fault(asked: Asked, status: int, said: str, delay: float | None) -> ModelError:
    lower = said.lower()
    if _LOADING in lower:
        return Loading(
            f"{asked.provider} is still loading its model ({status})",
            hint="Wait until it is loaded, then try again.",
            delay_s=LOADING_DELAY_S if delay is None else delay,
        )
    if any(wording in lower for wording in _REFUSALS_AS_FAULTS):
        return BadRequest(said)
    return ServerFault(
        f"{asked.provider} failed ({status}): {said}",
        hint="The server's own log says more.",
        delay_s=delay,
    )


def _redirect(asked: Asked, status: int, location: str) -> BadRequest:
    return BadRequest(
        f"{asked.url} redirects to {location} ({status})",
        hint=f"Set `base_url` of provider {asked.provider!r} to where it leads.",
    )
