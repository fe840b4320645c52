"""What servers refuse, as errors with a next step."""

import msgspec
import pytest

from codex_oss.errors import (
    BadRequest,
    Busy,
    ContextOverflow,
    Loading,
    ModelError,
    NotFound,
    QuotaExceeded,
    ServerFault,
    Unauthorized,
)
from codex_oss.providers.failure import Asked, refusal, retry_after

URL = "http://h:1/v1/chat/completions"
NO_ROOM = str(ContextOverflow())
NO_CREDIT = "Quota exceeded. Check your plan and billing details."
LOG = "The server's own log says more."
LEADS = "Set `base_url` of provider 'p' to where it leads."
PULLED = "Is the model pulled or loaded there? Is `base_url` of provider 'p' right?"
ASKED = Asked(
    provider="p",
    base_url="http://h:1/v1",
    url=URL,
    model="m",
    key_hint="Set P_KEY.",
    verbatim=False,
)
VERBATIM = msgspec.structs.replace(ASKED, verbatim=True)
DEEPER = msgspec.structs.replace(ASKED, base_url="http://h:1")


def told(
    status: int, body: str, asked: Asked = ASKED, **headers: str
) -> tuple[type[ModelError], str, float | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error = refusal(asked, status, named, body.encode())
    return type(error), error.report(), error.delay_s


@pytest.mark.parametrize(
    ("status", "body", "kind", "report"),
    [
        (400, '{"error":{"message":"bad\\nfield"}}', BadRequest, "bad field"),
        (400, '{"error":"bad"}', BadRequest, "bad"),
        (422, '{"detail":[{"loc":["x"]}]}', BadRequest, '{"detail":[{"loc":["x"]}]}'),
        (413, "too large", BadRequest, "too large"),
        (400, "", BadRequest, "without saying why"),
        (400, "<html>", BadRequest, "a web page instead of an answer"),
        (401, "no", Unauthorized, "p refused the key (401): no\nSet P_KEY."),
        (403, "no", Unauthorized, "p refused the key (403): no\nSet P_KEY."),
        (
            404,
            '{"error":{"message":"model \'m\' not found"}}',
            NotFound,
            f"{URL} answered 404 for the model 'm': model 'm' not found\n{PULLED}",
        ),
        (402, "pay", QuotaExceeded, f"{NO_CREDIT}\npay"),
        (
            429,
            '{"error":{"type":"usage_limit_reached","message":"wait until Monday"}}',
            QuotaExceeded,
            "wait until Monday",
        ),
        (429, "slow down", Busy, "p is busy (429): slow down"),
        (
            500,
            '{"error":{"message":"boom"}}',
            ServerFault,
            f"p failed (500): boom\n{LOG}",
        ),
        (502, "", ServerFault, f"p failed (502): without saying why\n{LOG}"),
        (408, "late", ServerFault, f"p failed (408): late\n{LOG}"),
        (500, "that requires --jinja", BadRequest, "that requires --jinja"),
        (400, "maximum context length is 4096 tokens", ContextOverflow, NO_ROOM),
        (500, "exceeds the available context size", ContextOverflow, NO_ROOM),
    ],
)
def test_a_refusal_says_what_happened_and_what_to_do(
    status: int, body: str, kind: type[ModelError], report: str
) -> None:
    assert told(status, body) == (kind, report, None)


def test_the_responses_wire_shows_a_refused_requests_body_as_it_came() -> None:
    body = '{"error": {"message": "bad request", "type": "invalid_request_error"}}'
    assert told(400, body, VERBATIM) == (BadRequest, body, None)


def test_a_base_url_that_does_not_end_in_v1_is_doubted() -> None:
    kind, report, _ = told(404, "x", DEEPER)
    assert kind is NotFound
    assert report.endswith(
        "Is `base_url` of provider 'p' right, and should it end in /v1?"
    )


def test_a_server_without_the_responses_api_may_have_the_other() -> None:
    asked = msgspec.structs.replace(ASKED, url="http://h:1/v1/responses")
    kind, report, _ = told(404, "Not Found", asked)
    assert kind is NotFound
    other = 'Where it has Chat Completions only, set `wire_api = "chat"`.'
    assert report.splitlines()[-1] == f"{PULLED} {other}"


def test_a_redirect_says_where_it_leads() -> None:
    assert told(308, "", location="https://h/v1") == (
        BadRequest,
        f"{URL} redirects to https://h/v1 (308)\n{LEADS}",
        None,
    )


def test_a_server_that_loads_its_model_is_told_apart_from_a_busy_one() -> None:
    body = '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
    assert told(503, body) == (
        Loading,
        "p is still loading its model (503)\nWait until it is loaded, then try again.",
        2.0,
    )


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "."}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_read(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(headers) == seconds


def test_a_busy_server_names_its_own_wait() -> None:
    assert told(429, "wait", retry_after="7")[2] == 7.0
    assert told(503, "wait", retry_after="7") == (
        ServerFault,
        f"p failed (503): wait\n{LOG}",
        7.0,
    )
