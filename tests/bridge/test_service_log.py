"""The log of a bridge in the background: bounded, complete, followed."""

import subprocess
import sys
from pathlib import Path

import pytest

from codex_oss.bridge.service.log import Log, Tail, last_lines, previous


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge" / "11435.log"


def opened(path: Path, max_bytes: int = 20) -> Log:
    return Log(path, max_bytes=max_bytes, standard=False)


def test_a_log_that_is_full_becomes_the_previous_one(path: Path) -> None:
    log = opened(path)
    for number in range(5):
        log.write(f"line {number}\n")
    log.close()

    assert path.read_text() == "line 4\n"
    assert previous(path).read_text() == "line 2\nline 3\n"


def test_a_log_goes_on_where_an_earlier_one_ended(path: Path) -> None:
    for text in ("first\n", "second\n"):
        log = opened(path)
        log.write(text)
        log.close()

    assert path.read_text() == "first\nsecond\n"


def test_one_text_larger_than_a_log_is_written_whole(path: Path) -> None:
    log = opened(path)
    log.write("x" * 50)
    log.close()

    assert path.read_text() == "x" * 50
    assert not previous(path).exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_loses_what_is_logged_and_nothing_else() -> None:
    log = opened(Path("/dev/full"))
    assert log.write("lost\n") == 5
    log.close()


def test_only_its_owner_reads_a_log(path: Path) -> None:
    opened(path).close()

    assert path.stat().st_mode & 0o777 == 0o600


def test_the_process_s_own_output_follows_the_log(path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from codex_oss.bridge.service.log import Log
log = Log(Path({str(path)!r}), max_bytes=20)
log.write("a line of ours\\n")
log.write("one more of ours\\n")
os.write(2, b"the last words\\n")
"""
    subprocess.run([sys.executable, "-c", code], timeout=180, check=True)

    assert path.read_text() == "one more of ours\nthe last words\n"


def test_the_last_lines_are_the_last_ones(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"one\ntwo\nthr\xe9\xff\nfour")

    assert last_lines(path, 2) == "thr\ufffd\ufffd\nfour"
    assert last_lines(path, 0) == ""
    assert last_lines(path, 9) == "one\ntwo\nthr\ufffd\ufffd\nfour"


def test_no_log_has_no_lines(path: Path) -> None:
    assert last_lines(path, 5) == ""


def test_a_log_is_followed_over_its_turn(path: Path) -> None:
    log = opened(path)
    log.write("before\n")
    tail = Tail(path)
    log.write("one\n")
    first = tail.read()
    log.write("two\n")
    log.write("three\n")
    second = tail.read()
    log.close()
    tail.close()

    assert (first, second) == ("one\n", "two\nthree\n")


def test_a_log_that_does_not_exist_yet_is_followed_from_its_beginning(
    path: Path,
) -> None:
    tail = Tail(path)
    nothing = tail.read()
    log = opened(path)
    log.write("hello\n")

    assert (nothing, tail.read()) == ("", "hello\n")
    log.close()
    tail.close()


def test_a_character_that_is_written_in_two_parts_is_one(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    tail = Tail(path)
    with path.open("ab", buffering=0) as file:
        file.write(b"caf\xc3")
        first = tail.read()
        file.write(b"\xa9")

    assert (first, tail.read()) == ("caf", "é")
    tail.close()
