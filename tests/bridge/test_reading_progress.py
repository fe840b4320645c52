"""How far a server has read a prompt, as the bridge's looks show it."""

from pathlib import Path
from typing import Any

import pytest

from bridging import Asking, through
from codex_oss.bridge.inspector.views import detail_of, row_of
from codex_oss.bridge.ledger import Entry, Ledger, Note
from codex_oss.facts import Reading
from fake_server import LLAMACPP, FakeServer, chat_text, chat_turn

FIRST = Reading(processed=512, total=2000, cached=500)
LATER = Reading(processed=900, total=2000, cached=500)


def opened(*facts: Reading) -> tuple[Ledger, Entry]:
    ledger = Ledger(clock=lambda: 0.0)
    entry = ledger.open(client="api", route="responses", model="m", came=b"{}")
    for fact in facts:
        entry.note(fact)
    return ledger, entry


def test_a_waiting_request_has_the_part_of_its_prompt_that_is_read() -> None:
    ledger, entry = opened(FIRST, LATER)
    assert entry.reading == LATER
    row = row_of(entry)
    assert (row.state, row.reading) == ("waiting", 0.45)
    detail = detail_of(entry, ledger)
    assert detail.row.reading == 0.45
    assert detail.notes == [Note(0, FIRST), Note(0, LATER)]


def test_nothing_is_read_any_more_once_the_model_answers_or_has_failed() -> None:
    _, entry = opened(LATER)
    entry.first()
    assert (entry.reading, row_of(entry).reading) == (None, None)
    _, entry = opened(LATER)
    entry.end(status=502, outcome="failed")
    assert (entry.reading, row_of(entry).reading) == (None, None)


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ([], None),
        ([Reading(processed=5, total=0, cached=0)], None),
        ([Reading(processed=9, total=5, cached=0)], 1.0),
        ([Reading(processed=-9, total=5, cached=0)], 0.0),
    ],
)
def test_a_part_is_one_of_the_whole(said: list[Reading], part: float | None) -> None:
    assert row_of(opened(*said)[1]).reading == part


def test_the_log_tells_each_tenth_of_a_prompt_once(tmp_path: Path) -> None:
    steps: list[dict[str, Any]] = [
        {"choices": [], "prompt_progress": {"total": 50, "cache": 0, "processed": n}}
        for n in range(51)
    ]

    async def use(asking: Asking) -> list[str]:
        await asking.respond({"input": "hello", "stream": True})
        return [line for line in asking.log.splitlines() if " reading " in line]

    script: list[Any] = [[*steps, *chat_turn(chat_text("hi"))]]
    with FakeServer(script, get=LLAMACPP) as server:
        lines = through(server.url, tmp_path, use, debug=True)
    assert [line.split(" reading ")[1] for line in lines] == [
        f"tokens={done}/50 cached=0" for done in range(0, 51, 5)
    ]
