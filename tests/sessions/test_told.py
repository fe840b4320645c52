"""The lines of a session's file that tools look for besides the history."""

import json
from pathlib import Path
from typing import Any

import pytest

from codex_oss import events
from codex_oss.errors import SessionError
from codex_oss.items import Message, OutputText, user
from codex_oss.sessions.reading import read, take
from codex_oss.sessions.rollout import Rollout
from fakes import FakeClock

THREAD = "01a1fd2c-0814-7470-9c7b-ff42fd8041ba"
ANSWER = Message(role="assistant", content=[OutputText(text="yes")])
USED = events.TokenUsage(input_tokens=10, cached_input_tokens=4, output_tokens=5)


def rollout(home: Path) -> Rollout:
    return Rollout(home, THREAD, FakeClock(1_750_000_000.0), window=8192)


def begin(journal: Rollout, turn_id: str = "t1") -> None:
    journal.note("session_meta", {"id": THREAD})
    journal.append(user("<environment_context>\n  <sandbox>none</sandbox>"))
    journal.note("turn_context", {"turn_id": turn_id, "model": "m"})
    journal.append(user("go"))


def lines(journal: Rollout) -> list[tuple[str, Any]]:
    told = [json.loads(line) for line in journal.path.read_bytes().splitlines()]
    return [(line["type"], line["payload"]) for line in told]


def test_a_turn_is_told_in_codexs_words(tmp_path: Path) -> None:
    journal = rollout(tmp_path)
    begin(journal)
    journal.append(ANSWER)
    message = events.AgentMessage(id="item_0", text="yes")
    journal.tell(events.ItemCompleted(item=message))
    journal.tell(events.TurnCompleted(usage=USED))
    journal.note("event_msg", {"type": "token_count", "info": {}})  # known already
    journal.close()
    counts = {
        "input_tokens": 10,
        "cached_input_tokens": 4,
        "cache_write_input_tokens": 0,
        "output_tokens": 5,
        "reasoning_output_tokens": 0,
        "total_tokens": 15,
    }
    said = lines(journal)
    assert [kind for kind, _ in said] == [
        "session_meta",
        "response_item",
        "event_msg",
        "turn_context",
        "response_item",
        "event_msg",
        "response_item",
        "event_msg",
        "event_msg",
        "event_msg",
    ]
    assert [payload for kind, payload in said if kind == "event_msg"] == [
        {
            "type": "task_started",
            "turn_id": "t1",
            "started_at": 1_750_000_000,
            "model_context_window": 8192,
            "collaboration_mode_kind": "default",
        },
        {"type": "user_message", "message": "go", "kind": "plain"},
        {"type": "agent_message", "message": "yes"},
        {
            "type": "token_count",
            "info": {
                "total_token_usage": counts,
                "last_token_usage": counts,
                "model_context_window": 8192,
            },
            "rate_limits": None,
        },
        {
            "type": "task_complete",
            "turn_id": "t1",
            "last_agent_message": "yes",
            "started_at": 1_750_000_000,
            "completed_at": 1_750_000_000,
            "duration_ms": 0,
        },
    ]
    kept = read(journal.path, THREAD)
    assert (kept.usage, kept.turns, len(kept.items)) == (USED, 1, 3)


@pytest.mark.parametrize(
    ("message", "kind", "more"),
    [
        (events.INTERRUPTED, "turn_aborted", {"reason": "interrupted"}),
        (
            "it broke",
            "task_complete",
            {"error": {"message": "it broke", "codex_error_info": "other"}},
        ),
    ],
)
def test_a_turn_without_an_answer_says_why(
    tmp_path: Path, message: str, kind: str, more: dict[str, Any]
) -> None:
    journal = rollout(tmp_path)
    begin(journal)
    journal.tell(events.TurnFailed(error=events.Failure(message)))
    journal.close()
    last = lines(journal)[-1][1]
    assert last["type"] == kind
    assert last | more == last


def test_what_others_wrote_meanwhile_is_not_cut_off(tmp_path: Path) -> None:
    journal = rollout(tmp_path)
    begin(journal)
    journal.rest()
    assert not journal.moved()
    kept = take(tmp_path, journal.path, THREAD)
    other = Rollout.again(tmp_path, kept, FakeClock())
    other.append(user("from elsewhere"))
    assert journal.moved()
    with pytest.raises(SessionError, match="is open in process"):
        journal.append(user("lost?"))
    other.close()
    whole = journal.path.read_bytes()
    with pytest.raises(SessionError, match="somebody else has gone on"):
        journal.append(user("lost?"))
    journal.close()
    assert journal.path.read_bytes() == whole


def test_the_first_line_is_written_once(tmp_path: Path) -> None:
    journal = rollout(tmp_path)
    journal.note("session_meta", {"id": THREAD})
    journal.close()
    again = Rollout.again(tmp_path, read(journal.path, THREAD), FakeClock())
    again.note("session_meta", None)
    again.close()
    assert lines(journal) == [("session_meta", {"id": THREAD})]
