"""A model file while it is being written: locked, hashed, then whole or not there.

The bytes go to ``FILE.partial``, which is also the lock (``flock``) between
processes that want the same file. Only a file that was checked gets its real name,
in one step and after ``fsync``.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from codex_oss.engines import room
from codex_oss.engines.base import Looking, Verifying
from codex_oss.errors import DownloadError

if TYPE_CHECKING:
    from hashlib import _Hash

LOCK_POLL_S = 0.5
LOCK_LIMIT_S = 24 * 3600.0
"""How long to wait for another process that downloads the same file."""
HASH_BLOCK = 8 * 1024 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Partial:
    """One file being written. Call ``lock`` first and ``close`` always."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.partial")
        self.done = 0
        self._file: FileIO | None = None
        self._hash: _Hash | None = None

    async def lock(self, name: str) -> AsyncIterator[Looking]:
        """Become the only writer; tells once when that takes waiting.

        Ask ``is_finished`` afterwards: another process may have been faster.
        Raises ``errors.DownloadError``.
        """
        self._make_directory()
        waited = 0.0
        while not self._try_lock():
            if waited == 0:
                yield Looking(f"{name}: another process is downloading it; waiting")
            if waited >= LOCK_LIMIT_S:
                raise DownloadError(
                    f"Another process has been downloading {name} for a day",
                    hint=f"End it, or delete {self.path}.",
                )
            await asyncio.sleep(LOCK_POLL_S)
            waited += LOCK_POLL_S

    def is_finished(self) -> bool:
        """Tell whether the whole file is there under its own name."""
        return self.target.exists()

    async def rehash(self, name: str) -> AsyncIterator[Verifying]:
        """Read what an earlier try left, so that writing goes on behind it."""
        file = self._open()
        self._reset_hash()
        left = os.fstat(file.fileno()).st_size
        if left:
            yield Verifying(name)
        file.seek(0)
        self.done = 0
        while block := await asyncio.to_thread(self._hash_block, file):
            self.done += block

    def restart(self) -> None:
        """Forget all bytes: the server sends the file from its start."""
        file = self._open()
        file.seek(0)
        file.truncate()
        self.done = 0
        self._reset_hash()

    def need(self, size: int) -> None:
        """Raise ``errors.DownloadError`` if the disk has no room for the rest."""
        left = max(0, size - self.done)
        room.require_disk(self.path.parent, left, self.target.name)

    def write(self, data: bytes) -> None:
        """Append bytes. Raises ``errors.DownloadError`` when the disk does not."""
        file, rest = self._open(), memoryview(data)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise self._disk_error(error) from error
        if self._hash is not None:
            self._hash.update(data)
        self.done += len(data)

    def commit(self, sha256: str | None) -> None:
        """Check the bytes and give the file its name.

        Raises ``errors.DownloadError`` if the hash differs; the bytes are deleted.
        """
        file = self._open()
        if sha256 and self._hash is not None and self._hash.hexdigest() != sha256:
            self.discard()
            raise DownloadError(
                f"{self.target.name} arrived damaged: its SHA-256 is not {sha256}",
                hint="It was deleted. Try again; if it happens again, the server or "
                "a proxy on the way changes the file.",
            )
        try:
            os.fsync(file.fileno())
            self.path.rename(self.target)
        except OSError as error:
            raise self._disk_error(error) from error

    def discard(self) -> None:
        """Delete the bytes."""
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the lock. What was written stays for a later try."""
        file, self._file = self._file, None
        if file is None:
            return
        if os.fstat(file.fileno()).st_size == 0 and _is_at(file, self.path):
            self.discard()
        file.close()

    def _make_directory(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._disk_error(error) from error

    def _try_lock(self) -> bool:
        import fcntl  # noqa: PLC0415  only downloads need it

        try:
            file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise self._disk_error(error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        if not _is_at(file, self.path):  # its last owner renamed or deleted it
            file.close()
            return False
        self._file = file
        return True

    def _open(self) -> FileIO:
        assert self._file is not None, "lock() comes first"
        return self._file

    def _reset_hash(self) -> None:
        from hashlib import sha256  # noqa: PLC0415  2 ms; only downloads need it

        self._hash = sha256()

    def _hash_block(self, file: FileIO) -> int:
        block = file.read(HASH_BLOCK)
        if self._hash is not None:
            self._hash.update(block)
        return len(block)

    def _disk_error(self, error: OSError) -> DownloadError:
        if error.errno in _FULL:
            return DownloadError(
                f"The disk of {self.path.parent} is full; "
                f"{room.gigabytes(self.done)} of {self.target.name} are there",
                hint=f"{room.HINT} What has arrived is kept: the same command goes on "
                "from there.",
            )
        return DownloadError(
            f"Cannot write {self.path}: {error.strerror}",
            hint="Check the disk's free space and the rights of the directory, or "
            "set `engine.models_dir` to another place.",
        )


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(file.fileno()), there)
