"""Contents of files, each under the hash of what it holds.

A content appears whole or not at all, and is checked when it is read: what a record
names is there, or is known to be damaged.
"""

import os
import stat
from collections.abc import Container
from hashlib import blake2b

import msgspec

from codex_oss.errors import UndoError
from codex_oss.undo.entries import File, Stamp, permissions, stamp_of

LARGE = 10 * 1024 * 1024
"""Bytes of a file from which on it is not kept."""
DIGEST_SIZE = 32
TRIES = 3
"""How often a file is read that changes while it is read."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Kept(msgspec.Struct, frozen=True):
    """A file that was read and kept.

    ``stamp`` is None when it may have changed while it was read.
    """

    file: File
    stamp: Stamp | None


class Blobs:
    """The contents of one workspace, in ``folder``. ``added`` counts bytes written."""

    def __init__(self, folder: str) -> None:
        self.added = 0
        if not os.path.isdir(folder):  # noqa: PTH112  a string
            os.makedirs(folder, mode=0o700)  # noqa: PTH103
        self._fd = os.open(folder, _FOLDER)
        self._token = os.urandom(4).hex()

    def close(self) -> None:
        """Close the folder."""
        os.close(self._fd)

    def keep(self, name: bytes, folder: int) -> Kept | None:
        """Keep the file ``name`` of an open folder; None if it is large, or no file.

        Raises ``OSError`` if it cannot be read, ``UndoError`` if it cannot be kept.
        """
        source = os.open(name, _READ, dir_fd=folder)
        try:
            for attempt in range(1, TRIES + 1):
                told = os.fstat(source)
                if told.st_size > LARGE or not stat.S_ISREG(told.st_mode):
                    return None
                data = _read(source, told.st_size)
                stamp = stamp_of(told)
                still = stamp == stamp_of(os.fstat(source))
                if still or attempt == TRIES:
                    file = File(permissions(told.st_mode), len(data), self.put(data))
                    return Kept(file, stamp if still else None)
        finally:
            os.close(source)
        return None

    def put(self, data: bytes) -> bytes:
        """Keep a content and return its digest. Raises ``UndoError``."""
        digest = blake2b(data, digest_size=DIGEST_SIZE).digest()
        place = _place(digest)
        try:
            if os.stat(place, dir_fd=self._fd).st_size == len(data):
                return digest
        except FileNotFoundError:
            pass
        try:
            self._write(place, data)
        except OSError as error:
            raise UndoError(
                f"cannot keep a file's content: {error.strerror}"
            ) from error
        self.added += len(data)
        return digest

    def get(self, file: File) -> bytes:
        """Return a content. Raises ``UndoError`` if it is gone or damaged."""
        try:
            fd = os.open(_place(file.digest), _READ, dir_fd=self._fd)
            with open(fd, "rb") as kept:  # noqa: PTH123  a descriptor
                data = kept.read()
        except OSError as error:
            raise UndoError(f"a kept content is missing: {error.strerror}") from error
        if blake2b(data, digest_size=DIGEST_SIZE).digest() != file.digest:
            raise UndoError("a kept content is damaged on disk; nothing was changed")
        return data

    def sweep(self, wanted: Container[bytes]) -> int:
        """Delete all contents but the wanted ones; return the bytes that are left."""
        left = 0
        for group in sorted(os.listdir(self._fd)):  # noqa: PTH208  a descriptor
            fd = os.open(group, _FOLDER, dir_fd=self._fd)
            try:
                with os.scandir(fd) as names:
                    for each in names:
                        digest = _digest(group, each.name)
                        if digest is not None and digest in wanted:
                            left += each.stat(follow_symlinks=False).st_size
                        else:
                            os.unlink(each.name, dir_fd=fd)
            finally:
                os.close(fd)
        return left

    def _write(self, place: str, data: bytes) -> None:
        temp = f"{place[:2]}/{self._token}.tmp"
        try:
            fd = os.open(temp, _NEW, 0o600, dir_fd=self._fd)
        except FileNotFoundError:
            os.mkdir(place[:2], 0o700, dir_fd=self._fd)
            fd = os.open(temp, _NEW, 0o600, dir_fd=self._fd)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.rename(temp, place, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except OSError:
            os.unlink(temp, dir_fd=self._fd)
            raise
        finally:
            os.close(fd)


def _read(fd: int, size: int) -> bytes:
    """Return a file's content, and a byte more if it has grown."""
    # One more than it has: less than that is returned at the end of a file only.
    return os.pread(fd, min(size, LARGE) + 1, 0)


def _place(digest: bytes) -> str:
    text = digest.hex()
    return f"{text[:2]}/{text[2:]}"


def _digest(group: str, name: str) -> bytes | None:
    """Return the digest that a file is named for; None for one cut off."""
    try:
        return bytes.fromhex(group + name)
    except ValueError:
        return None
