"""Failures as clients understand them.

The Codex CLI asks again, up to thirty times, for every status but 400, and shows the
body of a 400 as it is. What another request would not change is therefore a 400 of
one line for it. Other clients get the status that fits, and OpenAI's error object.
"""

import math

import msgspec

from codex_oss.errors import (
    BadRequest,
    Busy,
    CodexOssError,
    ContextOverflow,
    ItemNotFound,
    NotFound,
    PreviousNotFound,
    QuotaExceeded,
    ServerFault,
    StreamCut,
    Unauthorized,
    Unreachable,
)
from codex_oss.wire import responses

BUSY_DELAY_S = 2.0
"""When a busy server names no delay."""

_JSON = "application/json"
_TEXT = "text/plain; charset=utf-8"
_BAD_REQUEST = 400


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer that says what went wrong."""

    status: int
    body: bytes
    content_type: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    message: str
    type: str
    code: str | None = None
    param: str | None = None


_KINDS: tuple[tuple[type[CodexOssError], str, str | None], ...] = (
    (ContextOverflow, "invalid_request_error", "context_length_exceeded"),
    (QuotaExceeded, "insufficient_quota", "insufficient_quota"),
    (Unauthorized, "authentication_error", "invalid_api_key"),
    (NotFound, "invalid_request_error", "model_not_found"),
    (PreviousNotFound, "invalid_request_error", PreviousNotFound.code),
    (BadRequest, "invalid_request_error", None),
    (Busy, "rate_limit_error", "rate_limit_exceeded"),
    (Unreachable, "api_connection_error", "upstream_unreachable"),
    (StreamCut, "server_error", "upstream_cut"),
    (ServerFault, "server_error", "upstream_error"),
)
"""The error object's ``type`` and ``code``, in OpenAI's words where it has some."""


def error_body(
    message: str, kind: str, *, code: str | None = None, param: str | None = None
) -> bytes:
    """Return OpenAI's error object."""
    error = _Error(message=message, type=kind, code=code, param=param)
    return msgspec.json.encode({"error": error})


def one_line(error: CodexOssError) -> str:
    """Return what happened and what to do next, on one line."""
    said, hint = " ".join(str(error).split()), " ".join(error.hint.split())
    if not hint:
        return said
    return (
        f"{said} {hint}" if said.endswith((".", "!", "?", ":")) else f"{said}. {hint}"
    )


_RAISED: dict[str | None, type[CodexOssError]] = {
    "insufficient_quota": QuotaExceeded,
    "invalid_prompt": BadRequest,
    "rate_limit_exceeded": Busy,
}


def raised(error: responses.ResponseError) -> CodexOssError:
    """Return the error of a response that failed, to be answered with a status."""
    if error.code == "context_length_exceeded":
        return ContextOverflow()
    return _RAISED.get(error.code, ServerFault)(error.message or "the server failed")


def refusal_of(error: CodexOssError, *, codex: bool) -> Refusal:
    """Return the answer to a request that failed before anything was sent."""
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, Busy):
        headers = (("retry-after", str(math.ceil(_delay(error)))),)
    kind, code = _kind(error)
    if not codex or isinstance(error, Busy | ContextOverflow):
        missing = isinstance(error, PreviousNotFound | ItemNotFound)
        param = error.param if missing else None
        body = error_body(one_line(error), kind, code=code, param=param)
        return Refusal(status=error.http_status, body=body, headers=headers)
    line = one_line(error).encode()
    return Refusal(status=_BAD_REQUEST, body=line, content_type=_TEXT)


def reported(error: CodexOssError, *, codex: bool) -> responses.ResponseError:
    """Return the error of a response that failed after its stream had begun."""
    if isinstance(error, Busy):
        wait = f"Please try again in {_delay(error):g}s."
        return responses.ResponseError(
            "rate_limit_exceeded", f"{one_line(error)} {wait}"
        )
    kind, code = _kind(error)
    told = responses.ResponseError(code or kind, one_line(error))
    return for_codex(told, retry=isinstance(error, StreamCut)) if codex else told


_KNOWN_TO_CODEX = (
    "context_length_exceeded",
    "insufficient_quota",
    "rate_limit_exceeded",
    "invalid_prompt",
)


def for_codex(
    error: responses.ResponseError, *, retry: bool
) -> responses.ResponseError:
    """Return the error of a stream so that Codex shows its message.

    It hides that of a ``server_error`` (the code of faults inside of streams), asks
    again for codes that it does not know, and ends the turn for ``invalid_prompt``.
    """
    if error.code in _KNOWN_TO_CODEX:
        return error
    code = "upstream_error" if retry else "invalid_prompt"
    return responses.ResponseError(code, error.message)


def _delay(error: Busy) -> float:
    return BUSY_DELAY_S if error.delay_s is None else error.delay_s


def _kind(error: CodexOssError) -> tuple[str, str | None]:
    for each, kind, code in _KINDS:
        if isinstance(error, each):
            return kind, code
    return "server_error", None
