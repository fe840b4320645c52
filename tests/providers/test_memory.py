"""What was learned about servers, on disk."""

from pathlib import Path

import pytest

from codex_oss.providers.memory import MAX_ENTRIES, Known, ProbeMemory


def known(model: str = "m", version: str = "1") -> Known:
    return Known(base_url="http://h/v1", model=model, server="vllm", version=version)


def test_what_was_kept_is_recalled_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "new" / "servers.json"
    ProbeMemory(path).keep(known())
    assert ProbeMemory(path).recall("http://h/v1", "m") == known()
    assert ProbeMemory(path).recall("http://h/v1", "other") is None
    assert [file.name for file in path.parent.iterdir()] == ["servers.json"]


def test_the_newest_replaces_and_the_oldest_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    memory = ProbeMemory(path)
    for number in range(MAX_ENTRIES + 1):
        memory.keep(known(str(number)))
    memory.keep(known("1", "2"))
    later = ProbeMemory(path)
    assert later.recall("http://h/v1", "0") is None
    assert later.recall("http://h/v1", "1") == known("1", "2")
    assert path.read_text().count('"model"') == MAX_ENTRIES


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"known":[{"model":1}]}', b"\xff" * 9]
)
def test_a_file_that_cannot_be_read_is_ignored_and_replaced(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "servers.json"
    path.write_bytes(content)
    memory = ProbeMemory(path)
    assert memory.recall("http://h/v1", "m") is None
    memory.keep(known())
    assert ProbeMemory(path).recall("http://h/v1", "m") == known()


def test_a_file_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = ProbeMemory(tmp_path / "file" / "servers.json")
    memory.keep(known())
    assert memory.recall("http://h/v1", "m") == known()


def test_without_a_path_it_lasts_as_long_as_the_process() -> None:
    memory = ProbeMemory()
    memory.keep(known())
    assert memory.recall("http://h/v1", "m") == known()
