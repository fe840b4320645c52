"""How much of a prompt a server's prefix cache could use again."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from codex_oss import facts
from codex_oss.bridge.inspector.reuse import Reuse, reuse_of
from codex_oss.bridge.ledger import Entry, Ledger


def _open(ledger: Ledger, thread: str = "") -> Entry:
    return ledger.open(client="api", route="/r", model="m", came=b"{}", thread=thread)


def _sent(ledger: Ledger, messages: list[str], **others: str) -> Entry:
    thread = others.pop("thread", "")
    entry = _open(ledger, thread=thread)
    body = {"model": "m", "stream": True, **others, "messages": messages}
    entry.note(facts.Sent(url="http://u", body=msgspec.json.encode(body)))
    return entry


def _reuse(ledger: Ledger, entry: Entry) -> tuple[int, float] | None:
    found = reuse_of(entry, ledger.entries())
    return None if found is None else (found.entry, found.common / found.before)


def test_a_conversation_that_grows_keeps_its_whole_prefix() -> None:
    ledger = Ledger()
    _sent(ledger, ["system", "one"], tools="[exec]")
    entry = _sent(ledger, ["system", "one", "two"], tools="[exec]")
    assert _reuse(ledger, entry) == (1, 1.0)


def test_a_request_that_was_asked_again_is_compared_by_what_was_sent_first() -> None:
    ledger = Ledger()
    first = _sent(ledger, ["system", "one"])
    again = msgspec.json.encode({"messages": ["system", "one", "no", "once more"]})
    first.note(facts.Sent(url="http://u", body=again))
    entry = _sent(ledger, ["system", "one", "good", "two"])
    entry.note(facts.Sent(url="http://u", body=again))
    assert _reuse(ledger, entry) == (1, 1.0)


def test_other_tools_break_the_prefix_at_its_head() -> None:
    ledger = Ledger()
    _sent(ledger, ["system" * 50], tools="[exec]")
    entry = _sent(ledger, ["system" * 50, "two"], tools="[other]")
    found = _reuse(ledger, entry)
    assert found is not None
    assert found[1] < 0.05


def test_the_request_before_is_the_thread_s_own_or_the_most_alike() -> None:
    ledger = Ledger()
    _sent(ledger, ["system", "one"], thread="t")
    _sent(ledger, ["system", "one", "two"])
    _sent(ledger, ["another"])
    assert _reuse(ledger, _sent(ledger, ["system", "one", "2"], thread="t")) == (1, 1.0)
    assert _reuse(ledger, _sent(ledger, ["system", "one", "two", "3"])) == (2, 1.0)


def test_without_a_prompt_there_is_nothing_to_compare() -> None:
    ledger = Ledger()
    first = _sent(ledger, ["a"])
    assert _reuse(ledger, first) is None
    no_json = _open(ledger)
    no_json.note(facts.Sent(url="u", body=b'{"messages":["a'))
    assert _reuse(ledger, no_json) is None
    assert _reuse(ledger, _open(ledger)) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_the_common_prefix_is_that_of_the_bytes(one: str, two: str) -> None:
    ledger = Ledger()
    for text in (one, two):
        body = msgspec.json.encode({"input": text})
        _open(ledger).note(facts.Sent(url="u", body=body))
    a, b = (b"\n\n" + msgspec.json.encode(text) for text in (one, two))
    common = next((n for n, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), -1)
    common = min(len(a), len(b)) if common < 0 else common
    reuse = Reuse(entry=1, common=common, before=len(a), now=len(b))
    assert reuse_of(ledger.entries()[1], ledger.entries()) == reuse
