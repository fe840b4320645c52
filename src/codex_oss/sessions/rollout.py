"""A session on disk: one JSON object a line, appended as things happen.

Source of the format: the rollout files of the Codex CLI 0.169, so that tools which
read Codex's sessions read ours: ``{"timestamp", "ordinal", "type", "payload"}`` in
``sessions/YYYY/MM/DD/rollout-<local time>-<thread id>.jsonl``.
"""

import time
from io import FileIO
from pathlib import Path

from codex_oss.errors import SessionError
from codex_oss.events import Event
from codex_oss.items import Item
from codex_oss.ports import Clock
from codex_oss.sessions.reading import Kept
from codex_oss.wire.responses import encode


class Rollout:
    """The journal of a session as a file, made when the first line is written."""

    def __init__(self, home: Path, thread_id: str, clock: Clock) -> None:
        now = time.localtime(clock.now())
        folder = home / "sessions" / time.strftime("%Y/%m/%d", now)
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", now)
        self.path = folder / f"rollout-{stamp}-{thread_id}.jsonl"
        self._clock = clock
        self._file: FileIO | None = None
        self._ordinal = 0
        self._whole: int | None = None

    @classmethod
    def again(cls, kept: Kept, clock: Clock) -> "Rollout":
        """Return the journal of a session that goes on, in the file it has.

        A last line that was cut off there is taken away.
        """
        journal = cls(kept.path.parent, kept.thread_id, clock)
        journal.path, journal._ordinal, journal._whole = (
            kept.path,
            kept.lines,
            kept.size,
        )
        return journal

    def append(self, item: Item) -> None:
        """Write one item of the history."""
        self.note("response_item", item)

    def note(self, kind: str, payload: object) -> None:
        """Write one line. Raises ``SessionError`` when the disk refuses it."""
        line = {
            "timestamp": utc(self._clock.now()),
            "ordinal": self._ordinal,
            "type": kind,
            "payload": payload,
        }
        self._ordinal += 1
        try:
            file = self._file or self._open()
            data = encode(line) + b"\n"
            while data:  # nothing is buffered, so that `close` has nothing to lose
                data = data[file.write(data) :]
        except OSError as error:
            raise SessionError(
                f"cannot write the session to {self.path}: {error.strerror}",
                hint="Free some space or make the folder writable, "
                "or run with `--ephemeral`.",
            ) from error

    def tell(self, event: Event) -> None:
        """Keep what a front end is told, if readers of sessions look for it."""

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = self.path.open("ab", buffering=0)
        self.path.chmod(0o600)
        if self._whole is not None:
            self._file.truncate(self._whole)
        return self._file


class Ephemeral:
    """A journal that keeps nothing."""

    def append(self, item: Item) -> None:
        """Forget the item."""

    def note(self, kind: str, payload: object) -> None:
        """Forget the fact."""

    def tell(self, event: Event) -> None:
        """Forget the event."""


def utc(seconds: float) -> str:
    """Return a time as RFC 3339 with milliseconds, such as 2026-01-31T08:00:00.000Z."""
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"
