"""Sessions on disk."""

import json
import os
import stat
from pathlib import Path

import pytest

from codex_oss import events
from codex_oss.errors import SessionError
from codex_oss.items import Unknown, user
from codex_oss.sessions.rollout import Rollout, utc
from fakes import FakeClock


def test_every_line_is_there_as_soon_as_it_is_said(tmp_path: Path) -> None:
    rollout = Rollout(tmp_path, "T", FakeClock(1_750_000_000.25))
    rollout.note("session_meta", {"id": "T"})
    rollout.append(user("hi"))
    rollout.append(Unknown(b'{"type":"new","x":1}'))
    lines = [json.loads(line) for line in rollout.path.read_text().splitlines()]
    when = "2025-06-15T15:06:40.250Z"
    assert lines == [
        {
            "timestamp": when,
            "ordinal": 0,
            "type": "session_meta",
            "payload": {"id": "T"},
        },
        {
            "timestamp": when,
            "ordinal": 1,
            "type": "response_item",
            "payload": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "hi"}],
            },
        },
        {
            "timestamp": when,
            "ordinal": 2,
            "type": "response_item",
            "payload": {"type": "new", "x": 1},
        },
    ]
    rollout.close()
    assert stat.S_IMODE(rollout.path.stat().st_mode) == 0o600


def test_a_session_without_a_line_leaves_no_file(tmp_path: Path) -> None:
    Rollout(tmp_path, "T", FakeClock()).close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_refuses_is_said_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("a file where a folder is needed")
    rollout = Rollout(tmp_path, "T", FakeClock())
    with pytest.raises(SessionError, match="cannot write the session to") as caught:
        rollout.append(user("hi"))
    assert "--ephemeral" in caught.value.hint


def test_a_session_that_goes_on_is_not_begun_anew_where_its_file_is_gone(
    tmp_path: Path,
) -> None:
    rollout = Rollout(tmp_path, "T", FakeClock())
    rollout.append(user("hi"))
    rollout.rest()
    rollout.path.unlink()
    with pytest.raises(SessionError, match="No such file"):
        rollout.append(user("and on"))
    rollout.close()
    assert not rollout.path.exists()


def test_a_turn_is_on_the_disk_itself_when_the_session_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[bool, bytes]] = []
    rollout = Rollout(tmp_path, "T", FakeClock())

    def fsync(fd: int) -> None:
        of_file = os.path.samestat(os.fstat(fd), rollout.path.stat())
        flushed.append((of_file, rollout.path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    rollout.append(user("hi"))
    assert flushed == []
    rollout.tell(events.TurnCompleted(usage=events.TokenUsage()))
    said = rollout.path.read_bytes()
    rollout.close()
    assert flushed == [(True, said), (False, said)]
    assert b'"token_count"' in said


def test_times_are_utc_with_milliseconds() -> None:
    assert utc(0.001) == "1970-01-01T00:00:00.001Z"
