"""llama.cpp's output: the child's report, a file for people, the last lines for us."""

import asyncio
import contextlib
import os
from io import FileIO
from pathlib import Path

from codex_oss.engines.llamacpp_child import MARK

KEPT_BYTES = 64 * 1024
"""Of the log's end, to find the reason of a failure."""
FILE_LIMIT = 4 * 1024 * 1024
"""Bytes of one log file; what comes later is dropped."""
KEPT_FILES = 5


class Log:
    """Takes the output of one child in pieces of any size."""

    def __init__(self, directory: Path) -> None:
        self.report: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.path: Path | None = None
        self._tail = b""
        self._written = 0
        self._file = self._create(directory)

    def feed(self, data: bytes) -> None:
        """Take output; ``report`` is done once the child's line is whole."""
        self._tail += data
        if not self.report.done() and MARK in self._tail:
            line, end, rest = self._tail.partition(MARK)[2].partition(b"\n")
            if end:
                self.report.set_result(line)
                self._tail = rest
        self._tail = self._tail[-KEPT_BYTES:]
        if self._file is not None and self._written < FILE_LIMIT:
            with contextlib.suppress(OSError):  # a full disk does not stop the engine
                self._written += self._file.write(data) or 0

    def text(self) -> str:
        """Return the end of the log."""
        return self._tail.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file; the text stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _create(self, directory: Path) -> FileIO | None:
        """Open this process's file, delete the oldest; None if the disk refuses."""
        self.path = directory / f"llamacpp-{os.getpid()}.log"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            old = sorted(directory.glob("llamacpp-*.log"), key=os.path.getmtime)
            for path in old[: max(0, len(old) - KEPT_FILES + 1)]:
                path.unlink(missing_ok=True)
            return self.path.open("wb", buffering=0)
        except OSError:
            self.path = None
            return None
