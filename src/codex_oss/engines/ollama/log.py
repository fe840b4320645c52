"""What a server of ours says: a file for people, its last lines and its address for us.

The address is that of the line ``Listening on 127.0.0.1:PORT (version V)``: with port 0
in ``OLLAMA_HOST`` the system chooses one that nobody else has. Source: Ollama 0.5 to
0.33.
"""

import asyncio
import contextlib
import os
from io import FileIO
from pathlib import Path

KEPT_BYTES = 64 * 1024
"""Of the log's end, to find the reason of a failure."""
FILE_LIMIT = 16 * 1024 * 1024
"""Bytes of one log file; what comes later is dropped."""
KEPT_FILES = 5

_MARK = b"Listening on "


class Log:
    """Takes the output of one server in pieces of any size."""

    def __init__(self, folder: Path) -> None:
        self.address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """``host:port``, once the server has told it."""
        self.path: Path | None = None
        self._tail = b""
        self._written = 0
        self._file = self._create(folder)

    def feed(self, data: bytes) -> None:
        """Take output."""
        self._tail += data
        if not self.address.done() and _MARK in self._tail:
            place, end, _ = self._tail.partition(_MARK)[2].partition(b" ")
            if end:
                self.address.set_result(place.decode("ascii", "replace"))
        self._tail = self._tail[-KEPT_BYTES:]
        if self._file is not None and self._written < FILE_LIMIT:
            with contextlib.suppress(OSError):  # a full disk does not stop the server
                self._written += self._file.write(data) or 0

    def reason(self) -> str:
        """Return the last line that says what went wrong, else the last one."""
        lines = [
            line.strip()
            for line in self._tail.decode("utf-8", "replace").splitlines()
            if line.strip()
        ]
        bad = [line for line in lines if line.lower().startswith(("error", "panic"))]
        return (bad or lines or [""])[-1].removeprefix("Error: ")

    def close(self) -> None:
        """Close the file; the text stays."""
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _create(self, folder: Path) -> FileIO | None:
        """Open a file of its own, delete the oldest; None if the disk refuses."""
        self.path = folder / f"ollama-{os.getpid()}.log"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            old = sorted(folder.glob("ollama-*.log"), key=os.path.getmtime)
            for path in old[: max(0, len(old) - KEPT_FILES + 1)]:
                path.unlink(missing_ok=True)
            return self.path.open("wb", buffering=0)
        except OSError:
            self.path = None
            return None
