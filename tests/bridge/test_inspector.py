"""What the inspector answers, and to whom."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from codex_oss import facts
from codex_oss.bridge import ledger as ledgers
from codex_oss.bridge.guard import COOKIE, Guard
from codex_oss.bridge.inspector import Inspector
from codex_oss.bridge.inspector.feed import Feed
from codex_oss.bridge.inspector.pages import HEARTBEAT_TICKS, MAX_FEEDS
from codex_oss.bridge.inspector.views import Sending, detail_of
from codex_oss.bridge.ledger import Entry, Ledger, Note
from codex_oss.net.server import Exchange, HttpRequest
from codex_oss.wire.responses import Usage

SECRET = "sk-proj-abcdefghijklmnopqrstuvwx"


class Answer:
    """The wire below an exchange: keeps what is answered."""

    def __init__(self) -> None:
        self.blocked = False
        self.status = 0
        self.content_type = ""
        self.headers: dict[str, str] = {}
        self.sent: list[bytes] = []

    def encode_head(
        self, status: int, content_type: str, headers: tuple[tuple[str, str], ...]
    ) -> bytes:
        self.status, self.content_type = status, content_type
        self.headers = dict(headers)
        return b""

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def write_soon(self, exchange: Exchange) -> None:
        asyncio.get_running_loop().call_soon(exchange.flush)

    async def writable(self) -> None:
        self.blocked = False

    def answered(self, exchange: Exchange) -> None:
        pass

    @property
    def body(self) -> bytes:
        return b"".join(self.sent).partition(b"\r\n\r\n")[2]


def _request(
    path: str,
    *,
    method: str = "GET",
    peer: str = "127.0.0.1",
    query: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> HttpRequest:
    return HttpRequest(
        method=method,
        path=path,
        target=path,
        query=query or {},
        headers=headers or {},
        body=b"",
        peer=peer,
    )


def _ask(request: HttpRequest, ledger: Ledger | None = None, key: str = "") -> Answer:
    answer = Answer()
    inspector = Inspector(ledger or Ledger(), Guard(key=key, loopback=True))
    asyncio.run(inspector.handle(Exchange(request, answer)))
    return answer


def _open(ledger: Ledger, came: bytes = b"{}") -> Entry:
    return ledger.open(client="api", route="/r", model="m", came=came)


# --- who gets what --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content_type", "text"),
    [
        ("/__inspect", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/__inspect/", "text/html; charset=utf-8", b"<!doctype html>"),
        ("/__inspect/app.js", "text/javascript; charset=utf-8", b"import {"),
        ("/__inspect/words.js", "text/javascript; charset=utf-8", b"export "),
        ("/__inspect/app.css", "text/css; charset=utf-8", b":root"),
    ],
)
def test_the_page_comes_with_its_rules(
    path: str, content_type: str, text: bytes
) -> None:
    answer = _ask(_request(path))
    assert (answer.status, answer.content_type) == (200, content_type)
    assert text in answer.body
    rules = answer.headers["content-security-policy"].split("; ")
    assert rules[:4] == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
    ]
    assert "frame-ancestors 'none'" in rules
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("peer", "status"),
    [("127.0.0.1", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("192.168.1.7", 403)],
)
def test_only_this_machine_may_look(peer: str, status: int) -> None:
    assert _ask(_request("/__inspect", peer=peer)).status == status


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/__inspect", "POST", 405),
        ("/__inspect/other", "GET", 404),
        ("/__inspect/entry/7", "GET", 404),
        ("/__inspect/entry/\u0663", "GET", 404),
        ("/__inspect/entry/" + "9" * 5000, "GET", 404),
        ("/__inspect/../guard.py", "GET", 404),
    ],
)
def test_there_is_nothing_else(path: str, method: str, status: int) -> None:
    assert _ask(_request(path, method=method)).status == status


@pytest.mark.parametrize("path", ["", "/app.js", "/events", "/entry/1"])
def test_without_the_key_nothing_is_shown(path: str) -> None:
    answer = _ask(_request(f"/__inspect{path}"), key="secret")
    assert (answer.status, answer.body) == (
        401,
        b"The bridge has a key: open /__inspect?key=KEY once.\n",
    )


def test_a_key_in_the_query_becomes_a_cookie() -> None:
    answer = _ask(_request("/__inspect", query={"key": "s3cret"}), key="s3cret")
    assert (answer.status, answer.headers["location"]) == (303, "/__inspect")
    cookie = answer.headers["set-cookie"]
    assert cookie == f"{COOKIE}=s3cret; Path=/__inspect; HttpOnly; SameSite=Strict"
    with_it = {"cookie": f"a=b; {COOKIE}=s3cret"}
    assert _ask(_request("/__inspect", headers=with_it), key="s3cret").status == 200


@pytest.mark.parametrize(
    ("key", "given", "status"), [("a", "b", 401), ("a;b", "a;b", 400)]
)
def test_a_key_that_is_wrong_or_no_cookie_is_refused(
    key: str, given: str, status: int
) -> None:
    answer = _ask(_request("/__inspect", query={"key": given}), key=key)
    assert answer.status == status
    assert "set-cookie" not in answer.headers


# --- one entry ------------------------------------------------------------------------


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_an_entry_is_shown_whole_with_secrets_masked() -> None:
    clock = Ticks()
    ledger = Ledger(clock=clock, wall=lambda: 5.0)
    entry = _open(ledger, f'{{"input":"{SECRET}"}}'.encode())
    entry.note(facts.Slimmed(tokens_before=100, tokens_after=40))
    body = f'{{"messages":["{SECRET}"]}}'.encode()
    entry.note(facts.Sent(url=f"http://u:{SECRET}@h/v1", body=body))
    entry.note(facts.Mended(what="name", was=SECRET, now="x"))
    entry.note(facts.AskedAgain(reason=SECRET))
    entry.note(facts.Remark(f"25% of m is in graphics memory. {SECRET}"))
    clock.seconds = 1.0
    entry.first()
    for _ in range(4):
        entry.wrote(b'data: {"type":"response.output_text.delta","delta":"a"}\n\n')
    clock.seconds = 3.0
    usage = Usage(input_tokens=40, output_tokens=4)
    entry.end(status=200, outcome="completed", usage=usage, error=SECRET)

    detail = detail_of(entry, ledger)
    assert detail.came == '{"input":"********"}'
    assert detail.sent == [
        Sending(
            at=0,
            url="http://u:********@h/v1",
            body='{"messages":["********"]}',
            size=len(body),
        )
    ]
    assert detail.notes == [
        Note(0, facts.Slimmed(tokens_before=100, tokens_after=40)),
        Note(0, facts.Mended(what="name", was="********", now="x")),
        Note(0, facts.AskedAgain(reason="********")),
        Note(0, facts.Remark("25% of m is in graphics memory. ********")),
    ]
    assert detail.error == "********"
    assert (detail.tokens_before, detail.tokens_after) == (100, 40)
    figures = (detail.deltas, detail.deltas_exact, detail.deltas_per_s)
    assert figures == (4, True, 2.0)
    row = detail.row
    assert (row.state, row.at, row.first_s, row.duration_s) == ("completed", 5, 1, 3)
    assert (row.mends, row.troubles, row.saved_tokens) == (1, 3, 60)

    answer = _ask(_request("/__inspect/entry/1"), ledger)
    assert msgspec.json.decode(answer.body, type=dict)["came"] == detail.came
    assert SECRET.encode() not in answer.body


def test_deltas_are_estimated_when_a_part_is_forgotten() -> None:
    ledger = Ledger()
    entry = _open(ledger)
    delta = b'data: {"type":"x.delta"}\n\n'.ljust(100, b"\n")
    count = 3 * (ledgers.HEAD_BYTES + ledgers.TAIL_BYTES) // len(delta)
    for _ in range(count):
        entry.wrote(delta)
    detail = detail_of(entry, ledger)
    assert not detail.deltas_exact
    assert abs(detail.deltas - count) <= 2


# --- the feed -------------------------------------------------------------------------


def _events(data: bytes) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for block in data.decode().split("\n\n")[:-1]:
        name, _, rest = block.removeprefix("event: ").partition("\ndata: ")
        value = msgspec.json.decode(rest.encode(), type=dict[str, object])
        if name == "news":
            rows = msgspec.convert(value["rows"], type=list[dict[str, object]])
            value = {"rows": [row["id"] for row in rows], "removed": value["removed"]}
        found.append((name, value))
    return found


def test_a_feed_tells_all_at_first_and_then_what_changed() -> None:
    ledger = Ledger(max_entries=2)
    first, second = _open(ledger), _open(ledger)
    feed = Feed(ledger)
    assert _events(feed.step()) == [("news", {"rows": [1, 2], "removed": []})]
    assert feed.step() == b""
    second.note(facts.Retried(reason="x"))
    assert _events(feed.step()) == [("news", {"rows": [2], "removed": []})]
    first.wrote(b"abc")
    assert _events(feed.step()) == [("news", {"rows": [1], "removed": []})]
    assert feed.step() == b""
    first.end(status=200, outcome="completed")
    _open(ledger)
    assert _events(feed.step()) == [("news", {"rows": [3], "removed": [1]})]


def test_an_empty_ledger_is_told_once() -> None:
    feed = Feed(Ledger())
    assert _events(feed.step()) == [("news", {"rows": [], "removed": []})]
    assert feed.step() == b""


def test_the_chosen_stream_is_told_from_its_beginning_and_goes_on() -> None:
    ledger = Ledger()
    entry = _open(ledger)
    entry.wrote("héllo ".encode())
    feed = Feed(ledger, entry.id)
    pieces = [e for e in _events(feed.step()) if e[0] == "stream"]
    assert pieces == [("stream", {"entry": 1, "missing": 0, "text": "héllo "})]
    entry.wrote(b"world")
    pieces = [e for e in _events(feed.step()) if e[0] == "stream"]
    assert pieces == [("stream", {"entry": 1, "missing": 0, "text": "world"})]
    assert feed.step() == b""


def test_a_forgotten_part_of_a_stream_is_told_as_missing() -> None:
    ledger = Ledger()
    entry = _open(ledger)
    half = ledgers.HEAD_BYTES // 2
    for char in b"abcdef":
        entry.wrote(bytes([char]) * half)
    pieces = _events(Feed(ledger, entry.id).step())[1:]
    assert pieces == [
        ("stream", {"entry": 1, "missing": 0, "text": "a" * half + "b" * half}),
        ("stream", {"entry": 1, "missing": 2 * half, "text": "e" * half + "f" * half}),
    ]


class Ended(Exception):
    """A test has seen enough."""


def _until(ticks: int) -> Callable[[float], Awaitable[None]]:
    """Return a sleep that takes no time, and raises ``Ended`` at the last tick."""
    left = iter(range(ticks - 1))

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)
        if next(left, None) is None:
            raise Ended

    return sleep


def test_a_quiet_feed_is_kept_alive_and_a_slow_page_waited_for() -> None:
    async def main() -> Answer:
        answer = Answer()
        answer.blocked = True
        guard = Guard(key="", loopback=True)
        inspector = Inspector(Ledger(), guard, sleep=_until(2 * HEARTBEAT_TICKS))
        with pytest.raises(Ended):
            await inspector.handle(Exchange(_request("/__inspect/events"), answer))
        return answer

    answer = asyncio.run(main())
    assert (answer.status, answer.content_type) == (200, "text/event-stream")
    assert b"".join(answer.sent).count(b"\r\n:\n\n\r\n") == 1
    assert not answer.blocked


def test_too_many_pages_are_refused_until_one_leaves() -> None:
    async def main() -> tuple[int, int]:
        never = asyncio.Event()

        async def sleep(seconds: float) -> None:
            await never.wait()

        inspector = Inspector(Ledger(), Guard(key="", loopback=True), sleep=sleep)

        async def look() -> int:
            answer = Answer()
            await inspector.handle(Exchange(_request("/__inspect/events"), answer))
            return answer.status

        pages = [asyncio.create_task(look()) for _ in range(MAX_FEEDS)]
        await asyncio.sleep(0)
        refused = await look()
        pages[0].cancel()
        await asyncio.gather(pages[0], return_exceptions=True)
        one_more = asyncio.create_task(look())
        await asyncio.sleep(0)
        waits = not one_more.done()
        for page in (*pages, one_more):
            page.cancel()
        await asyncio.gather(*pages, one_more, return_exceptions=True)
        return refused, waits

    assert asyncio.run(main()) == (503, True)
