"""The line that says what the model is waited for."""

import io
from collections.abc import Callable

from codex_oss import events
from codex_oss.exec_mode.waiting import TICK_S, Waiting

ASKED = events.Asked()
SAID = events.ItemCompleted(item=events.AgentMessage(id="item_0", text="hi"))


class Kept:
    """A printer that writes down what it gets."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def feed(self, event: events.Event) -> None:
        self.stream.write(f"<{type(event).__name__}>")

    def finish(self, last_message: str | None) -> None:
        self.stream.write(f"<end: {last_message}>")


class Times:
    """A clock and its timers, which go on when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Entry] = []

    def later(self, seconds: float, then: Callable[[], None]) -> "Entry":
        entry = Entry(self, self.now + seconds, then)
        self.timers.append(entry)
        return entry

    def pass_(self, seconds: float) -> None:
        end = self.now + seconds
        while due := [e for e in self.timers if e.at <= end]:
            entry = min(due, key=lambda e: e.at)
            self.timers.remove(entry)
            self.now = entry.at
            entry.then()
        self.now = end


class Entry:
    def __init__(self, times: Times, at: float, then: Callable[[], None]) -> None:
        self.times = times
        self.at = at
        self.then = then

    def cancel(self) -> None:
        self.times.timers.remove(self)


class Rig:
    def __init__(self, width: int = 80) -> None:
        self.stream = io.StringIO()
        self.times = Times()
        self.waiting = Waiting(
            Kept(self.stream),
            self.stream,
            self.times.later,
            clock=lambda: self.times.now,
            width=width,
        )

    def shown(self) -> str:
        """Return what stands on the terminal's last line."""
        return self.stream.getvalue().rpartition("\r\x1b[K")[2]


def test_a_quick_answer_leaves_no_trace() -> None:
    rig = Rig()
    rig.waiting.feed(ASKED)
    rig.waiting.feed(events.Reading(done=512, total=8000))
    rig.times.pass_(TICK_S - 0.1)
    rig.waiting.feed(events.Answering())
    rig.waiting.finish("hi")
    assert rig.stream.getvalue() == "<Answering><end: hi>"
    assert rig.times.timers == []


def test_a_server_that_tells_is_shown_reading_in_one_line() -> None:
    rig = Rig()
    rig.waiting.feed(ASKED)
    rig.waiting.feed(events.Reading(done=512, total=8000))
    rig.times.pass_(1)
    assert rig.shown() == "reading the prompt: 512 of 8,000 tokens"
    rig.waiting.feed(events.Reading(done=4200, total=8000))
    rig.times.pass_(11)
    assert rig.shown() == "reading the prompt: 4,200 of 8,000 tokens (12 s)"
    rig.waiting.feed(SAID)
    assert rig.shown() == "<ItemCompleted>"
    assert "\n" not in rig.stream.getvalue()


def test_a_server_that_tells_nothing_is_waited_for_by_the_second() -> None:
    rig = Rig()
    rig.waiting.feed(ASKED)
    rig.times.pass_(2)
    assert rig.stream.getvalue() == ""
    rig.times.pass_(33)
    assert rig.shown() == "waiting for the model (35 s)"
    rig.waiting.feed(events.Answering())
    rig.times.pass_(100)
    assert rig.shown() == "<Answering>"


def test_a_prompt_that_is_read_leaves_the_wait_for_the_answer() -> None:
    rig = Rig()
    rig.waiting.feed(ASKED)
    rig.waiting.feed(events.Reading(done=8000, total=8000))
    rig.times.pass_(4)
    assert rig.shown() == "waiting for the model (4 s)"


def test_every_wait_has_its_own_time_and_its_own_prompt() -> None:
    rig = Rig()
    rig.waiting.feed(ASKED)
    rig.waiting.feed(events.Reading(done=1, total=9))
    rig.times.pass_(60)
    rig.waiting.feed(SAID)
    rig.times.pass_(60)
    rig.waiting.feed(ASKED)
    rig.times.pass_(5)
    assert rig.shown() == "waiting for the model (5 s)"
    rig.waiting.finish(None)
    assert rig.shown() == "<end: None>"


def test_a_narrow_terminal_gets_a_line_that_fits() -> None:
    rig = Rig(width=20)
    rig.waiting.feed(ASKED)
    rig.times.pass_(5)
    assert rig.shown() == "waiting for the mod"
