"""Sessions that the Codex CLI has compressed."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.errors import SessionError
from codex_oss.items import Message, OutputText, user
from codex_oss.sessions import catalog, choosing, packed, reading, shelf
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.lock import Lock
from codex_oss.sessions.rollout import Rollout
from codex_oss.sessions.searching import said
from fakes import FakeClock

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

THREAD = "01a1fd2c-0814-7470-9c7b-ff42fd8041ba"
LIMIT = 4 * packed.PIECE
OLD = 1_700_000_000


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return the file of a session with a prompt and an answer."""
    journal = Rollout(tmp_path, THREAD, FakeClock(1_750_000_000.0))
    journal.note("session_meta", {"id": THREAD, "cwd": "/w", "source": "cli"})
    journal.append(user("what is a parser?"))
    journal.append(Message(role="assistant", content=[OutputText(text="A reader.")]))
    journal.close()
    return journal.path


def compressed(path: Path) -> Path:
    """Do with a session what Codex does once nobody has written to it for a week."""
    other = path.with_name(f"{path.name}.zst")
    other.write_bytes(zstd.compress(path.read_bytes(), 3))
    os.utime(other, (OLD, OLD))
    path.unlink()
    return other


def let_go(kept: Kept) -> None:
    assert kept.lock is not None
    kept.lock.release()


def files(home: Path) -> list[Path]:
    return [file.path for file in catalog.files(home)]


def test_it_is_listed_found_and_searched_as_if_it_were_plain(
    tmp_path: Path, plain: Path
) -> None:
    (before,) = catalog.entries(tmp_path, {})
    turns = catalog.turns(before.file)
    other = compressed(plain)
    (found,) = catalog.entries(tmp_path, {})
    file = catalog.File(other, THREAD, float(OLD), other.stat().st_size)
    assert found.file == file
    assert (found.first_prompt, found.cwd) == ("what is a parser?", "/w")
    assert catalog.turns(file) == turns
    assert choosing.named(tmp_path, THREAD) == file
    assert reading.find(tmp_path, THREAD) == other
    assert said(other, "READER") == "A reader."
    assert said(other, "writer") is None


def test_reading_leaves_it_as_it_is_and_going_on_unpacks_it(
    tmp_path: Path, plain: Path
) -> None:
    data, before = plain.read_bytes(), reading.read(plain, THREAD)
    other = compressed(plain)
    assert reading.read(other, THREAD).items == before.items
    assert files(tmp_path) == [other]
    kept = reading.take(tmp_path, other, THREAD)
    assert (kept.path, kept.items, plain.read_bytes()) == (plain, before.items, data)
    assert plain.stat().st_mode & 0o777 == 0o600
    assert os.listdir(plain.parent) == [plain.name]  # noqa: PTH208
    journal = Rollout.again(tmp_path, kept, FakeClock(1_760_000_000.0))
    journal.append(user("and a lexer?"))
    journal.close()
    assert reading.read(plain, THREAD).items == [*before.items, user("and a lexer?")]


def test_what_codex_compresses_between_a_list_and_the_lock_is_found(
    tmp_path: Path, plain: Path
) -> None:
    data = plain.read_bytes()
    compressed(plain)
    kept = reading.take(tmp_path, plain, THREAD)
    let_go(kept)
    assert plain.read_bytes() == data


def test_where_both_are_there_the_plain_one_counts(tmp_path: Path, plain: Path) -> None:
    data = plain.read_bytes()
    other = compressed(plain)
    plain.write_bytes(data)
    assert files(tmp_path) == [plain]
    assert reading.find(tmp_path, THREAD) == plain
    other.write_bytes(b"older")
    kept = reading.take(tmp_path, other, THREAD)
    let_go(kept)
    assert kept.path == plain


def test_both_are_put_away_brought_back_and_deleted_together(
    tmp_path: Path, plain: Path
) -> None:
    data = plain.read_bytes()
    other = compressed(plain)
    plain.write_bytes(data)
    away = shelf.archive(tmp_path, choosing.named(tmp_path, THREAD))
    assert away == tmp_path / "archived_sessions" / plain.name
    assert packed.forms(away) == [away, away.with_name(other.name)]
    file = choosing.named(tmp_path, THREAD, archived=True)
    assert shelf.unarchive(tmp_path, file) == plain
    shelf.delete(tmp_path, choosing.named(tmp_path, THREAD))
    assert os.listdir(plain.parent) == []  # noqa: PTH208


def test_both_stay_where_one_of_them_would_be_in_the_way(
    tmp_path: Path, plain: Path
) -> None:
    data = plain.read_bytes()
    other = compressed(plain)
    plain.write_bytes(data)
    away = tmp_path / "archived_sessions" / plain.name
    away.parent.mkdir()
    away.write_bytes(b"in the way")
    with pytest.raises(SessionError, match=r"cannot move the session: .* exists"):
        shelf.archive(tmp_path, choosing.named(tmp_path, THREAD))
    assert packed.forms(plain) == [plain, other]
    assert packed.forms(away) == [away]


def test_a_compressed_one_alone_is_put_away_brought_back_copied_and_deleted(
    tmp_path: Path, plain: Path
) -> None:
    items = reading.read(plain, THREAD).items
    other = compressed(plain)
    shelf.archive(tmp_path, choosing.named(tmp_path, THREAD))
    file = choosing.named(tmp_path, THREAD, archived=True)
    assert shelf.unarchive(tmp_path, file) == other
    made = shelf.fork(tmp_path, file_of(tmp_path), {"id": "new"}, "2026-01-31T08-00-00")
    let_go(made)
    assert (made.items, other.exists()) == (items, True)
    shelf.delete(tmp_path, file_of(tmp_path))
    assert not other.exists()


def file_of(home: Path) -> catalog.File:
    return choosing.named(home, THREAD)


def test_one_that_is_cut_off_is_listed_and_going_on_says_so_and_changes_nothing(
    tmp_path: Path, plain: Path
) -> None:
    plain.write_bytes(plain.read_bytes() + os.urandom(2 * packed.PIECE))
    other = compressed(plain)
    torn = other.read_bytes()[: packed.PIECE + 4096]
    other.write_bytes(torn)
    assert [e.first_prompt for e in catalog.entries(tmp_path, {})] == [
        "what is a parser?"
    ]
    with pytest.raises(SessionError, match=r"compressed session .* is cut off"):
        reading.take(tmp_path, other, THREAD)
    assert os.listdir(plain.parent) == [other.name]  # noqa: PTH208
    assert other.read_bytes() == torn
    assert not Lock(tmp_path, THREAD).held


@pytest.mark.parametrize("data", [b"", b"no frame", b"\x28\xb5\x2f\xfd"])
def test_what_is_no_frame_is_an_error_and_not_a_session(
    tmp_path: Path, plain: Path, data: bytes
) -> None:
    other = compressed(plain)
    other.write_bytes(data)
    assert list(catalog.entries(tmp_path, {})) == []
    with pytest.raises(SessionError, match=r"is cut off|is damaged"):
        reading.read(other, THREAD)


def test_a_small_file_that_holds_too_much_ends_in_an_error(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MAX_BYTES", LIMIT)
    other = compressed(plain)
    other.write_bytes(zstd.compress(b"x" * (LIMIT + 1)))
    assert other.stat().st_size < LIMIT // 1000
    assert list(catalog.entries(tmp_path, {})) == []
    with pytest.raises(SessionError, match="larger than"):
        list(packed.lines(other))
    assert said(other, "x") is None


@given(st.lists(st.binary(max_size=400), max_size=4), st.integers(1, 64))
def test_frames_are_read_one_behind_the_other_and_split_in_lines(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("frames") / "rollout.jsonl.zst"
    path.write_bytes(b"".join(map(zstd.compress, parts)) or zstd.compress(b""))
    data = b"".join(parts)
    assert packed.whole(path) == data
    assert packed.head(path, size) == data[:size]
    assert list(packed.lines(path)) == data.split(b"\n")


def test_a_full_disk_leaves_the_compressed_one(
    tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = compressed(plain)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SessionError, match=r"cannot unpack .* No space left"):
        reading.take(tmp_path, other, THREAD)
    assert os.listdir(plain.parent) == [other.name]  # noqa: PTH208
