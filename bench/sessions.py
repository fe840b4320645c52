"""What conversations on disk cost: a turn's lines, going on, and lists of them.

    .venv/bin/python bench/sessions.py [--turns 200] [--sessions 5000]

Lines are written, read and listed as the program does it, without a model. The first
turns stand beside the last ones: read the ratios.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from codex_oss import events
from codex_oss.items import FunctionCall, FunctionCallOutput, Item, Message, OutputText
from codex_oss.items import user as asked
from codex_oss.sessions import catalog
from codex_oss.sessions.reading import read
from codex_oss.sessions.rollout import Rollout

THREAD = "01a1fd2c-0814-7470-9c7b-{:012x}"
CALLS = 10
"""Calls of a turn, each with 4 kB of output."""
ROUNDS = 5


class Clock:
    """The machine's time."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Never wait."""
        raise AssertionError(seconds)


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="What conversations on disk cost.")
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=5000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        home = Path(folder)
        long = begun(home / "long", 1)
        first = [timed(lambda: turn(long)) for _ in range(ROUNDS)]
        short = timed(lambda: read(long.path, THREAD.format(1)))
        for _ in range(options.turns - 2 * ROUNDS):
            turn(long)
        last = [timed(lambda: turn(long)) for _ in range(ROUNDS)]
        long.close()
        size = long.path.stat().st_size
        whole = timed(lambda: read(long.path, THREAD.format(1)))
        many(home / "many", options.sessions)
        listing = timed(lambda: list(catalog.entries(home / "many", {})))
    lines = 2 * CALLS + 8
    early, late = statistics.median(first), statistics.median(last)
    print(f"a turn of {lines} lines, turns 1 to {ROUNDS}    {early * 1e3:9.2f} ms")
    print(f"the same, turn {options.turns:<8}          {late * 1e3:9.2f} ms")
    print(f"reading {ROUNDS} turns                 {short * 1e3:9.2f} ms")
    print(
        f"reading {options.turns} turns, {size / 1e6:.1f} MB      {whole * 1e3:9.2f} ms"
    )
    print(f"listing {options.sessions} sessions           {listing * 1e3:9.2f} ms")
    return 0


def begun(home: Path, number: int) -> Rollout:
    """Return the journal of a new conversation."""
    journal = Rollout(home, THREAD.format(number), Clock())
    meta = {"id": THREAD.format(number), "cwd": "/work", "source": "exec"}
    journal.note("session_meta", meta | {"base_instructions": {"text": "x" * 9000}})
    journal.append(asked("<environment_context>\n  <sandbox>none</sandbox>"))
    return journal


def turn(journal: Rollout) -> None:
    """Write what a turn with calls writes."""
    journal.note("turn_context", {"turn_id": "t", "model": "m"})
    said: list[Item] = [asked("mend the parser")]
    for number in range(CALLS):
        name = f"c{number}"
        said.append(FunctionCall(name="exec_command", arguments="{}", call_id=name))
        said.append(FunctionCallOutput(call_id=name, output="x" * 4000))
    said.append(Message(role="assistant", content=[OutputText(text="It is done.")]))
    for item in said:
        journal.append(item)
    journal.tell(events.TurnCompleted(usage=events.TokenUsage(input_tokens=9)))


def many(home: Path, count: int) -> None:
    """Write so many conversations of one turn."""
    journal = begun(home, 0)
    turn(journal)
    journal.close()
    data = journal.path.read_bytes()
    for number in range(1, count):
        name = journal.path.name.replace(THREAD.format(0), THREAD.format(number))
        journal.path.with_name(name).write_bytes(data)


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that something takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    raise SystemExit(main())
