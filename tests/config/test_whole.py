"""Files that are replaced: whole or not at all, and nothing beside them."""

import os
import stat
from pathlib import Path

import pytest

from codex_oss.config.whole import write_whole


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_a_new_file_is_its_owners_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "new" / "f.json"
    write_whole(path, b"one")

    assert path.read_bytes() == b"one"
    assert mode_of(path) == 0o600
    assert names(path.parent) == ["f.json"]


def test_a_file_keeps_its_mode_unless_another_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b"one")
    path.chmod(0o640)

    write_whole(path, b"two", lasting=True)
    assert (path.read_bytes(), mode_of(path)) == (b"two", 0o640)
    write_whole(path, b"three", mode=0o604)
    assert (path.read_bytes(), mode_of(path)) == (b"three", 0o604)


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "f.json"
    path.write_bytes(b"one")
    monkeypatch.setattr(os, step, refuse)

    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"two", lasting=True)
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == ["f.json"]


def test_a_folder_in_the_way_stays(tmp_path: Path) -> None:
    (tmp_path / "f.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "f.json", b"one", mode=0o600)
    assert names(tmp_path) == ["f.json"]
