"""The log of a bridge in the background: written, turned over, read."""

import codecs
import contextlib
import os
from io import BufferedReader
from pathlib import Path
from typing import TextIO

MAX_BYTES = 8 * 1024 * 1024
"""Of a log; then it becomes ``.1`` and a new one begins."""
MAX_TAIL_BYTES = 1024 * 1024
"""Of a log's end that are looked at for its last lines."""

_STDOUT, _STDERR = 1, 2


class Log(TextIO):
    """A text stream to a file that is turned over.

    With ``standard`` the process's own output goes there too, the interpreter's last
    words and an engine's included.
    """

    def __init__(
        self, path: Path, *, max_bytes: int = MAX_BYTES, standard: bool = True
    ) -> None:
        self._path = path
        self._max = max_bytes
        self._standard = standard
        self._fd = -1
        self._open()

    def write(self, text: str, /) -> int:
        """Write at once; what a full disk does not take is lost."""
        data = text.encode("utf-8", "replace")
        # A bridge that cannot write its log serves all the same.
        with contextlib.suppress(OSError):
            if self._size and self._size + len(data) > self._max:
                self._turn_over()
            self._size += len(data)
            while data:
                data = data[os.write(self._fd, data) :]
        return len(text)

    def flush(self) -> None:
        """Do nothing: all is written."""

    def isatty(self) -> bool:
        """Return that nobody watches."""
        return False

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _turn_over(self) -> None:
        self._path.replace(previous(self._path))
        self.close()
        self._open()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._fd).st_size
        if self._standard:
            os.dup2(self._fd, _STDOUT)
            os.dup2(self._fd, _STDERR)


def previous(path: Path) -> Path:
    """Return where a log that was turned over is."""
    return path.with_name(f"{path.name}.1")


def last_lines(path: Path, count: int) -> str:
    """Return the last lines of a log, and nothing where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - MAX_TAIL_BYTES))
            data = file.read()
    except FileNotFoundError:
        return ""
    lines = data.decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(lines[-count:]) if count > 0 else ""


class Tail:
    """What is added to a log from now on, also after it was turned over."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._file = self._opened()
        if self._file is not None:
            self._file.seek(0, os.SEEK_END)

    def read(self) -> str:
        """Return what is new."""
        data = self._file.read() if self._file is not None else b""
        if self._replaced():
            self.close()
            self._file = self._opened()
            data += self._file.read() if self._file is not None else b""
        return self._decoder.decode(data)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _opened(self) -> BufferedReader | None:
        try:
            return self._path.open("rb")
        except FileNotFoundError:
            return None

    def _replaced(self) -> bool:
        try:
            now = self._path.stat()
        except FileNotFoundError:
            return False
        if self._file is None:
            return True
        ours = os.fstat(self._file.fileno())
        return (ours.st_dev, ours.st_ino) != (now.st_dev, now.st_ino)
