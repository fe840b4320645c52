"""The file of what a person has typed."""

import json
import stat
from pathlib import Path

from codex_oss.sessions.prompts import Prompts


def test_prompts_are_kept_in_codexs_words_and_for_nobody_else(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, keep=True, max_bytes=None)
    prompts.add("T", 1795249312.7, "hello\nthere")
    prompts.add("T", 1795249313.0, "again")
    prompts.add("T", 1795249314.0, "again")
    path = tmp_path / "history.jsonl"
    first = json.loads(path.read_text().splitlines()[0])
    assert first == {"session_id": "T", "ts": 1795249312, "text": "hello\nthere"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(path.read_bytes() + b'{"torn')
    assert prompts.last() == ["hello\nthere", "again"]
    prompts.add("T", 1795249315.0, "behind it")
    assert prompts.last() == ["hello\nthere", "again", "behind it"]


def test_the_oldest_go_where_there_is_no_room(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, keep=True, max_bytes=200)
    for number in range(20):
        prompts.add("T", number, f"prompt {number}")
    assert (tmp_path / "history.jsonl").stat().st_size <= 200
    assert prompts.last() == [f"prompt {n}" for n in (16, 17, 18, 19)]


def test_nothing_is_kept_where_that_is_not_wanted(tmp_path: Path) -> None:
    prompts = Prompts(tmp_path, keep=False, max_bytes=None)
    prompts.add("T", 1, "secret")
    assert (prompts.last(), list(tmp_path.iterdir())) == ([], [])


def test_a_disk_that_refuses_is_no_reason_to_stop(tmp_path: Path) -> None:
    (tmp_path / "history.jsonl").mkdir()
    prompts = Prompts(tmp_path, keep=True, max_bytes=None)
    prompts.add("T", 1, "x")
    assert prompts.last() == []
