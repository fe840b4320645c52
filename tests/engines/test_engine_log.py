"""What a program of ours says: its word in any pieces, its end, its file."""

import asyncio
import itertools
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from codex_oss.engines.log import FILE_LIMIT, KEPT_BYTES, KEPT_FILES, Log

SAID = b"starting\nListening on 127.0.0.1:4711 (version 1)\nError: it broke\n"


def fed(folder: Path, *pieces: bytes) -> tuple[bytes | None, str, Path | None]:
    """Return word, text and path of a log that took these pieces."""

    async def run() -> tuple[bytes | None, str, Path | None]:
        log = Log(folder, "server", mark=b"Listening on ", end=b" ")
        for piece in pieces:
            log.feed(piece)
        log.close()
        word = log.word.result() if log.word.done() else None
        return word, log.text(), log.path

    return asyncio.run(run())


@given(st.lists(st.integers(0, len(SAID)), max_size=8))
def test_the_word_is_found_however_it_arrives(cuts: list[int]) -> None:
    at = sorted({0, *cuts, len(SAID)})
    pieces = [SAID[a:b] for a, b in itertools.pairwise(at)]
    nowhere = Path(os.devnull, "logs")
    assert fed(nowhere, *pieces) == (
        b"127.0.0.1:4711",
        "(version 1)\nError: it broke\n",
        None,
    )


def test_a_word_that_is_not_whole_is_none(tmp_path: Path) -> None:
    word, text, _ = fed(tmp_path, b"Listening on 127.0.0.1")
    assert (word, text) == (None, "Listening on 127.0.0.1")


def test_the_file_has_all_and_the_text_the_end(tmp_path: Path) -> None:
    said = b"x" * KEPT_BYTES + b"end"
    _, text, path = fed(tmp_path / "logs", said)
    assert path is not None
    assert path.read_bytes() == said
    assert (len(text), text[-4:]) == (KEPT_BYTES, "xend")


def test_a_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    piece = b"x" * (FILE_LIMIT // 2 + 1)
    _, _, path = fed(tmp_path, piece, piece, b"more")
    assert path is not None
    assert path.stat().st_size == 2 * len(piece)


def test_a_file_that_goes_on_does_not_grow_for_ever_either(tmp_path: Path) -> None:
    path = tmp_path / "server-1.log"

    def begun(*pieces: bytes) -> int:
        async def run() -> int:
            log = Log(tmp_path, "server", mark=b"M", end=b" ", after=path)
            for piece in pieces:
                log.feed(piece)
            log.close()
            assert log.path == path
            return path.stat().st_size

        return asyncio.run(run())

    half = b"x" * (FILE_LIMIT // 2)
    assert begun(half) == len(half)
    assert begun(half, b"not any more") == FILE_LIMIT
    assert begun(b"anew") == len(b"anew")


def test_two_programs_of_one_process_have_a_file_each(tmp_path: Path) -> None:
    first, second = (fed(tmp_path, said)[2] for said in (b"one", b"two"))
    assert first is not None
    assert second is not None
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")


def test_the_oldest_files_are_deleted(tmp_path: Path) -> None:
    for age in range(KEPT_FILES + 2):
        old = tmp_path / f"server-{age}.log"
        old.touch()
        os.utime(old, (1000 - age, 1000 - age))
    _, _, path = fed(tmp_path, b"")
    names = {f"server-{age}.log" for age in range(KEPT_FILES - 1)}
    assert path is not None
    assert {found.name for found in tmp_path.iterdir()} == names | {path.name}
