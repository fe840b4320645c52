"""A session on disk: one JSON object a line, appended as things happen.

Source of the format: the rollout files of the Codex CLI 0.169, so that tools which
read Codex's sessions read ours: ``{"timestamp", "ordinal", "type", "payload"}`` in
``sessions/YYYY/MM/DD/rollout-<local time>-<thread id>.jsonl``.
"""

import contextlib
import os
import time
from io import FileIO
from pathlib import Path
from threading import Thread

from codex_oss.errors import SessionError
from codex_oss.events import Event, TurnCompleted, TurnFailed
from codex_oss.items import Item
from codex_oss.ports import Clock
from codex_oss.sessions.kept import Kept
from codex_oss.sessions.lock import Lock
from codex_oss.sessions.places import SESSIONS
from codex_oss.sessions.told import Told
from codex_oss.wire.responses import encode

FLUSH_S = 5.0
"""How long a disk may keep the end of a session waiting, in seconds."""


class Rollout:
    """The journal of a session as a file, made when the first line is written.

    It is locked from then on, or by ``lock``, until ``close``. ``window`` is the
    model's, in tokens, if it is known.
    """

    def __init__(
        self, home: Path, thread_id: str, clock: Clock, window: int | None = None
    ) -> None:
        now = time.localtime(clock.now())
        folder = home / SESSIONS / time.strftime("%Y/%m/%d", now)
        stamp = time.strftime("%Y-%m-%dT%H-%M-%S", now)
        self.path = folder / f"rollout-{stamp}-{thread_id}.jsonl"
        self.lock = Lock(home, thread_id)
        self._clock = clock
        self._told = Told(window)
        self._file: FileIO | None = None
        self._ordinal = 0
        self._whole: int | None = None
        self._refused = False
        self._flushing: Thread | None = None

    @classmethod
    def again(
        cls, home: Path, kept: Kept, clock: Clock, window: int | None = None
    ) -> "Rollout":
        """Return the journal of a session that goes on, in the file it has.

        A last line that was cut off there is taken away.
        """
        journal = cls(home, kept.thread_id, clock, window)
        journal.path, journal._ordinal, journal._whole = (
            kept.path,
            kept.lines,
            kept.size,
        )
        journal._told = Told(window, kept.usage)
        journal.lock = kept.lock or journal.lock
        return journal

    def append(self, item: Item) -> None:
        """Write one item of the history."""
        self._write("response_item", item)
        for payload in self._told.kept(item):
            self._write("event_msg", payload)

    def note(self, kind: str, payload: object) -> None:
        """Write one line. Raises ``SessionError`` when the disk refuses it."""
        if kind == "session_meta" and self._ordinal:
            return  # the file has one
        for before in self._told.noted(kind, payload, self._clock.now()):
            self._write("event_msg", before)
        if not self._told.known(kind, payload):
            self._write(kind, payload)

    def tell(self, event: Event) -> None:
        """Keep what a front end is told, if readers of sessions look for it."""
        for payload in self._told.told(event, self._clock.now()):
            # A disk that refuses was told of, or will be: events are told, not asked.
            if not self._refused:
                self._write("event_msg", payload)
        if isinstance(event, TurnCompleted | TurnFailed):
            self._flush()

    def moved(self) -> bool:
        """Tell whether somebody else has written to the file since we did."""
        if self._whole is None or self._file is not None:
            return False
        try:
            return self.path.stat().st_size != self._whole
        except OSError:
            return True

    def rest(self) -> None:
        """Let others write until we do again; ``moved`` tells whether they did."""
        if self._file is not None:
            self._whole = self._file.tell()
        self._shut()

    def close(self) -> None:
        """Close the file once the last turn is safe, and let others write."""
        if self._flushing is not None:
            self._flushing.join(FLUSH_S)
        self._shut()

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self.lock.release()

    def _flush(self) -> None:
        """Bring a turn to the disk itself: a power cut does not take it.

        That takes milliseconds on some disks and a second on others, so it is done
        beside whatever comes next.
        """
        if self._file is not None:
            fd = os.dup(self._file.fileno())
            self._flushing = Thread(target=_sync, args=(fd, self.path.parent))
            self._flushing.daemon = True
            self._flushing.start()

    def _write(self, kind: str, payload: object) -> None:
        line = {
            "timestamp": utc(self._clock.now()),
            "ordinal": self._ordinal,
            "type": kind,
            "payload": payload,
        }
        try:
            self._append(encode(line) + b"\n")
        except OSError as error:
            self._refused = True
            raise SessionError(
                f"cannot write the session to {self.path}: {error.strerror}",
                hint="Free some space or make the folder writable, "
                "or run with `--ephemeral`.",
            ) from error
        self._ordinal += 1
        self._refused = False

    def _append(self, data: bytes) -> None:
        file = self._file or self._open()
        begin = file.seek(0, os.SEEK_END)
        try:
            while data:  # nothing is buffered, so that `close` has nothing to lose
                data = data[file.write(data) :]
        except OSError:
            with contextlib.suppress(OSError):  # half a line would spoil the next
                file.truncate(begin)
            raise

    def _open(self) -> FileIO:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.lock.take()
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
        # One that goes on is there: made anew, its beginning would be missing.
        flags |= os.O_CREAT if self._whole is None else 0
        file = FileIO(os.open(self.path, flags, 0o600), "r+")
        try:
            self.path.chmod(0o600)
            if self._whole is not None:
                self._cut(file, self._whole)
        except BaseException:
            file.close()
            raise
        self._file = file
        return file

    def _cut(self, file: FileIO, whole: int) -> None:
        """Take a torn line away; whole ones behind what we know are somebody's."""
        file.seek(whole)
        if b"\n" in file.readall():
            raise SessionError(
                "somebody else has gone on with this session meanwhile",
                hint="Open it again, to go on from there.",
            )
        file.truncate(whole)


def _sync(fd: int, folder: Path) -> None:
    """Flush a file, and the name it has in a folder; close it."""
    # A disk that cannot do this has failed at more than that.
    with contextlib.suppress(OSError):
        os.fsync(fd)
    os.close(fd)
    with contextlib.suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


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
