"""Bytes to requests: however they are cut, and what is refused."""

import itertools
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.net.server.head import Refusal
from codex_oss.net.server.parser import MAX_AT_ONCE, RequestParser
from codex_oss.net.server.request import HttpRequest, Limits

LIMITS = Limits(body_bytes=1000, head_bytes=600, headers=20)


def parse(*pieces: bytes, limits: Limits = LIMITS) -> list[HttpRequest | Refusal]:
    parser = RequestParser(limits, "peer")
    return [one for piece in pieces for one in parser.feed(piece)]


def request(
    method: str, target: str, headers: dict[str, str], body: bytes = b""
) -> HttpRequest:
    path, _, query = target.partition("?")
    return HttpRequest(
        method=method,
        path=path,
        target=target,
        query=dict(pair.split("=") for pair in query.split("&") if pair),
        headers=headers,
        body=body,
        peer="peer",
    )


STREAM = (
    b"GET /v1/models?client_version=1&x=y HTTP/1.1\r\nHost: here:1\r\n\r\n"
    b"\r\nPOST /v1/responses HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n"
    b"X-A: 1\r\nx-a: 2\r\n\r\nhello"
    b"POST /c HTTP/1.1\r\nhost: here\r\ntransfer-encoding: chunked\r\n\r\n"
    b"3;note=1\r\nabc\r\n0002\r\nde\r\n0\r\ntrailer: dropped\r\n\r\n"
    b"POST /up HTTP/1.1\r\nhost: h\r\nconnection: Upgrade, HTTP2-Settings\r\n"
    b"upgrade: h2c\r\ncontent-length: 3\r\n\r\nabc"
    b"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    b"DELETE /last HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\nGET /not"
)
REQUESTS = [
    request("GET", "/v1/models?client_version=1&x=y", {"host": "here:1"}),
    request(
        "POST",
        "/v1/responses",
        {"host": "here", "content-length": "5", "x-a": "1, 2"},
        b"hello",
    ),
    request("POST", "/c", {"host": "here", "transfer-encoding": "chunked"}, b"abcde"),
    request(
        "POST",
        "/up",
        {
            "host": "h",
            "connection": "Upgrade, HTTP2-Settings",
            "upgrade": "h2c",
            "content-length": "3",
        },
        b"abc",
    ),
    request(
        "GET", "/ws", {"host": "h", "connection": "upgrade", "upgrade": "websocket"}
    ),
    request("DELETE", "/last", {"host": "h", "connection": "close"}),
]


def test_requests_are_read_one_after_the_other() -> None:
    assert parse(STREAM) == REQUESTS


def test_requests_are_read_byte_by_byte() -> None:
    assert parse(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == REQUESTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_requests_are_the_same_however_their_bytes_are_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    pieces = [STREAM[a:b] for a, b in itertools.pairwise(edges)]
    assert parse(*pieces) == REQUESTS


@given(st.binary(max_size=200), st.integers(1, 50))
def test_no_bytes_make_the_parser_fail(data: bytes, size: int) -> None:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    found = parse(b"POST / HTTP/1.1\r\n", *pieces)
    assert all(isinstance(one, (HttpRequest, Refusal)) for one in found)
    assert sum(isinstance(one, Refusal) for one in found) <= 1


def test_a_path_is_decoded_and_the_target_is_not() -> None:
    [found] = parse(b"GET /a%20b/%C3%A4?q=%26&e= HTTP/1.1\r\nhost: x\r\n\r\n")
    assert isinstance(found, HttpRequest)
    assert (found.path, found.target) == ("/a b/ä", "/a%20b/%C3%A4?q=%26&e=")
    assert found.query == {"q": "&", "e": ""}


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


CHUNKED = "transfer-encoding: chunked"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (head("POST / HTTP/1.1", "host: x", CHUNKED, "content-length: 3"), 400),
        (head("POST / HTTP/1.1", "host: x", "content-length: 3", CHUNKED), 400),
        (head("POST / HTTP/1.1", "host: x", *["content-length: 3"] * 2), 400),
        (head("POST / HTTP/1.1", "host: x", "content-length: 3, 3"), 400),
        (head("POST / HTTP/1.1", "host: x", "content-length: +3"), 400),
        (head("POST / HTTP/1.1", "host: x", "transfer-encoding: gzip, chunked"), 400),
        (head("POST / HTTP/1.1", "host: x", "transfer-encoding: xchunked"), 400),
        (head("POST / HTTP/1.1", "host: x", CHUNKED, CHUNKED), 400),
        (head("GET / HTTP/1.1"), 400),
        (head("GET / HTTP/1.1", "host: x", "host: x"), 400),
        (head("GET / HTTP/1.1", "host: x/../y"), 400),
        (head("GET / HTTP/1.1", "host:"), 400),
        (head("GET / HTTP/1.0", "host: x"), 400),
        (head("GET / HTTP/2.0", "host: x"), 400),
        (head("GET /"), 400),
        (head("GET http://x/ HTTP/1.1", "host: x"), 400),
        (head("CONNECT x:443 HTTP/1.1", "host: x"), 400),
        (head("GET * HTTP/1.1", "host: x"), 400),
        (head("GET / HTTP/1.1", "host: x", "a : b"), 400),
        (head("GET / HTTP/1.1", "host: x", "a: b", " folded"), 400),
        (head("GET / HTTP/1.1", "host: x", "a: b\x00c"), 400),
        (b"GET / HTTP/1.1\nhost: x\n\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (head("POST / HTTP/1.1", "host: x", "expect: tea"), 417),
        (head("POST / HTTP/1.1", "host: x", "content-length: 1001"), 413),
        (head("POST / HTTP/1.1", "host: x", CHUNKED) + b"3e9\r\n" + b"x" * 1001, 413),
        (head("GET / HTTP/1.1", "host: x", *["a: b"] * 20), 431),
        (head("GET / HTTP/1.1", "host: x", "a: " + "b" * 600), 431),
        (head("GET /" + "a" * 600 + " HTTP/1.1", "host: x"), 431),
        (head("POST / HTTP/1.1", "host: x", CHUNKED) + b"0\r\na: " + b"b" * 900, 431),
    ],
)
@pytest.mark.parametrize("size", [1, 100_000], ids=["byte by byte", "at once"])
def test_what_could_be_misread_or_is_too_much_is_refused(
    data: bytes, status: int, size: int
) -> None:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    # What an unfinished head or trailer holds shows with the bytes after it.
    found = parse(*pieces, *[b"b" * 100] * 20)
    assert [one.status for one in found if isinstance(one, Refusal)] == [status]
    assert len(found) == 1


def test_a_head_that_never_ends_is_refused_before_it_is_whole() -> None:
    start = b"GET / HTTP/1.1\r\nhost: x\r\na: "
    found = parse(start, *[b"b" * 100] * 8)
    assert [one.status for one in found if isinstance(one, Refusal)] == [431]


def test_a_chunk_that_never_comes_is_refused_for_its_decoration() -> None:
    start = head("POST / HTTP/1.1", "host: x", CHUNKED) + b"1;"
    found = parse(start, *[b"b" * 100] * 8)
    assert [one.status for one in found if isinstance(one, Refusal)] == [431]


def test_a_refusal_comes_after_the_requests_before_it_and_ends_the_rest() -> None:
    one = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
    found = parse(one + b"GET /b HTTP/1.0\r\n\r\n" + one)
    assert [type(each) for each in found] == [HttpRequest, Refusal]


def test_of_very_many_requests_at_once_the_first_ones_are_read() -> None:
    parser = RequestParser(LIMITS, "peer")
    one = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
    found = parser.feed(one * (MAX_AT_ONCE + 5))
    assert all(isinstance(each, HttpRequest) for each in found)
    assert (len(found), parser.over) == (MAX_AT_ONCE, True)


def test_a_client_that_waits_for_a_word_is_noticed_until_it_goes_on() -> None:
    parser = RequestParser(LIMITS, "peer")
    asked = ("POST / HTTP/1.1", "host: x", "expect: 100-continue", "content-length: 2")
    assert parser.feed(head(*asked)) == []
    assert parser.wants_continue
    assert len(parser.feed(b"ab")) == 1
    assert not parser.wants_continue


# --- compressed bodies ---------------------------------------------------------------

PLAIN = b'{"model":"m"}'


def compressed(wbits: int, plain: bytes = PLAIN) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, wbits)
    return stream.compress(plain) + stream.flush()


def sent(coding: str, body: bytes) -> list[HttpRequest | Refusal]:
    lines = (f"content-encoding: {coding}", f"content-length: {len(body)}")
    return parse(head("POST / HTTP/1.1", "host: x", *lines) + body)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", compressed(31)),
        ("GZip", compressed(31, PLAIN[:5]) + compressed(31, PLAIN[5:])),
        ("deflate", compressed(15)),
        ("deflate", compressed(-15)),
        ("identity", PLAIN),
    ],
    ids=["gzip", "two members", "zlib", "bare deflate", "identity"],
)
def test_a_compressed_body_arrives_plain(coding: str, body: bytes) -> None:
    length = str(len(PLAIN))
    headers = {"host": "x", "content-length": length}
    assert sent(coding, body) == [request("POST", "/", headers, PLAIN)]


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", compressed(31, b"0" * 1001), 413),
        ("gzip", compressed(31, b"0" * 600) * 2, 413),
        ("gzip", compressed(31)[:-3], 400),
        ("gzip", b"plain", 400),
        ("gzip", compressed(31) + b"junk", 400),
        ("deflate", b"", 400),
        ("zstd", b"\x28\xb5\x2f\xfd", 415),
        ("gzip, gzip", compressed(31), 415),
    ],
    ids=["bomb", "two", "cut", "plain", "junk", "nothing", "zstd", "twice"],
)
def test_a_body_that_cannot_be_made_plain_is_refused(
    coding: str, body: bytes, status: int
) -> None:
    [found] = sent(coding, body)
    assert isinstance(found, Refusal)
    assert found.status == status


def test_who_sends_zstd_is_told_what_to_send() -> None:
    [found] = sent("zstd", b"x")
    assert isinstance(found, Refusal)
    assert "Send plain JSON" in found.message
