"""The record of requests: bounded, cheap, and right in its figures."""

from hypothesis import given
from hypothesis import strategies as st

from codex_oss import facts
from codex_oss.bridge import ledger as ledgers
from codex_oss.bridge.ledger import Entry, Ledger, Note
from codex_oss.wire.responses import InputTokensDetails, Usage


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


class Diary:
    """A watcher that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int]] = []

    def opened(self, entry: Entry) -> None:
        self.told.append(("opened", entry.id))

    def noted(self, entry: Entry, fact: facts.Fact) -> None:
        self.told.append((type(fact).__name__, entry.id))

    def began(self, entry: Entry) -> None:
        self.told.append(("began", entry.id))

    def ended(self, entry: Entry) -> None:
        self.told.append((f"ended {entry.outcome}", entry.id))


def _open(ledger: Ledger, came: bytes = b"{}") -> Entry:
    return ledger.open(client="api", route="/v1/responses", model="m", came=came)


def _end(entry: Entry) -> None:
    entry.end(status=200, outcome="completed")


def test_an_entry_has_the_figures_of_its_request() -> None:
    clock = Ticks()
    ledger = Ledger(clock=clock, wall=lambda: 5.0)
    entry = _open(ledger, b'{"input":"hi"}')
    clock.seconds += 1
    slimmed = facts.Slimmed(tokens_before=8000, tokens_after=1500)
    sent = facts.Sent(url="http://u", body=b"{...}")
    mended = facts.Mended(what="name", was="shell", now="exec_command")
    for fact in (slimmed, sent, mended):
        entry.note(fact)
    clock.seconds += 0.5
    entry.first()
    clock.seconds += 1
    entry.first()
    entry.wrote(b"abc")
    usage = Usage(
        input_tokens=1400,
        input_tokens_details=InputTokensDetails(cached_tokens=1300),
        output_tokens=9,
    )
    assert ledger.in_flight == 1
    entry.end(status=200, outcome="completed", usage=usage)
    clock.seconds += 50

    assert entry.notes == [Note(1.0, slimmed), Note(1.0, sent), Note(1.0, mended)]
    assert (entry.opened_at, entry.first_s, entry.duration_s) == (5.0, 1.5, 2.5)
    assert (entry.input_tokens, entry.cached_tokens) == (1400, 1300)
    assert (entry.output_tokens, entry.saved_tokens) == (9, 6500)
    assert (entry.sent, entry.mends, entry.slimmed) == (sent, [mended], slimmed)
    assert (entry.came_bytes, entry.bytes_out) == (14, 3)
    assert ledger.in_flight == 0


def test_a_second_end_changes_nothing() -> None:
    ledger = Ledger()
    with _open(ledger) as entry:
        entry.end(status=400, outcome="refused", error="no model")
    assert (entry.status, entry.outcome, entry.error) == (400, "refused", "no model")
    assert ledger.in_flight == 0


def test_an_entry_that_nobody_ends_is_gone() -> None:
    ledger = Ledger()
    with _open(ledger) as entry:
        pass
    assert entry.outcome == "gone"


def test_watchers_are_told_every_step_once() -> None:
    diary = Diary()
    entry = _open(Ledger(watchers=[diary]))
    entry.note(facts.AskedAgain(reason="bad JSON"))
    entry.first()
    entry.first()
    _end(entry)
    _end(entry)
    steps = ["opened", "AskedAgain", "began", "ended completed"]
    assert diary.told == [(step, 1) for step in steps]


def test_the_oldest_finished_entries_make_room() -> None:
    ledger = Ledger(max_entries=2)
    running = _open(ledger)
    for _ in range(4):
        _end(_open(ledger))
    assert [entry.id for entry in ledger.entries()] == [running.id, 5]
    assert ledger.get(4) is None
    assert ledger.get(5) is not None


def test_bodies_of_running_requests_go_when_bytes_run_out() -> None:
    ledger = Ledger(max_bytes=1000)
    entry = _open(ledger, b"x" * 600)
    entry.note(facts.Sent(url="http://u", body=b"y" * 600))
    assert (entry.came, entry.came_bytes) == (b"", 600)
    assert entry.sent == facts.Sent(url="http://u", body=b"")
    assert ledger.kept_bytes == entry.kept_bytes == 0


def test_a_huge_body_is_cut() -> None:
    entry = _open(Ledger(), b"x" * (ledgers.BODY_BYTES + 1))
    assert len(entry.came) == ledgers.BODY_BYTES
    assert entry.came_bytes == ledgers.BODY_BYTES + 1


def test_many_facts_keep_the_first_and_the_last() -> None:
    ledger = Ledger()
    entry = _open(ledger, b"")
    for number in range(ledgers.MAX_NOTES * 3):
        entry.note(facts.Retried(reason=f"{number:03}"))
    reasons = [n.fact.reason for n in entry.notes if isinstance(n.fact, facts.Retried)]
    assert len(reasons) == ledgers.MAX_NOTES
    assert (reasons[0], reasons[-1]) == ("000", f"{ledgers.MAX_NOTES * 3 - 1:03}")
    assert ledger.kept_bytes == 3 * ledgers.MAX_NOTES


def _pieces(entry: Entry) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at, data = entry.stream()
    while data:
        found.append((at, data))
        at, data = entry.stream(at + len(data))
    return found


@given(st.lists(st.integers(1, 40_000), max_size=40), st.integers(0, 500_000))
def test_head_and_tail_of_a_stream_are_kept_at_their_places(
    sizes: list[int], since: int
) -> None:
    ledger = Ledger()
    entry = _open(ledger, b"")
    for number, size in enumerate(sizes):
        entry.wrote(bytes([number]) * size)
    _end(entry)
    whole = b"".join(bytes([n]) * size for n, size in enumerate(sizes))

    pieces = _pieces(entry)
    assert all(whole[at : at + len(data)] == data for at, data in pieces)
    assert entry.bytes_out == len(whole)
    kept = sum(len(data) for _, data in pieces)
    assert kept == entry.kept_bytes == ledger.kept_bytes
    head, tail = ledgers.HEAD_BYTES, ledgers.TAIL_BYTES
    assert kept <= head + 2 * tail + 2 * 40_000
    if len(whole) < head + 2 * tail:
        assert kept == len(whole)
    if whole:
        assert pieces[0][0] == 0
        assert pieces[-1][0] + len(pieces[-1][1]) == len(whole)

    at, data = entry.stream(since)
    assert at >= since
    assert whole[at : at + len(data)] == data
