"""Contents of files, each under the hash of what it holds.

They lie one behind the other in a few packs, since making a file for each takes a file
system up to a hundred times as long. Beside a pack its index says where each begins; a
pack without one is what a killed process has left, and nothing names its contents. What
is read is checked: what a record names is there, or is known to be damaged.
"""

import errno
import os
import stat
from collections.abc import Container
from contextlib import suppress
from hashlib import blake2b

import msgspec

from codex_oss.errors import UndoError
from codex_oss.patch import attributes
from codex_oss.undo.entries import File, Folder, Stamp, permissions, stamp_of

LARGE = 10 * 1024 * 1024
"""Bytes of a file from which on it is not kept."""
DIGEST_SIZE = 32
SMALL = 1024 * 1024
"""Bytes of a pack below which it is put together with others."""
SPARE = 20
"""Percent of a pack that may be unwanted before it is written anew without that."""
TRIES = 3
"""How often a file is read that changes while it is read."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Kept(msgspec.Struct, frozen=True):
    """A file that was read and kept.

    ``stamp`` is None when it may have changed while it was read.
    """

    file: File
    stamp: Stamp | None


class _Pack(msgspec.Struct, frozen=True):
    """A pack by its path without ``.pack``, and where what lies in it."""

    path: str
    places: dict[bytes, tuple[int, int]]
    """From digest to offset and size."""

    @property
    def file(self) -> str:
        """The file with the contents."""
        return f"{self.path}.pack"

    @property
    def index(self) -> str:
        """The file that says where they are."""
        return f"{self.path}.index"

    def remove(self) -> None:
        """Delete it; without an index nobody knows its contents."""
        for path in (self.index, self.file):
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108  a string


class Blobs:
    """The contents of one workspace, in ``folder``. ``added`` counts bytes written.

    Whoever writes down a digest calls ``flush`` before.
    """

    def __init__(self, folder: str) -> None:
        self.added = 0
        os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103  a string
        self._folder = folder
        self._packs: dict[str, _Pack] | None = None
        self._known: dict[bytes, str] = {}
        self._fd = -1
        self._end = 0
        self._open = _Pack("", {})
        self._flushed = 0
        self._flushed_end = 0

    def close(self) -> None:
        """Put all on disk."""
        try:
            self.flush()
        finally:
            self._close_pack()

    def flush(self) -> None:
        """Make known what was kept, also to those who come after us."""
        pack = self._open
        if len(pack.places) > self._flushed:
            _replace(pack.index, msgspec.msgpack.encode(pack.places))
            self._flushed, self._flushed_end = len(pack.places), self._end

    def harden(self, wanted: Container[bytes]) -> None:
        """Bring contents to the disk itself, where a power cut leaves them."""
        self.flush()
        for pack in self._load().values():
            if any(digest in wanted for digest in pack.places):
                sync(pack.file)
                sync(pack.index)
        sync(self._folder)

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
                data, more = _read(source, told.st_size), attributes.read(source)
                stamp = stamp_of(told)
                still = stamp == stamp_of(os.fstat(source))
                if still or attempt == TRIES:
                    file = File(
                        permissions(told.st_mode),
                        len(data),
                        self.put(data),
                        self.put(more) if more else b"",
                    )
                    return Kept(file, stamp if still else None)
        finally:
            os.close(source)
        return None

    def put(self, data: bytes) -> bytes:
        """Keep a content and return its digest. Raises ``UndoError``."""
        digest = blake2b(data, digest_size=DIGEST_SIZE).digest()
        try:
            packs = self._load()
            if digest not in self._known:
                self._append(packs, digest, data)
        except OSError as error:
            self._drop()
            raise UndoError(
                f"cannot keep a file's content: {error.strerror}"
            ) from error
        return digest

    def holds(self, of: File) -> bool:
        """Return whether all of a file can be had back, damage on disk aside."""
        self._load()
        more = of.attributes
        return of.digest in self._known and (not more or more in self._known)

    def get(self, file: File) -> bytes:
        """Return a content. Raises ``UndoError`` if it is gone or damaged."""
        return self._checked(file.digest)

    def attributes(self, of: File | Folder) -> bytes:
        """Return a file's attributes. Raises ``UndoError`` as ``get`` does."""
        return self._checked(of.attributes) if of.attributes else b""

    def _checked(self, digest: bytes) -> bytes:
        try:
            data = self._get(digest)
        except OSError as error:
            raise UndoError(f"a kept content is missing: {error.strerror}") from error
        if blake2b(data, digest_size=DIGEST_SIZE).digest() != digest:
            raise UndoError("a kept content is damaged on disk; nothing was changed")
        return data

    def sweep(self, wanted: Container[bytes], spare: int = SPARE) -> int:
        """Delete what is not wanted, as far as that pays; return the bytes left.

        Packs with more than ``spare`` percent of that, and small ones, are written
        anew without it. The others go first: the disk may be full.
        """
        old = list(self._load().values())
        self.flush()
        self._close_pack()
        left, kept = 0, set[str]()
        found = [
            (pack, {d: at for d, at in pack.places.items() if d in wanted})
            for pack in old
        ]
        for pack, live in found:
            if not live:
                pack.remove()
        for pack, live in found:
            size = sum(size for _, size in live.values())
            total = sum(size for _, size in pack.places.values())
            if size >= SMALL and (total - size) * 100 <= total * spare:
                left += total
                kept.add(pack.path)
                continue
            left += size
            for digest, (offset, length) in live.items():
                self._append(self._load(), digest, _piece(pack, offset, length))
            if size >= SMALL:  # room for one is enough
                self.flush()
                pack.remove()
        self.flush()
        if self._fd >= 0:
            kept.add(self._open.path)
        for name in os.listdir(self._folder):  # noqa: PTH208  a string
            path = f"{self._folder}/{name}"
            if path.rpartition(".")[0] not in kept:
                os.unlink(path)  # noqa: PTH108  a string
        self._close_pack()
        self._packs = None
        return left

    def _load(self) -> dict[str, _Pack]:
        """Return all packs by their paths, read once."""
        if self._packs is None:
            self._packs, self._known = {}, {}
            for name in os.listdir(self._folder):  # noqa: PTH208  a string
                path, dot, kind = f"{self._folder}/{name}".rpartition(".")
                if dot and kind == "index":
                    pack = _Pack(path, _places(path))
                    self._packs[path] = pack
                    self._known |= dict.fromkeys(pack.places, path)
        return self._packs

    def _append(self, packs: dict[str, _Pack], digest: bytes, data: bytes) -> None:
        if self._fd < 0:
            path = f"{self._folder}/{os.urandom(8).hex()}"
            self._open, self._end = _Pack(path, {}), 0
            self._flushed = self._flushed_end = 0
            self._fd = os.open(self._open.file, _NEW, 0o600)
            packs[path] = self._open
        rest, at = memoryview(data), self._end
        while rest:
            written = os.pwrite(self._fd, rest, at)
            rest, at = rest[written:], at + written
        self._open.places[digest] = self._end, len(data)
        self._known[digest] = self._open.path
        self._end = at
        self.added += len(data)

    def _drop(self) -> None:
        """Give the room back that contents take which nothing will name."""
        pack = self._open
        for digest in list(pack.places)[self._flushed :]:
            del pack.places[digest], self._known[digest]
        self._end = self._flushed_end
        if self._fd >= 0:
            os.ftruncate(self._fd, self._end)

    def _get(self, digest: bytes) -> bytes:
        packs = self._load()
        if digest not in self._known:
            raise FileNotFoundError(errno.ENOENT, "it is in no pack")
        pack = packs[self._known[digest]]
        return _piece(pack, *pack.places[digest])

    def _close_pack(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def sync(path: str) -> None:
    """Bring a file or folder to the disk itself."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _piece(pack: _Pack, offset: int, size: int) -> bytes:
    fd = os.open(pack.file, _READ)
    try:
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def _places(path: str) -> dict[bytes, tuple[int, int]]:
    """Return a pack's index without what the pack does not hold; empty if damaged."""
    fd = os.open(f"{path}.index", _READ)
    with open(fd, "rb") as file:  # noqa: PTH123  a descriptor
        try:
            places = msgspec.msgpack.Decoder(dict[bytes, tuple[int, int]]).decode(
                file.read()
            )
            end = os.stat(f"{path}.pack").st_size  # noqa: PTH116  a string
        except (FileNotFoundError, msgspec.DecodeError):
            return {}
    return {
        digest: (offset, size)
        for digest, (offset, size) in places.items()
        if offset >= 0 and size >= 0 and offset + size <= end
    }


def _replace(path: str, data: bytes) -> None:
    """Put a file in its place, whole or not at all."""
    temp = f"{path}.{os.urandom(4).hex()}.new"
    with open(os.open(temp, _NEW, 0o600), "wb") as file:  # noqa: PTH123  a descriptor
        file.write(data)
    os.rename(temp, path)  # noqa: PTH104  a string


def _read(fd: int, size: int) -> bytes:
    """Return a file's content, and a byte more if it has grown."""
    # One more than it has: less than that is returned at the end of a file only.
    return os.pread(fd, min(size, LARGE) + 1, 0)
