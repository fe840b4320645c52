"""What a person has typed, in all conversations: ``history.jsonl``.

Source of the format: the Codex CLI 0.169, ``{"session_id", "ts", "text"}`` a line, for
nobody else to read.
"""

import os
from pathlib import Path

import msgspec

from codex_oss.config.locked import take

FILE = "history.jsonl"
TAIL_BYTES = 256 * 1024
"""Of the file, read for the prompts that are offered again."""


class _Line(msgspec.Struct):
    session_id: str
    ts: int
    text: str


_decode = msgspec.json.Decoder(_Line).decode


class Prompts:
    """The file of prompts. With ``keep`` False it is neither written nor read."""

    def __init__(self, home: Path, *, keep: bool, max_bytes: int | None) -> None:
        self._path = home / FILE
        self._keep = keep
        self._max_bytes = max_bytes

    def last(self) -> list[str]:
        """Return the prompts at the end of the file, the oldest first."""
        if not self._keep:
            return []
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - TAIL_BYTES, 0))
                lines = file.read().splitlines()
        except OSError:
            return []
        found: list[str] = []
        for line in lines:
            try:
                text = _decode(line).text
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            if not found or found[-1] != text:
                found.append(text)
        return found

    def add(self, session_id: str, now: float, text: str) -> None:
        """Append a prompt; a disk that refuses it is no reason to stop."""
        if not self._keep:
            return
        line = msgspec.json.encode(_Line(session_id, int(now), text)) + b"\n"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(self._path, flags, 0o600), "r+b", 0) as file:
                take(file)
                _append(file.fileno(), line)
                self._trim(file.fileno())
        except OSError:
            return

    def _trim(self, fd: int) -> None:
        """Let the oldest lines go where the file is larger than it may be.

        Who is killed meanwhile has lines twice, not none.
        """
        size, limit = os.fstat(fd).st_size, self._max_bytes
        if limit is None or size <= limit:
            return
        kept = os.pread(fd, limit, size - limit)
        kept = kept[kept.find(b"\n") + 1 :]
        if os.pwrite(fd, kept, 0) == len(kept):
            os.ftruncate(fd, len(kept))


def _append(fd: int, line: bytes) -> None:
    """Write a line at the end, and end one before it that was cut off."""
    size = os.fstat(fd).st_size
    torn = size and os.pread(fd, 1, size - 1) != b"\n"
    os.pwrite(fd, b"\n" + line if torn else line, size)
