"""What a program of ours says: a file for people, its end and one word of it for us.

The word is what the program tells once, such as where it listens: it stands between two
marks, on one line.
"""

import asyncio
import contextlib
import os
from io import FileIO
from itertools import chain, count
from pathlib import Path

KEPT_BYTES = 64 * 1024
"""Of the log's end, to find the reason of a failure."""
FILE_LIMIT = 16 * 1024 * 1024
"""Bytes of one log file; what comes later is dropped."""
KEPT_FILES = 5
"""Of each kind of program."""


class Log:
    """Takes the output of one program in pieces of any size."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        mark: bytes,
        end: bytes,
        after: Path | None = None,
    ) -> None:
        """Begin the file of program ``name``; the word is between ``mark`` and ``end``.

        ``after``: the file of the one before it, which goes on unless it is too long.
        ``path`` is None if the disk refuses: nothing else depends on it.
        """
        self.word: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.path: Path | None = None
        self._mark, self._end = mark, end
        self._tail = b""
        self._written = 0
        self._file = self._create(folder, name, after)

    def feed(self, data: bytes) -> None:
        """Take output."""
        self._tail += data
        if not self.word.done() and self._mark in self._tail:
            word, end, rest = self._tail.partition(self._mark)[2].partition(self._end)
            if end:
                self.word.set_result(word)
                self._tail = rest
        self._tail = self._tail[-KEPT_BYTES:]
        if self._file is not None and self._written < FILE_LIMIT:
            with contextlib.suppress(OSError):  # a full disk does not stop the program
                self._written += self._file.write(data) or 0

    def text(self) -> str:
        """Return the end of what came, without the word and what was before it."""
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file; the text stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _create(self, folder: Path, name: str, after: Path | None) -> FileIO | None:
        """Open a file of this process, and delete the oldest."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            old = sorted(folder.glob(f"{name}-*.log"), key=os.path.getmtime)
            for path in old[: max(0, len(old) - KEPT_FILES + 1)]:
                path.unlink(missing_ok=True)
            self.path = after or _free(folder / f"{name}-{os.getpid()}.log")
            if after is not None and after.exists():
                self._written = after.stat().st_size
            if self._written >= FILE_LIMIT:
                self._written = 0
            return self.path.open("ab" if self._written else "wb", buffering=0)
        except OSError:
            self.path = None
            return None


def _free(path: Path) -> Path:
    """Return ``path``, or one with a number: a process may have several programs."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return next(each for each in chain([path], numbered) if not each.exists())
