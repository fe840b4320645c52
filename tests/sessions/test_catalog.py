"""Lists of conversations, by the heads of their files."""

import os
from pathlib import Path

import pytest

from codex_oss.errors import SessionError, UsageError
from codex_oss.items import Message, OutputText, user
from codex_oss.sessions import catalog, choosing, names, shelf
from codex_oss.sessions.choosing import Wanted
from codex_oss.sessions.lock import Lock
from codex_oss.sessions.reading import read
from codex_oss.sessions.rollout import Rollout
from codex_oss.sessions.searching import said
from fakes import FakeClock

MANY = 50
HUGE = 1 << 40


def thread_id(number: int) -> str:
    return f"01a1fd2c-0814-7470-9c7b-{number:012x}"


def write(
    home: Path, number: int, prompt: str, *, cwd: str = "/work", source: str = "exec"
) -> Path:
    """Write a conversation of one prompt, modified at the second ``number``."""
    journal = Rollout(home, thread_id(number), FakeClock(1_750_000_000.0 + number))
    meta = {"id": thread_id(number), "cwd": cwd, "source": source, "timestamp": "T"}
    journal.note("session_meta", meta | {"base_instructions": {"text": "x" * 9000}})
    journal.append(user("<environment_context>\n  <sandbox>x</sandbox>"))
    journal.note("turn_context", {"turn_id": "t", "model": "m"})
    journal.append(user(prompt))
    journal.append(Message(role="assistant", content=[OutputText(text="Answered.")]))
    journal.close()
    os.utime(journal.path, (number, number))
    return journal.path


def test_a_head_says_what_a_list_needs(tmp_path: Path) -> None:
    path = write(tmp_path, 7, "mend it\nplease", source="cli")
    names.rename(tmp_path, thread_id(7), "the  mending", "T")
    (found,) = catalog.entries(tmp_path, names.names(tmp_path))
    assert found == catalog.Entry(
        file=catalog.File(path, thread_id(7), 7.0, path.stat().st_size),
        cwd="/work",
        source="cli",
        began="T",
        first_prompt="mend it\nplease",
        name="the mending",
    )
    assert (found.title, found.interactive) == ("the mending", True)
    assert catalog.turns(found.file) == 1


def test_a_first_prompt_behind_much_else_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "here")
    lines = path.read_bytes().splitlines(keepends=True)
    much = b'{"type":"world_state","payload":"%s"}\n' % (b"x" * 100_000)
    path.write_bytes(b"".join([lines[0], much, *lines[1:]]))
    (found,) = catalog.entries(tmp_path, {})
    assert found.first_prompt == "here"


def test_only_the_heads_of_files_are_read(tmp_path: Path) -> None:
    path = write(tmp_path, 0, "prompt")
    data = path.read_bytes() + b'{"type":"x"}\n' * 20_000
    for number in range(MANY):
        name = path.name.replace(thread_id(0), thread_id(number))
        longer = path.with_name(name)
        longer.write_bytes(data)
        # More than any memory holds, and nothing of it is on the disk.
        os.truncate(longer, HUGE)
    found = list(catalog.entries(tmp_path, {}))
    assert len(found) == MANY
    assert {each.first_prompt for each in found} == {"prompt"}


def test_what_is_no_conversation_is_not_listed(tmp_path: Path) -> None:
    folder = write(tmp_path, 1, "one").parent
    (folder / "rollout-x.jsonl").write_text("x")
    (folder / f"rollout-2026-01-01T00-00-00-{thread_id(2)}.jsonl").write_text("x\n")
    (folder / "notes.txt").write_text("x")
    os.mkfifo(folder / f"rollout-2026-01-01T00-00-00-{thread_id(3)}.jsonl")
    assert [each.first_prompt for each in catalog.entries(tmp_path, {})] == ["one"]


def test_the_last_one_is_that_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path, 1, "old", cwd=str(tmp_path), source="cli")
    write(tmp_path, 2, "script", cwd=str(tmp_path))
    write(tmp_path, 3, "elsewhere", cwd="/")
    assert choosing.last(tmp_path, Wanted()).first_prompt == "elsewhere"
    assert choosing.last(tmp_path, Wanted(cwd=tmp_path)).first_prompt == "script"
    led = Wanted(cwd=tmp_path, interactive=True)
    assert choosing.last(tmp_path, led).first_prompt == "old"
    with pytest.raises(SessionError, match="there is no session in /nowhere"):
        choosing.last(tmp_path, Wanted(cwd=Path("/nowhere")))


def test_one_is_found_by_id_by_name_and_by_the_beginning_of_its_id(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, 0x1234, "x")
    write(tmp_path, 2, "y")
    names.rename(tmp_path, thread_id(0x1234), "mine", "T")
    for word in (thread_id(0x1234), "mine", thread_id(0x1234)[:-1]):
        assert choosing.named(tmp_path, word).path == path
    with pytest.raises(SessionError, match="2 sessions are called '01a1fd2c'"):
        choosing.named(tmp_path, "01a1fd2c")
    for word in ("other", thread_id(3), "01a1"):
        with pytest.raises(SessionError, match="there is no session with this id or"):
            choosing.named(tmp_path, word)


def test_the_last_name_counts_and_damage_is_skipped(tmp_path: Path) -> None:
    names.rename(tmp_path, thread_id(1), "first", "T")
    with (tmp_path / names.FILE).open("a") as file:
        file.write('{"torn')
    names.rename(tmp_path, thread_id(1), "second", "T")
    assert names.names(tmp_path) == {thread_id(1): "second"}
    for name in ("", " \n", "x" * 201, "a\x1b[1m"):
        with pytest.raises(UsageError, match="a name is"):
            names.rename(tmp_path, thread_id(1), name, "T")


def test_a_name_that_is_forgotten_is_gone_and_others_stay(
    tmp_path: Path,
) -> None:
    for number in (1, 2):
        write(tmp_path, number, "x")
    for number, name in ((1, "one"), (2, "two"), (1, "uno")):
        names.rename(tmp_path, thread_id(number), name, "T")
    index = tmp_path / "session_index.jsonl"
    index.write_bytes(index.read_bytes() + b"damaged\n")
    kept = [index.read_bytes().splitlines()[1], b"damaged"]
    shelf.archive(tmp_path, choosing.named(tmp_path, "uno"))
    assert names.names(tmp_path) == {thread_id(1): "uno", thread_id(2): "two"}
    names.forget(tmp_path, thread_id(1))
    names.forget(tmp_path, thread_id(3))
    assert index.read_bytes().splitlines() == kept
    assert index.stat().st_mode & 0o777 == 0o600


def test_what_is_put_away_can_be_brought_back(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "x")
    away = shelf.archive(tmp_path, choosing.named(tmp_path, thread_id(1)))
    assert away == tmp_path / "archived_sessions" / path.name
    with pytest.raises(SessionError, match="is archived") as caught:
        choosing.named(tmp_path, thread_id(1))
    assert f"codex-oss unarchive {thread_id(1)}" in caught.value.hint
    file = choosing.named(tmp_path, thread_id(1), archived=True)
    assert shelf.unarchive(tmp_path, file) == path
    shelf.delete(tmp_path, choosing.named(tmp_path, thread_id(1)))
    assert list(catalog.entries(tmp_path, {})) == []


@pytest.mark.parametrize(
    "day", ["..-..-home", "2026-02-30", "2026-W05-6", "20260131-x", "-a-b-c-d-e"]
)
def test_a_name_without_a_day_leads_to_no_folder(tmp_path: Path, day: str) -> None:
    path = write(tmp_path, 1, "x")
    away = tmp_path / "archived_sessions" / f"rollout-{day}-{thread_id(1)}.jsonl"
    away.parent.mkdir()
    path.rename(away)
    file = choosing.named(tmp_path, thread_id(1), archived=True)
    with pytest.raises(SessionError, match="does not tell the day") as caught:
        shelf.unarchive(tmp_path, file)
    assert f"rollout-2026-01-31T08-00-00-{thread_id(1)}.jsonl" in caught.value.hint
    assert away.exists()


def test_what_is_open_is_neither_moved_nor_deleted(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "x")
    lock = Lock(tmp_path, thread_id(1))
    lock.take()
    file = choosing.named(tmp_path, thread_id(1))
    for act in (shelf.archive, shelf.delete):
        with pytest.raises(SessionError, match="is open in process"):
            act(tmp_path, file)
    assert path.exists()
    lock.release()


def test_a_copy_has_the_history_and_an_id_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, 1, "x")
    before = path.read_bytes()
    path.write_bytes(before + b'{"torn')
    meta = {"id": thread_id(2), "timestamp": "T2"}
    file = choosing.named(tmp_path, thread_id(1))
    copy = shelf.fork(tmp_path, file, meta, "2026-01-31T08-00-00")
    assert copy.path.parent == tmp_path / "sessions/2026/01/31"
    assert copy.items == read(path, thread_id(1)).items
    assert (copy.meta["id"], copy.meta["forked_from_id"]) == (
        thread_id(2),
        thread_id(1),
    )
    assert copy.lock is not None
    assert copy.lock.held
    copy.lock.release()
    assert path.read_bytes() == before + b'{"torn'


def test_a_copy_that_the_disk_refuses_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = write(tmp_path, 1, "x")
    file = choosing.named(tmp_path, thread_id(1))
    meta = {"id": thread_id(2), "timestamp": "T2"}
    with monkeypatch.context() as patched:
        patched.setattr(os, "fchmod", refuse)
        with pytest.raises(SessionError, match="No space left on device"):
            shelf.fork(tmp_path, file, meta, "2026-01-31T08-00-00")

    assert [each for each in tmp_path.rglob("*.jsonl*") if each.is_file()] == [path]
    lock = Lock(tmp_path, thread_id(2))
    lock.take()
    lock.release()


def test_what_was_said_is_found_and_what_the_harness_said_is_not(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, 1, "Mend the\n  Parser of dates")
    assert said(path, "the parser") == "Mend the Parser of dates"
    assert said(path, "ANSWERED") == "Answered."
    assert said(path, "sandbox") is None
    assert said(path, None) == ""


def test_sessions_that_may_not_be_listed_are_not_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, "x")

    def refused(folder: object) -> object:
        raise PermissionError(13, "Permission denied", str(folder))

    assert len(catalog.files(tmp_path)) == 1
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(SessionError, match=r"cannot list the sessions in .*: Perm"):
        catalog.files(tmp_path)
