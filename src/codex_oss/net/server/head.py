"""Which requests are refused by their head, and in what words."""

import msgspec

_HOST_CHARS = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]~%"
)
_VERSION = "1.1"


class Refusal(msgspec.Struct, frozen=True):
    """An answer that the server gives by itself, after which it hangs up."""

    status: int
    message: str


TOO_BUSY = Refusal(
    503, "Too many connections. Close some, or send the request again later."
)
TOO_SLOW = Refusal(
    408, "The request took too long to arrive. Send it again, without pauses."
)
ENDING = Refusal(503, "The server is being stopped. Send the request again later.")
UNANSWERED = Refusal(
    500, "The request was not answered: an error of codex-oss. Its log says more."
)


def too_large(limit: int) -> Refusal:
    """Return the refusal of a body of more than ``limit`` bytes."""
    return Refusal(
        413, f"The body has more than {limit} bytes, plain. Send a smaller request."
    )


def head_too_large(limit: int, count: int) -> Refusal:
    """Return the refusal of a head of more bytes or more headers than this."""
    return Refusal(
        431,
        f"The head has more than {limit} bytes or {count} headers. "
        "Send a shorter URL, or fewer and shorter headers.",
    )


def malformed(what: str) -> Refusal:
    """Return the refusal of what is not HTTP/1.1."""
    return Refusal(400, f"Not a request in HTTP/1.1: {what}. Is the URL http://?")


def fault(
    method: str, target: str, version: str, headers: dict[str, str]
) -> Refusal | None:
    """Return why a head is refused, or None.

    What two servers could understand differently (RFC 9112, 11.2) is refused and not
    interpreted; what remains of that is refused by llhttp itself.
    """
    if version != _VERSION:
        return Refusal(400, f"HTTP/{version} is not served. Send HTTP/1.1.")
    if not target.startswith("/") and (method, target) != ("OPTIONS", "*"):
        return Refusal(
            400,
            f"{target[:80]!r} is not a path. This is no proxy: "
            "put this address into the base URL and unset HTTP_PROXY for it.",
        )
    coding = headers.get("transfer-encoding")
    if coding is not None and coding.lower() != "chunked":
        return Refusal(400, "Of transfer codings only `chunked` is served.")
    expect = headers.get("expect")
    if expect is not None and expect.lower() != "100-continue":
        return Refusal(417, "Of expectations only `100-continue` is served.")
    return None


def host_fault(host: str | None) -> Refusal | None:
    """Return why the value of the Host header is refused, or None."""
    if host and _HOST_CHARS.issuperset(host):
        return None
    return Refusal(400, "Send exactly one Host header, with the host of the URL.")
