"""When a download is reported, and the speed that is told."""

from codex_oss.engines.base import Pulling
from codex_oss.engines.meter import Meter


def test_the_start_the_first_bytes_and_the_end_are_told_at_once() -> None:
    meter = Meter("m", 100)
    assert meter.reach(0, 10.0) == Pulling("m", 0, 100, 0.0)
    assert meter.reach(10, 10.0) == Pulling("m", 10, 100, 0.0)
    assert meter.reach(20, 10.1) is None
    assert meter.reach(100, 10.15) == Pulling("m", 100, 100, 0.0)


def test_the_rest_is_told_five_times_a_second() -> None:
    meter = Meter("m", None)
    told = [meter.reach(n, n / 100) for n in range(100)]
    assert len([event for event in told if event]) == 6


def test_what_was_there_before_does_not_count_as_speed() -> None:
    meter = Meter("m", 2000)
    meter.reach(1000, 0.0)
    assert meter.reach(1100, 1.0) == Pulling("m", 1100, 2000, 100.0)


def test_the_speed_is_that_of_the_last_seconds() -> None:
    meter = Meter("m", None)
    for second in range(10):
        meter.reach(second, float(second))
    last = meter.reach(10 + 600, 10.0)
    assert last is not None
    assert last.bytes_per_s == (610 - 5) / 5
