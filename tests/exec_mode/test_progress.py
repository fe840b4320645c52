"""Engine events, drawn for terminals and written for files."""

import asyncio
import io
from collections.abc import Sequence

import pytest

from codex_oss.engines.base import (
    EngineEvent,
    Loading,
    Looking,
    Pulling,
    Ready,
    Starting,
    Verifying,
)
from codex_oss.exec_mode.progress import Progress

READY = Ready(
    base_url="http://127.0.0.1:1/v1",
    model="m",
    context_window=None,
    api_key=None,
    server="llamacpp",
)
GB = 1_000_000_000


def printed(events: Sequence[EngineEvent], *, isatty: bool, width: int = 80) -> str:
    stream = io.StringIO()
    progress = Progress(stream, isatty=isatty, width=width)
    for event in events:
        progress.feed(event)
    return stream.getvalue()


def lines(drawn: str) -> list[str]:
    return drawn.split("\r\x1b[K")[1:]


@pytest.mark.parametrize("isatty", [True, False])
def test_a_quick_start_prints_nothing(*, isatty: bool) -> None:
    events = [Starting("llama.cpp", "m"), Loading("m", 0.0), READY]
    assert printed(events, isatty=isatty) == ""


def test_a_terminal_gets_one_line_that_changes_and_goes_away() -> None:
    events: list[EngineEvent] = [
        Looking("m on hub"),
        Pulling("m", 0, 2 * GB, 0.0),
        Pulling("m", GB, 2 * GB, 10e6),
        Verifying("m"),
        Loading("m", 2.0),
        READY,
    ]
    assert lines(printed(events, isatty=True)) == [
        "Looking for m on hub",
        "[....................] 0%  0.00/2.00 GB  m",
        "[##########..........] 50%  1.00/2.00 GB  10.0 MB/s  1 min 40 s left  m",
        "Checking m",
        "Loading m: 2 s",
        "",
    ]


def test_a_line_is_never_wider_than_the_terminal() -> None:
    events: list[EngineEvent] = [Pulling("model-" * 20, GB, 2 * GB, 10e6)]
    for width in (20, 59, 60, 80):
        (line,) = lines(printed(events, isatty=True, width=width))
        assert len(line) == width - 1
    # Numbers come before the bar, and the name last.
    assert lines(printed(events, isatty=True, width=66)) == [
        "50%  1.00/2.00 GB  10.0 MB/s  1 min 40 s left  model-model-model-"
    ]
    assert lines(printed(events, isatty=True, width=72)) == [
        "[##########..........] 50%  1.00/2.00 GB  10.0 MB/s  1 min 40 s left  m"
    ]


def test_a_file_gets_a_line_every_ten_percent() -> None:
    pulls: list[EngineEvent] = [
        Pulling("m", done * GB // 50, GB * 4 // 5, 1e6) for done in range(41)
    ]
    text = printed([*pulls, Verifying("m"), Verifying("m")], isatty=False)

    assert text.splitlines() == [
        "Downloading m: 0%  0/800 MB  1.0 MB/s  13 min 20 s left",
        "Downloading m: 10%  80/800 MB  1.0 MB/s  12 min 00 s left",
        "Downloading m: 20%  160/800 MB  1.0 MB/s  10 min 40 s left",
        "Downloading m: 30%  240/800 MB  1.0 MB/s  9 min 20 s left",
        "Downloading m: 40%  320/800 MB  1.0 MB/s  8 min 00 s left",
        "Downloading m: 50%  400/800 MB  1.0 MB/s  6 min 40 s left",
        "Downloading m: 60%  480/800 MB  1.0 MB/s  5 min 20 s left",
        "Downloading m: 70%  560/800 MB  1.0 MB/s  4 min 00 s left",
        "Downloading m: 80%  640/800 MB  1.0 MB/s  2 min 40 s left",
        "Downloading m: 90%  720/800 MB  1.0 MB/s  1 min 20 s left",
        "Downloading m: 100%  800/800 MB  1.0 MB/s",
        "Checking m",
    ]


def test_a_file_gets_a_line_every_500_mb_of_an_unknown_total() -> None:
    pulls: list[EngineEvent] = [Pulling("m", n * GB // 4, None, 1e6) for n in range(5)]
    assert printed(pulls, isatty=False).splitlines() == [
        "Downloading m: 0 MB  1.0 MB/s",
        "Downloading m: 500 MB  1.0 MB/s",
        "Downloading m: 1.00 GB  1.0 MB/s",
    ]


def test_a_slow_load_is_told_once_to_a_file() -> None:
    events: list[EngineEvent] = [Loading("m", float(n)) for n in range(5)]
    assert printed([*events, READY], isatty=False) == "Loading m\n"


@pytest.mark.parametrize(
    ("left_s", "words"),
    [(59, "59 s left"), (61, "1 min 01 s left"), (3 * 3600 + 300, "3 h 05 min left")],
)
def test_the_time_left_is_said_in_words(left_s: int, words: str) -> None:
    event = Pulling("m", 0, left_s * 1_000_000, 1e6)
    assert printed([event], isatty=True).endswith(f"{words}  m")


def test_closing_takes_the_line_away_once() -> None:
    stream = io.StringIO()
    progress = Progress(stream, isatty=True)
    progress.feed(Looking("m"))
    progress.close()
    progress.close()
    assert stream.getvalue() == "\r\x1b[KLooking for m\r\x1b[K"


def broken_off(event: EngineEvent, cause: type[BaseException]) -> str:
    """Return the last line of what is printed when ``cause`` comes after ``event``."""
    stream = io.StringIO()

    def run() -> None:
        with Progress(stream, isatty=True) as progress:
            progress.feed(event)
            raise cause

    with pytest.raises(cause):
        run()
    return lines(stream.getvalue())[-1]


@pytest.mark.parametrize("cause", [asyncio.CancelledError, KeyboardInterrupt])
def test_a_download_that_is_broken_off_says_how_to_go_on(
    cause: type[BaseException],
) -> None:
    assert broken_off(Pulling("m", 999, 1000, 0.0), cause) == (
        "The download of m was stopped at 99%.\n"
        "What has arrived is kept: the same command goes on from there.\n"
    )
    assert broken_off(Pulling("m", 20_000_000, None, 0.0, resumes=False), cause) == (
        "The download of m was stopped after 20 MB.\n"
        "The same command downloads it from its start.\n"
    )


def test_what_fails_by_itself_or_is_no_download_is_told_by_others() -> None:
    assert broken_off(Pulling("m", 1, 2, 0.0), OSError) == ""
    assert broken_off(Loading("m", 2.0), asyncio.CancelledError) == ""


def test_a_models_name_cannot_act_on_the_terminal() -> None:
    for isatty in (True, False):
        text = printed([Pulling("m\x1b[2J\u202e", 1, None, 0.0)], isatty=isatty)
        assert text.replace("\r\x1b[K", "").rstrip("\n").isprintable()


def test_wide_characters_count_as_two_columns() -> None:
    (line,) = lines(printed([Looking("模" * 60)], isatty=True, width=41))
    assert line == "Looking for " + "模" * 14
