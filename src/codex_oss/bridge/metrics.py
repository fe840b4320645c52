"""The bridge in numbers, for Prometheus: a watcher of the ledger.

Names begin with ``codex_oss_bridge_``; those about the process are the ones that
Prometheus' own clients use, so that ready-made dashboards know them.
"""

import os
import sys
import time
from pathlib import Path

from codex_oss import __version__
from codex_oss.bridge.exposition import (
    CONTENT_TYPE,
    Counter,
    Histogram,
    exposition,
    gauge,
)
from codex_oss.bridge.ledger import Entry
from codex_oss.facts import (
    AskedAgain,
    Fact,
    Mended,
    Reading,
    Remark,
    Retried,
    Sent,
    Slimmed,
    Truncated,
)
from codex_oss.net.server import Exchange

MAX_NAMES = 32
"""Different values of one label; clients could think of new ones for ever."""
OTHER = "other"
"""The value that all names beyond them get."""

_FIRST_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds. A warm prompt takes tenths, a cold one on a small machine minutes."""
_DURATION_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_P = "codex_oss_bridge_"
_STATM_RESIDENT = 1


class Metrics:
    """Counts what the ledger tells; tell the ledger of it as a watcher."""

    def __init__(self) -> None:
        self._models = _Names()
        self._routes = _Names()
        self._in_flight = 0
        self._requests = Counter(
            f"{_P}requests_total", "Requests answered.", ("route", "model", "outcome")
        )
        self._input = _per_model(
            "input_tokens_total", "Prompt tokens that models read."
        )
        self._output = _per_model("output_tokens_total", "Tokens that models wrote.")
        self._cached = _per_model(
            "cached_tokens_total", "Prompt tokens that the server had in its cache."
        )
        self._saved = _per_model(
            "saved_tokens_total", "Prompt tokens (an estimate) that the diet left out."
        )
        self._mended = Counter(
            f"{_P}mended_total", "Tool calls that were mended, by what.", ("what",)
        )
        self._asked_again = _plain("asked_again_total", "Calls asked for once more.")
        self._retries = _plain("upstream_retries_total", "Requests sent once more.")
        self._truncated = _plain(
            "truncated_total", "Prompts of which the server dropped a part."
        )
        self._bytes = _plain("response_bytes_total", "Bytes of the answers to clients.")
        self._refused = _plain(
            "unauthorized_total", "Requests of pages, names or keys that may not ask."
        )
        self._gone = _plain("clients_gone_total", "Clients that left before the end.")
        self._first = Histogram(
            f"{_P}time_to_first_token_seconds",
            "From the request to the model's first token.",
            _FIRST_BOUNDS,
        )
        self._duration = Histogram(
            f"{_P}duration_seconds", "From the request to its end.", _DURATION_BOUNDS
        )

    def opened(self, entry: Entry) -> None:
        """Count a request that runs."""
        del entry
        self._in_flight += 1

    def noted(self, entry: Entry, fact: Fact) -> None:
        """Count what happened."""
        match fact:
            case Mended():
                self._mended.add(1, fact.what)
            case AskedAgain():
                self._asked_again.add()
            case Retried():
                self._retries.add()
            case Truncated():
                self._truncated.add()
            case Slimmed():
                saved = max(0, fact.tokens_before - fact.tokens_after)
                self._saved.add(saved, self._models.bounded(entry.model))
            case Sent() | Reading() | Remark():
                pass

    def began(self, entry: Entry) -> None:
        """Observe the time to the first token."""
        if entry.first_s is not None:
            self._first.observe(entry.first_s)

    def ended(self, entry: Entry) -> None:
        """Count a request that ended."""
        self._in_flight -= 1
        model, outcome = self._models.bounded(entry.model), entry.outcome or OTHER
        self._requests.add(1, self._routes.bounded(entry.route), model, outcome)
        self._input.add(entry.input_tokens, model)
        self._output.add(entry.output_tokens, model)
        self._cached.add(entry.cached_tokens, model)
        self._bytes.add(entry.bytes_out)
        self._duration.observe(entry.duration_s)
        if outcome == "gone":
            self._gone.add()

    def refused(self) -> None:
        """Count a request that was not let in, and has no entry."""
        self._refused.add()

    def text(self) -> bytes:
        """Return all numbers in Prometheus' text format."""
        counted = (
            self._requests, self._input, self._output, self._cached, self._saved,
            self._mended, self._asked_again, self._retries, self._truncated,
            self._bytes, self._refused, self._gone, self._first, self._duration,
        )  # fmt: skip
        version = [("version", __version__)]
        return exposition(
            [
                gauge(f"{_P}info", "The version that runs.", 1, version),
                gauge(f"{_P}in_flight", "Requests that run now.", self._in_flight),
                *(family.lines() for family in counted),
                *_process(),
            ]
        )


async def metrics(exchange: Exchange, counted: Metrics) -> None:
    """Answer ``GET /metrics``."""
    exchange.respond(200, counted.text(), content_type=CONTENT_TYPE)


class _Names:
    """The first names that were seen; the label of the others is one."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def bounded(self, name: str) -> str:
        if name in self._seen:
            return name
        if len(self._seen) >= MAX_NAMES:
            return OTHER
        self._seen.add(name)
        return name


def _plain(name: str, text: str) -> Counter:
    return Counter(f"{_P}{name}", text)


def _per_model(name: str, text: str) -> Counter:
    return Counter(f"{_P}{name}", text, ("model",))


def _process() -> list[list[str]]:
    cpu = Counter("process_cpu_seconds_total", "CPU time, user and system, in seconds.")
    cpu.add(time.process_time())
    families = [cpu.lines()]
    resident = _resident_bytes()
    if resident is not None:
        text = "Resident memory in bytes."
        families.append(gauge("process_resident_memory_bytes", text, resident))
    files = _open_files()
    if files is not None:
        families.append(gauge("process_open_fds", "Open file descriptors.", files))
    return families


def _resident_bytes() -> int | None:
    if sys.platform != "linux":
        return None  # elsewhere only the peak can be had without a library
    fields = Path("/proc/self/statm").read_text("ascii").split()
    return int(fields[_STATM_RESIDENT]) * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> int | None:
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    try:
        return len(list(Path(folder).iterdir())) - 1  # without the one that lists
    except OSError:
        return None
